/// `Expand`: repeats a tensor along axes of extent 1, as broadcasting does.
///
/// |        | name     | shape | element types |
/// |--------|----------|-------|---------------|
/// | input  | `input`  | any   | any           |
/// | input  | `shape`  | `[r]` | `i64`         |
/// | output | `output` | `input` and `shape` broadcast together | type of `input` |
///
/// Source: ONNX `Expand`, opsets 8 and 13.
struct Expand: DataMovement {
  init(_ node: NodeReader) throws(ModelError) { try node.require(inputs: 2...2) }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let data = try inputs.tensor(0)
    let target = try inputs.tensor(1, of: [.i64])
    guard let shape = data.shape else { return [.tensor(data.element, nil)] }
    if let extents = inputs.extents(1) {
      return [.tensor(data.element, try shape.broadcast(with: Shape(extents)))]
    }
    guard let rank = target.shape?.count.value, rank <= 64 else {
      return [.tensor(data.element, nil)]
    }
    let unknown = Shape(Array(repeating: .unknown, count: max(rank, shape.rank)))
    return [.tensor(data.element, unknown)]
  }

  /// The strides of a row-major tensor as seen from a shape that it is broadcast to.
  static func strides(_ shape: [Int], in target: [Int]) -> [Int] {
    let own = rowMajorStrides(shape)
    let missing = target.count - shape.count
    return target.indices.map { axis in
      axis < missing || shape[axis - missing] == 1 ? 0 : own[axis - missing]
    }
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let input = try io.input(0)
    let output = try io.output()
    if input.count == output.count { return .alias() }
    return try StridedMove(
      extents: output.shape, inStrides: Self.strides(input.shape, in: output.shape),
      outStrides: rowMajorStrides(output.shape)
    ).kernel("expand", io)
  }
}
