/// `Transpose`: permutes the axes.
///
///     y[i_perm(0), i_perm(1), …] = x[i_0, i_1, …]
///
/// |        | name         | shape | element types |
/// |--------|--------------|-------|---------------|
/// | input  | `data`       | any   | any           |
/// | output | `transposed` | axis k has the extent of axis `perm[k]` | type of `data` |
/// | attr   | `perm`       |       | default: the axes in reverse |
///
/// Source: ONNX `Transpose`, opsets 1 to 25.
struct Transpose: DataMovement {
  let permutation: [Int]?

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    permutation = node.has("perm") ? try node.ints("perm") : nil
    if let permutation, permutation.sorted() != Array(permutation.indices) {
      throw ModelError(
        .invalidAttribute, "attribute 'perm' is \(permutation)", expected: "each axis once")
    }
  }

  private func axes(_ rank: Int) throws(ModelError) -> [Int] {
    let axes = permutation ?? (0..<rank).reversed()
    guard axes.count == rank else {
      throw ModelError(
        .invalidAttribute, "attribute 'perm' is \(axes) for a tensor of rank \(rank)",
        expected: "one entry per axis")
    }
    return axes
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let data = try inputs.tensor(0)
    guard let shape = data.shape else {
      return [
        .tensor(
          data.element, permutation.map { Shape(Array(repeating: .unknown, count: $0.count)) })
      ]
    }
    return [.tensor(data.element, Shape(try axes(shape.rank).map { shape[$0] }))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let shape = try io.input(0).shape
    let axes = try axes(shape.count)
    // Axes of extent 1 may go anywhere without an element moving.
    let moving = axes.filter { shape[$0] != 1 }
    if moving == moving.sorted() { return .alias() }
    let extents = axes.map { shape[$0] }
    let strides = rowMajorStrides(shape)
    return try StridedMove(
      extents: extents, inStrides: axes.map { strides[$0] }, outStrides: rowMajorStrides(extents)
    ).kernel("transpose", io)
  }
}
