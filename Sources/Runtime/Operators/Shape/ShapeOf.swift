/// `Shape`: the extents of a tensor as a list of integers.
///
///     y = [extent of axis i of x, start ≤ i < end]
///
/// |        | name           | shape | element types       |
/// |--------|----------------|-------|---------------------|
/// | input  | `x`            | any   | any                 |
/// | output | `y`            | `[n]` | `i64`               |
/// | attr   | `start`, `end` |       | defaults 0 and rank; negative ones count from the back, since opset 15 |
///
/// Source: ONNX `Shape`, opsets 1 to 25.
struct ShapeOf: TensorOperator {
  let start: Int
  let end: Int?

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    start = node.opset >= 15 ? try node.int("start", default: 0) : 0
    end = node.opset >= 15 && node.has("end") ? try node.int("end") : nil
  }

  private func range(_ rank: Int) -> Range<Int> {
    func clamped(_ index: Int) -> Int { min(max(index < 0 ? index + rank : index, 0), rank) }
    let first = clamped(start)
    return first..<max(first, clamped(end ?? rank))
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    guard let shape = try inputs.tensor(0).shape else { return [.tensor(.i64, [.unknown])] }
    return [.tensor(.i64, [.fixed(range(shape.rank).count)])]
  }

  func knownOutputs(_ inputs: Operands) throws(ModelError) -> [KnownValue?] {
    guard let shape = try inputs.tensor(0).shape else { return [nil] }
    return [.extents(Array(shape.dimensions[range(shape.rank)]), isScalar: false)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let shape = try io.input(0).shape
    let extents = shape[range(shape.count)].map(Int64.init)
    return Kernel("shape") { context in
      for (index, extent) in extents.enumerated() { context.output(as: Int64.self)[index] = extent }
    }
  }
}
