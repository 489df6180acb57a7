/// `Compress`: the slices along an axis, or the elements, whose flag is set.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `input` | rank ≥ 1 | any |
/// | input  | `condition` | `[n]`, n at most the extent | `bool` |
/// | output | `output` | | type of `input` |
/// | attr   | `axis` | | without it the input counts as a list |
///
/// Source: ONNX `Compress`, opsets 9 and 11.
struct Compress: ValueOperator {
  private let axis: Int?

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...2)
    axis = node.has("axis") ? try node.int("axis") : nil
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let type = try inputs.tensor(0)
    _ = try inputs.tensor(1, of: [.bool])
    guard let axis else { return [.tensor(type.element, [.unknown])] }
    guard var shape = type.shape else { return [.tensor(type)] }
    shape[try shape.axis(axis)] = .unknown
    return [.tensor(type.element, shape)]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    var x = try call.tensor(0)
    if axis == nil { x = try x.reshaped(to: [x.count]) }
    let places = try call.tensor(1).truePlaces()
    return try OperatorCall.evaluate(
      Gather(axis: axis ?? 0), [.tensor(x), .tensor(Tensor(places, shape: [places.count]))],
      outputCount: 1)
  }
}
