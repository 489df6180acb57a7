/// `Reshape`: the same elements in another shape.
///
/// |        | name        | shape | element types |
/// |--------|-------------|-------|---------------|
/// | input  | `data`      | any   | any           |
/// | input  | `shape`     | `[r]` | `i64`; an attribute before opset 5 |
/// | output | `reshaped`  | `shape` | type of `data` |
/// | attr   | `allowzero` |       | default 0: an extent 0 copies the input's; 1: it is 0 |
///
/// One extent may be −1: it is what is left. Source: ONNX `Reshape`, opsets 1 to 25.
struct Reshape: DataMovement {
  let fixedShape: [Int]?
  let allowsZero: Bool

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: node.opset < 5 ? 1...1 : 2...2)
    fixedShape = node.opset < 5 ? try node.ints("shape") : nil
    allowsZero = try node.bool("allowzero", default: false)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let data = try inputs.tensor(0)
    guard let wanted = try target(inputs) else {
      return [.tensor(data.element, try unknown(inputs))]
    }
    return [.tensor(data.element, try resolve(wanted, data.shape))]
  }

  private func target(_ inputs: Operands) throws(ModelError) -> [Dimension]? {
    if let fixedShape { return fixedShape.map(Dimension.fixed) }
    _ = try inputs.tensor(1, of: [.i64])
    return inputs.extents(1)
  }

  /// The rank may be known though the extents are not.
  private func unknown(_ inputs: Operands) throws(ModelError) -> Shape? {
    guard let rank = try inputs.tensor(1).shape?.count.value, rank <= 64 else { return nil }
    return Shape(Array(repeating: Dimension.unknown, count: rank))
  }

  private func resolve(_ wanted: [Dimension], _ shape: Shape?) throws(ModelError) -> Shape {
    var result = wanted
    for (axis, extent) in wanted.enumerated() where extent == .fixed(0) && !allowsZero {
      if let shape, axis >= shape.rank {
        throw ModelError(
          .shapeMismatch, "shape \(Shape(wanted)) copies axis \(axis) of a tensor \(shape)",
          expected: "a tensor of rank \(axis + 1) or more")
      }
      result[axis] = shape?[axis] ?? .unknown
    }
    let free = wanted.indices.filter { wanted[$0] == .fixed(-1) }
    guard free.count <= 1, !wanted.contains(where: { ($0.value ?? 0) < -1 }) else {
      throw ModelError(
        .invalidAttribute, "shape \(Shape(wanted))", expected: "extents ≥ 0 and at most one -1")
    }
    guard let axis = free.first else {
      try check(Shape(result), wanted, shape)
      return Shape(result)
    }
    result[axis] = .fixed(1)
    let rest = Shape(result).count
    result[axis] = rest == .fixed(0) ? .fixed(0) : shape.map { $0.count / rest } ?? .unknown
    try check(Shape(result), wanted, shape)
    return Shape(result)
  }

  private func check(_ result: Shape, _ wanted: [Dimension], _ shape: Shape?) throws(ModelError) {
    guard let shape, !result.count.canBe(shape.count) else { return }
    throw ModelError(
      .shapeMismatch, "a tensor \(shape) reshaped to \(Shape(wanted))",
      expected: "a shape of \(shape.count) elements")
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel { .alias() }
}
