/// `ArrayFeatureExtractor`: elements of the last axis, chosen by index.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `X`  | `[…, F]` | any        |
/// | input  | `Y`  | n indices | `i64`     |
/// | output | `Z`  | `[…, n]`, `[1, n]` for rank 1 | type of `X` |
///
/// Source: `ai.onnx.ml` `ArrayFeatureExtractor`, version 1.
struct ArrayFeatureExtractor: ValueOperator {
  init(_ node: NodeReader) throws(ModelError) { try node.require(inputs: 2...2) }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0)
    let count = try inputs.tensor(1, of: [.i64]).shape?.count ?? .unknown
    guard let shape = x.shape else { return [.tensor(x.element, nil)] }
    let rows = shape.rank < 2 ? [.fixed(1)] : Array(shape.dimensions.dropLast())
    return [.tensor(x.element, Shape(rows + [count]))]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    let (x, places) = (try call.tensor(0), try call.tensor(1))
    let rows = x.shape.count < 2 ? [1, x.count] : x.shape
    let flat = try places.reshaped(to: [places.count])
    return try OperatorCall.evaluate(
      Gather(axis: -1), [.tensor(x.reshaped(to: rows)), .tensor(flat)], outputCount: 1)
  }
}
