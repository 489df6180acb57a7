/// `Squeeze`: takes axes of extent 1 out of a shape.
///
/// |        | name       | shape | element types |
/// |--------|------------|-------|---------------|
/// | input  | `data`     | any   | any           |
/// | input  | `axes`, optional | `[n]` | `i64`; an attribute before opset 13; default: all axes of extent 1 |
/// | output | `squeezed` |       | type of `data` |
///
/// Source: ONNX `Squeeze`, opsets 1 to 25.
struct Squeeze: DataMovement {
  private let fixed: [Int]?

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: node.opset < 13 ? 1...1 : 1...2)
    fixed = node.opset < 13 && node.has("axes") ? try node.ints("axes") : nil
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let data = try inputs.tensor(0)
    guard let shape = data.shape else { return [.tensor(data.element, nil)] }
    guard let axes = fixed ?? (inputs.has(1) ? inputs.integers(1) : nil) else {
      // Without axes, an extent that may be 1 leaves the rank open.
      let isOpen = inputs.has(1) || shape.dimensions.contains { $0.value == nil }
      let kept = shape.dimensions.filter { $0 != .fixed(1) }
      return [.tensor(data.element, isOpen ? nil : Shape(kept))]
    }
    var dropped: Set<Int> = []
    for axis in axes {
      let axis = try shape.axis(axis)
      guard shape[axis].canBe(.fixed(1)) else {
        throw ModelError(
          .shapeMismatch, "axis \(axis) of a tensor \(shape) squeezed", expected: "an extent of 1")
      }
      dropped.insert(axis)
    }
    let kept = (0..<shape.rank).filter { !dropped.contains($0) }
    return [.tensor(data.element, Shape(kept.map { shape[$0] }))]
  }

  func knownOutputs(_ inputs: Operands) throws(ModelError) -> [KnownValue?] {
    guard try inputs.tensor(0).shape == [1], let extents = inputs.extents(0) else { return [nil] }
    return [.extents(extents, isScalar: true)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel { .alias() }
}
