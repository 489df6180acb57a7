import CKernels

/// `CumSum` and `CumProd`: running sums and products along an axis.
///
///     y[i] = Σ x[j], j ≤ i; `exclusive`: j < i; `reverse`: from the end
///
/// |        | name   | shape | element types |
/// |--------|--------|-------|---------------|
/// | input  | `x`    | any, rank r ≥ 1 | floats, integers of 8 to 64 bits |
/// | input  | `axis` | `[]` or `[1]`   | `i32`, `i64` |
/// | output | `y`    | shape of `x`    | type of `x` |
/// | attr   | `exclusive`, `reverse` | | default 0 |
///
/// Floats are accumulated in f64, integers wrap. Source: ONNX `CumSum`, opsets 11, 14; `CumProd`, opset 26.
struct Cumulative: TensorOperator {
  let isProduct: Bool
  let isExclusive: Bool
  let isReverse: Bool

  init(_ node: NodeReader, isProduct: Bool) throws(ModelError) {
    try node.require(inputs: 2...2)
    self.isProduct = isProduct
    isExclusive = try node.bool("exclusive", default: false)
    isReverse = try node.bool("reverse", default: false)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: ElementType.numbers)
    _ = try inputs.tensor(1, of: [.i32, .i64])
    if let shape = x.shape, let axis = inputs.integers(1)?.first { _ = try shape.axis(axis) }
    return [.tensor(x)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let x = try io.input(0)
    guard let value = try io.input(1).value else { return .deferred }
    guard let axis = value.integers?.first, value.count == 1 else {
      throw ModelError(.shapeMismatch, "an axis of shape \(value.shape)", expected: "one number")
    }
    let layout = AxisLayout(x.shape, along: try Shape.normalize(axis, rank: x.rank))
    let isFloat = x.element.isFloatingPoint
    let stage = try Stage(io, as: isFloat ? .f64 : .i64, inputs: [0])
    let op = self
    return Kernel("cumulative", scratchBytes: stage.scratchOffset) { context in
      stage.load(context)
      if isFloat {
        op.run(
          stage.input(context, 0, as: Double.self), stage.output(context), layout,
          op.isProduct ? 1 : 0, op.isProduct ? { $0 * $1 } : { $0 + $1 })
      } else {
        op.run(
          stage.input(context, 0, as: Int64.self), stage.output(context), layout,
          op.isProduct ? 1 : 0, op.isProduct ? { $0 &* $1 } : { $0 &+ $1 })
      }
      stage.store(context)
    }
  }

  private func run<T>(
    _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ layout: AxisLayout, _ neutral: T,
    _ combine: (T, T) -> T
  ) {
    for o in 0..<layout.outer {
      for i in 0..<layout.inner {
        var running = neutral
        for step in 0..<layout.axis {
          let a = isReverse ? layout.axis - 1 - step : step
          let at = (o * layout.axis + a) * layout.inner + i
          let next = combine(running, x[at])
          y[at] = isExclusive ? running : next
          running = next
        }
      }
    }
  }
}
