import CKernels
import LibC

/// `LRN`, `LpNormalization` and `MeanVarianceNormalization`: norms of rarer kinds.
///
///     LRN:  y[n, c, …] = x / (bias + alpha / size · Σ x[n, c', …]²)^beta, c' in a window of `size` channels around c
///     Lp:   y = x / (Σ |x|ᵖ)^(1/p) along `axis`; 0 where the norm is 0
///     MVN:  y = (x − mean) / (√var + 10⁻⁹) over `axes`
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `x`  | any (`LRN`: `[batch, channels, …]`) | floats |
/// | output | `y`  | shape of `x` | type of `x` |
///
/// Computed in f64, but LRN of f32 and narrower with a `beta` of whole quarters in f32. Source: ONNX `LRN`, opsets 1, 13; `LpNormalization`, opsets 1, 22; `MeanVarianceNormalization`,
/// opsets 9, 13.
struct LocalNormalization: TensorOperator {
  enum Form: Sendable {
    case local(size: Int, alpha: Double, beta: Double, bias: Double)
    case lp(axis: Int, p: Int)
    case meanVariance(axes: [Int])
  }

  let form: Form

  init(lrn node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    let size = try node.int("size")
    guard size > 0 else {
      throw ModelError(.invalidAttribute, "size is \(size)", expected: "1 or more")
    }
    form = .local(
      size: size, alpha: Double(try node.float("alpha", default: 1e-4)),
      beta: Double(try node.float("beta", default: 0.75)),
      bias: Double(try node.float("bias", default: 1)))
  }

  init(lp node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    let p = try node.int("p", default: 2)
    guard p == 1 || p == 2 else {
      throw ModelError(.invalidAttribute, "p is \(p)", expected: "1 or 2")
    }
    form = .lp(axis: try node.int("axis", default: -1), p: p)
  }

