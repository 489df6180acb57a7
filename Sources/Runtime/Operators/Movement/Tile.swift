/// `Tile`: repeats a tensor along each axis.
///
///     y[i_0, i_1, …] = x[i_0 mod n_0, i_1 mod n_1, …]
///
/// |        | name      | shape | element types |
/// |--------|-----------|-------|---------------|
/// | input  | `input`   | any   | any           |
/// | input  | `repeats` | `[r]` | `i64`; before opset 6 scalars `tiles` and `axis` of the type of `input` |
/// | output | `output`  | extents times `repeats` | type of `input` |
///
/// Source: ONNX `Tile`, opsets 1 to 13.
struct Tile: DataMovement {
  private let alongOneAxis: Bool

  init(_ node: NodeReader) throws(ModelError) {
    alongOneAxis = node.opset < 6
    try node.require(inputs: alongOneAxis ? 3...3 : 2...2)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let data = try inputs.tensor(0)
    guard let shape = data.shape else { return [.tensor(data.element, nil)] }
    let unknown = Shape(Array(repeating: .unknown, count: shape.rank))
    if alongOneAxis {
      guard let tiles = inputs.constant(1), let axis = inputs.constant(2) else {
        return [.tensor(data.element, unknown)]
      }
      return [.tensor(data.element, try times(repeats(tiles, axis, shape.rank), shape))]
    }
    _ = try inputs.tensor(1, of: [.i64])
    guard let repeats = inputs.extents(1) else { return [.tensor(data.element, unknown)] }
    return [.tensor(data.element, try times(repeats, shape))]
  }

  private func times(_ repeats: [Dimension], _ shape: Shape) throws(ModelError) -> Shape {
    guard repeats.count == shape.rank, repeats.allSatisfy({ ($0.value ?? 0) >= 0 }) else {
      throw ModelError(
        .shapeMismatch, "repeats \(Shape(repeats)) of a tensor \(shape)",
        expected: "\(shape.rank) numbers ≥ 0")
    }
    return Shape(zip(shape.dimensions, repeats).map { $0 * $1 })
  }

  private func repeats(_ tiles: Tensor, _ axis: Tensor, _ rank: Int) throws(ModelError)
    -> [Dimension]
  {
    guard let count = tiles.wholeNumbers?.first, let axis = axis.wholeNumbers?.first else {
      throw ModelError(.outOfRange, "tiles or axis are no whole numbers")
    }
    var repeats = [Dimension](repeating: .fixed(1), count: rank)
    repeats[try Shape.normalize(axis, rank: rank)] = .fixed(count)
    return repeats
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let input = try io.input(0).shape
    let output = try io.output().shape
    if input == output { return .alias() }
    // Each axis becomes two: the repetitions, which move nothing in the input, and the extent.
    var move = StridedMove(extents: [], inStrides: [], outStrides: [])
    let inStrides = rowMajorStrides(input)
    let outStrides = rowMajorStrides(output)
    for axis in input.indices {
      move.extents += [input[axis] == 0 ? 0 : output[axis] / input[axis], input[axis]]
      move.inStrides += [0, inStrides[axis]]
      move.outStrides += [input[axis] * outStrides[axis], outStrides[axis]]
    }
    return try move.kernel("tile", io)
  }
}

extension Tensor {
  /// The elements of a tensor of integers or of floats that are whole, as `Int`s.
  var wholeNumbers: [Int]? {
    switch elementType {
    case .f32: (try? array(of: Float.self))?.wholeNumbers
    case .f64: (try? array(of: Double.self))?.wholeNumbers
    default: integers
    }
  }
}

extension Array where Element: BinaryFloatingPoint {
  fileprivate var wholeNumbers: [Int]? {
    let numbers = compactMap { Int(exactly: $0) }
    return numbers.count == count ? numbers : nil
  }
}
