import CKernels
import LibC

/// `GlobalAveragePool`, `GlobalMaxPool` and `GlobalLpPool`: each channel's plane becomes one element.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `x`  | `[batch, channels, …]` | floats |
/// | output | `y`  | `[batch, channels, 1, …]` | type of `x` |
/// | attr   | `p`  | | `GlobalLpPool`: default 2 |
///
/// Source: ONNX, opsets 1, 2, 22.
struct GlobalPool: TensorOperator {
  let op: zoo_reduce?
  let p: Double

  init(_ node: NodeReader, _ op: zoo_reduce) throws(ModelError) {
    try node.require(inputs: 1...1)
    self.op = op
    p = 0
  }

  init(lp node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    p =
      node.opset < 2
      ? Double(try node.float("p", default: 2)) : Double(try node.int("p", default: 2))
    guard p > 0 else { throw ModelError(.invalidAttribute, "p is \(p)", expected: "more than 0") }
    op = p == 1 ? zoo_reduce_l1 : p == 2 ? zoo_reduce_l2 : nil
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: ElementType.floats)
    guard let shape = x.shape else { return [.tensor(x.element, nil)] }
    guard shape.rank >= 2 else {
      throw ModelError(.shapeMismatch, "a tensor \(shape)", expected: "[batch, channels, …]")
    }
    let ones = Array(repeating: Dimension.fixed(1), count: shape.rank - 2)
    return [.tensor(x.element, Shape(shape.dimensions.prefix(2) + ones))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let x = try io.input(0)
    let layout = AxisLayout(x.shape, from: 2)
    if let op, x.element != .f64 {
      let stage = try Stage(io, as: .f32)
      return Kernel("global_pool_f32", scratchBytes: stage.scratchOffset) { context in
        stage.load(context)
        let from = stage.input(context, 0, as: Float.self)
        let to = stage.output(context, as: Float.self)
        let kernel = zoo_reduce_f32_kernel(zoo_cpu_isa(), op)
        let grain = max(8, Broadcast.grain / max(layout.axis, 1))
        context.parallel(layout.outer, grain: grain) { range in
          let (x, y) = (from + range.lowerBound * layout.axis, to + range.lowerBound)
          if op == zoo_reduce_mean {
            zoo_global_average_f32(x, y, range.count, layout.axis)
          } else {
            kernel(x, y, range.count, layout.axis, 1)
          }
        }
        stage.store(context)
      }
    }
    let stage = try Stage(io, as: .f64)
    let (op, p) = (op, p)
    return Kernel("global_pool_f64", scratchBytes: stage.scratchOffset) { context in
      stage.load(context)
      let from = stage.input(context, 0, as: Double.self)
      let to = stage.output(context, as: Double.self)
      for plane in 0..<layout.outer {
        let range = plane * layout.axis..<(plane + 1) * layout.axis
        switch op {
        case zoo_reduce_max: to[plane] = range.reduce(-.infinity) { max($0, from[$1]) }
        case zoo_reduce_mean: to[plane] = range.reduce(0) { $0 + from[$1] } / Double(range.count)
        default: to[plane] = pow(range.reduce(0) { $0 + pow(abs(from[$1]), p) }, 1 / p)
        }
      }
      stage.store(context)
    }
  }
}