  init(meanVariance node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    form = .meanVariance(axes: try node.ints("axes", default: [0, 2, 3]))
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: ElementType.floats)
    if let shape = x.shape { try check(shape.rank) }
    return [.tensor(x)]
  }

  private func check(_ rank: Int) throws(ModelError) {
    switch form {
    case .local:
      guard rank >= 2 else {
        throw ModelError(
          .shapeMismatch, "a tensor of rank \(rank)", expected: "[batch, channels, …]")
      }
    case .lp(let axis, _): _ = try Shape.normalize(axis, rank: rank)
    case .meanVariance(let axes): for axis in axes { _ = try Shape.normalize(axis, rank: rank) }
    }
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let shape = try io.input(0).shape
    if case .local(let size, let alpha, let beta, let bias) = form,
      let quarters = [1, 2, 3, 4].first(where: { $0 / 4 == beta }),
      try io.input(0).element != .f64
    {
      let quick = LocalResponse(
        layout: AxisLayout(shape, along: 1), size: size, alpha: Float(alpha / Double(size)),
        bias: Float(bias), quarters: Int32(quarters))
      return try quick.kernel(io)
    }
    let stage = try Stage(io, as: .f64)
    switch form {
    case .local(let size, let alpha, let beta, let bias):
      let layout = AxisLayout(shape, along: 1)
      return kernel("lrn", stage) { x, y, context in
        Self.localResponse(context, x, y, layout, size, alpha / Double(size), beta, bias)
      }
    case .lp(let axis, let p):
      let layout = AxisLayout(shape, along: try Shape.normalize(axis, rank: shape.count))
      return kernel("lp_norm", stage) { x, y, _ in Self.lp(x, y, layout, p) }
    case .meanVariance(let axes):
      var reduced = Set<Int>()
      for axis in axes { reduced.insert(try Shape.normalize(axis, rank: shape.count)) }
      let kept = shape.indices.map { reduced.contains($0) ? 1 : shape[$0] }
      let spread = Broadcast([kept], to: shape)
      let groups = kept.reduce(1, *)
      return kernel("mean_variance_norm", stage) { x, y, _ in
        Self.meanVariance(x, y, spread, groups)
      }
    }
  }

  private func kernel(
    _ name: String, _ stage: Stage,
    _ body:
      @escaping @Sendable (
        UnsafePointer<Double>, UnsafeMutablePointer<Double>, borrowing KernelContext
      ) -> Void
  ) -> Kernel {
    Kernel(name, scratchBytes: stage.scratchOffset) { context in
      stage.load(context)
      body(stage.input(context, 0), stage.output(context), context)
      stage.store(context)
    }
  }

  private static func localResponse(
    _ context: borrowing KernelContext, _ x: UnsafePointer<Double>,
    _ y: UnsafeMutablePointer<Double>, _ layout: AxisLayout, _ size: Int, _ alpha: Double,
    _ beta: Double, _ bias: Double
  ) {
    let (channels, inner) = (layout.axis, layout.inner)
    let before = (size - 1) / 2
    let after = size - 1 - before
    context.parallel(layout.outer * channels, grain: max(1, 2048 / max(inner, 1))) { range in
      for item in range {
        let (n, c) = (item / channels, item % channels)
        let window = max(0, c - before)...min(channels - 1, c &+ after)
        for i in 0..<inner {
          var sum = 0.0
          for k in window {
            let v = x[(n * channels + k) * inner + i]
            sum += v * v
          }
          let at = item * inner + i
          y[at] = x[at] / pow(bias + alpha * sum, beta)
        }
      }
    }
  }

  private static func lp(
    _ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>, _ layout: AxisLayout, _ p: Int
  ) {
    for o in 0..<layout.outer {
      for i in 0..<layout.inner {
        let base = o * layout.axis * layout.inner + i
        var sum = 0.0
        for a in 0..<layout.axis {
          let v = x[base + a * layout.inner]
          sum += p == 1 ? abs(v) : v * v
        }
        let norm = p == 1 ? sum : sum.squareRoot()
        for a in 0..<layout.axis {
          let at = base + a * layout.inner
          y[at] = norm == 0 ? 0 : x[at] / norm
        }
      }
    }
  }

  private static func meanVariance(
    _ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>, _ spread: Broadcast,
    _ groups: Int
  ) {
    var sums = [Double](repeating: 0, count: groups)
    var squares = sums
    func forEach(_ body: (_ at: Int, _ group: Int) -> Void) {
      spread.forEachRow(0..<spread.rowCount) { row, offsets in
        for i in 0..<spread.inner {
          body(row * spread.inner + i, offsets[0] + i * spread.innerStrides[0])
        }
      }
    }
    let size = Double(spread.rowCount * spread.inner) / Double(max(groups, 1))
    forEach { at, group in sums[group] += x[at] / size }
    forEach { at, group in squares[group] += (x[at] - sums[group]) * (x[at] - sums[group]) / size }
    forEach { at, group in y[at] = (x[at] - sums[group]) / (squares[group].squareRoot() + 1e-9) }
  }
}

/// LRN in f32 whose powers are roots.
private struct LocalResponse: Sendable {
  let layout: AxisLayout
  let size: Int
  let alpha: Float
  let bias: Float
  let quarters: Int32

  func kernel(_ io: NodeIO) throws(ModelError) -> Kernel {
    let stage = try Stage(io, as: .f32)
    return Kernel("lrn_f32", scratchBytes: stage.scratchOffset) { context in
      stage.load(context)
      run(
        context, stage.input(context, 0, as: Float.self), stage.output(context, as: Float.self))
      stage.store(context)
    }
  }

  private func run(
    _ context: borrowing KernelContext, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>
  ) {
    let (channels, inner) = (layout.axis, layout.inner)
    let before = (size - 1) / 2
    let kernels = zoo_vector_kernels_for(zoo_cpu_isa()).pointee
    context.parallel(layout.outer * channels, grain: max(1, 4096 / max(inner, 1))) { range in
      var item = range.lowerBound
      while item < range.upperBound {
        let (image, first) = (item / channels, item % channels)
        let end = min(channels, first + range.upperBound - item)
        var call = zoo_local_response(
          x: x + image * channels * inner, y: y + image * channels * inner, channels: channels,
          spatial: inner, first: first, end: end, before: before, after: size - 1 - before,
          alpha: alpha, bias: bias, quarters: quarters)
        kernels.local_response(&call)
        item += end - first
      }
    }
  }
}
