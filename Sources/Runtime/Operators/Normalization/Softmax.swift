import CKernels
import LibC

/// `Softmax`, `LogSoftmax` and `Hardmax`.
///
///     m = maxᵢ x[…, i, …]
///     Softmax:    y[…, i, …] = exp(x[…, i, …] − m) / Σⱼ exp(x[…, j, …] − m)
///     LogSoftmax: its logarithm          Hardmax: 1 at the first maximum, 0 elsewhere
///
/// |        | name   | shape           | element types               |
/// |--------|--------|-----------------|-----------------------------|
/// | input  | `x`    | any, rank r ≥ 1 | `f32`, `f64`, `f16`, `bf16` |
/// | output | `y`    | shape of `x`    | type of `x`                 |
/// | attr   | `axis` | −r ..< r        | default −1 (1 before opset 13) |
///
/// `m` is subtracted so that `exp` cannot overflow. Before opset 13 the default axis is 1 and all axes from it on are
/// normalised together. Source: ONNX `Softmax`, `LogSoftmax`, `Hardmax`, opsets 1, 11, 13.
struct Softmax: TensorOperator {
  enum Form: Sendable { case plain, logarithm, hard }

  let form: Form
  let axis: Int
  let joinsTrailingAxes: Bool

  init(_ node: NodeReader, _ form: Form) throws(ModelError) {
    try node.require(inputs: 1...1)
    self.form = form
    joinsTrailingAxes = node.opset < 13
    axis = try node.int("axis", default: joinsTrailingAxes ? 1 : -1)
  }

  init(_ form: Form, axis: Int) {
    (self.form, self.axis, joinsTrailingAxes) = (form, axis, false)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: ElementType.floats)
    if let shape = x.shape { _ = try resolvedAxis(shape.rank) }
    return [.tensor(x)]
  }

  /// Before opset 13, the axis may be the rank: every element is a row of its own.
  private func resolvedAxis(_ rank: Int) throws(ModelError) -> Int {
    if joinsTrailingAxes, axis == rank { return rank }
    return try Shape.normalize(axis, rank: rank)
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let x = try io.input(0)
    let axis = try resolvedAxis(x.rank)
    let layout =
      joinsTrailingAxes
      ? AxisLayout(x.shape, from: axis) : AxisLayout(x.shape, along: axis)
    let form = form
    if x.element == .f64 {
      return Kernel("softmax_f64") { context in
        Self.rows(
          context, context.input(0, as: Double.self), context.output(as: Double.self), layout, form)
      }
    }
    let stage = try Stage(io, as: .f32)
    return Kernel(
      "softmax_f32", scratchBytes: stage.scratchOffset, reuses: form == .hard ? [:] : [0: 0]
    ) { context in
      stage.load(context)
      let from = stage.input(context, 0, as: Float.self)
      let to = stage.output(context, as: Float.self)
      Self.rows(context, from, to, layout, form)
      stage.store(context)
    }
  }

  /// All rows of `x`, of `Float` or `Double`. `y` may be `x` unless the form is `.hard`.
  static func rows<T: FloatElement>(
    _ context: borrowing KernelContext, _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>,
    _ layout: AxisLayout, _ form: Form
  ) {
    if form == .hard {
      hardmax(x, y, layout)
    } else if T.self == Float.self {
      run(context, asFloats(x), asFloats(y), layout, form == .logarithm)
    } else {
      wide(context, x, y, layout, form == .logarithm)
    }
  }

  private static func run(
    _ context: borrowing KernelContext, _ x: UnsafePointer<Float>,
    _ y: UnsafeMutablePointer<Float>, _ layout: AxisLayout, _ logarithm: Bool
  ) {
    let kernels = zoo_vector_kernels_for(zoo_cpu_isa()).pointee
    let size = layout.axis * layout.inner
    context.parallel(layout.outer, grain: max(1, Broadcast.grain / 4 / max(size, 1))) { rows in
      let (from, to) = (x + rows.lowerBound * size, y + rows.lowerBound * size)
      if layout.inner == 1 {
        var call = zoo_softmax_rows(
          x: from, y: to, rows: rows.count, columns: layout.axis, scale: 1, mask: nil,
          mask_stride: 0, logarithm: logarithm ? 1 : 0)
        kernels.softmax_rows(&call)
      } else {
        var call = zoo_softmax_columns(
          x: from, y: to, outer: rows.count, axis: layout.axis, inner: layout.inner,
          logarithm: logarithm ? 1 : 0)
        kernels.softmax_columns(&call)
      }
    }
  }

  private static func hardmax<T: FloatElement>(
    _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ layout: AxisLayout
  ) {
    y.update(repeating: 0, count: layout.count)
    for o in 0..<layout.outer {
      for i in 0..<layout.inner {
        let base = o * layout.axis * layout.inner + i
        var best = 0
        for a in 1..<max(layout.axis, 1)
        where x[base + a * layout.inner] > x[base + best * layout.inner] { best = a }
        if layout.axis > 0 { y[base + best * layout.inner] = 1 }
      }
    }
  }

  private static func wide<T: FloatElement>(
    _ context: borrowing KernelContext, _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>,
    _ layout: AxisLayout, _ logarithm: Bool
  ) {
    let (axis, inner) = (layout.axis, layout.inner)
    context.parallel(layout.outer * inner, grain: max(1, 1024 / max(1, axis))) { range in
      for row in range {
        let base = row / inner * axis * inner + row % inner
        var top = -Double.infinity
        for a in 0..<axis { top = max(top, Double(x[base + a * inner])) }
        var total = 0.0
        for a in 0..<axis { total += exp(Double(x[base + a * inner]) - top) }
        let log = logarithm ? LibC.log(total) : 0
        for a in 0..<axis {
          let distance = Double(x[base + a * inner]) - top
          y[base + a * inner] = T(logarithm ? distance - log : exp(distance) / total)
        }
      }
    }
  }
}
