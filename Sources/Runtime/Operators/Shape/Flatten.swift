/// `Flatten`: a matrix of the axes before `axis` by the axes from it on.
///
/// |        | name     | shape | element types |
/// |--------|----------|-------|---------------|
/// | input  | `input`  | any   | any           |
/// | output | `output` | `[∏ before, ∏ after]` | type of `input` |
/// | attr   | `axis`   | −r ... r | default 1  |
///
/// Source: ONNX `Flatten`, opsets 1 to 25.
struct Flatten: DataMovement {
  let axis: Int

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    axis = try node.int("axis", default: 1)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let data = try inputs.tensor(0)
    guard let shape = data.shape else { return [.tensor(data.element, [.unknown, .unknown])] }
    guard axis >= -shape.rank, axis <= shape.rank else {
      throw ModelError(
        .outOfRange, "axis \(axis) of a tensor \(shape)",
        expected: "\(-shape.rank) ... \(shape.rank)"
      )
    }
    let split = axis < 0 ? axis + shape.rank : axis
    let rows = Shape(Array(shape.dimensions[..<split])).count
    let columns = Shape(Array(shape.dimensions[split...])).count
    return [.tensor(data.element, [rows, columns])]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel { .alias() }
}
