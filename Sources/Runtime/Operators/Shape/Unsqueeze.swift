/// `Unsqueeze`: puts axes of extent 1 into a shape.
///
/// |        | name       | shape | element types |
/// |--------|------------|-------|---------------|
/// | input  | `data`     | any   | any           |
/// | input  | `axes`     | `[n]` | `i64`: places in the output; an attribute before opset 13 |
/// | output | `expanded` |       | type of `data` |
///
/// Source: ONNX `Unsqueeze`, opsets 1 to 25.
struct Unsqueeze: DataMovement {
  private let fixed: [Int]?

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: node.opset < 13 ? 1...1 : 2...2)
    fixed = node.opset < 13 ? try node.ints("axes") : nil
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let data = try inputs.tensor(0)
    guard let shape = data.shape else { return [.tensor(data.element, nil)] }
    guard let axes = fixed ?? inputs.integers(1) else {
      guard let more = try inputs.tensor(1).shape?.count.value, more <= 64 else {
        return [.tensor(data.element, nil)]
      }
      let unknown = Array(repeating: Dimension.unknown, count: shape.rank + more)
      return [.tensor(data.element, Shape(unknown))]
    }
    let rank = shape.rank + axes.count
    var added: Set<Int> = []
    for axis in axes {
      guard added.insert(try Shape.normalize(axis, rank: rank)).inserted else {
        throw ModelError(.invalidAttribute, "axes \(axes)", expected: "each axis once")
      }
    }
    var rest = shape.dimensions.makeIterator()
    let result = (0..<rank).map { added.contains($0) ? .fixed(1) : rest.next() ?? .unknown }
    return [.tensor(data.element, Shape(result))]
  }

  func knownOutputs(_ inputs: Operands) throws(ModelError) -> [KnownValue?] {
    guard try inputs.tensor(0).shape?.rank == 0, let extents = inputs.extents(0),
      (fixed ?? inputs.integers(1))?.count == 1
    else { return [nil] }
    return [.extents(extents, isScalar: false)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel { .alias() }
}
