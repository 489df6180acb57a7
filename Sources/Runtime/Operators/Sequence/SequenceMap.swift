/// `SequenceMap`: runs a subgraph on each element of a sequence.
///
/// |        | name | types |
/// |--------|------|-------|
/// | input  | `input_sequence` | sequence |
/// | input  | `additional_inputs`, n ≥ 0 | sequences of the same length, element by element, or tensors, the same each time |
/// | output | `out_sequence`, k ≥ 1 | sequences |
/// | attr   | `body` | a graph from 1 + n tensors to k tensors |
///
/// Source: ONNX `SequenceMap`, opset 17.
struct SequenceMap: ValueOperator {
  private let body: GraphID

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...Int.max, outputs: 1...Int.max)
    body = try node.graph("body")
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    _ = try inputs.sequenceElement(0)
    let given = inputs.types.map { type -> ValueType? in
      if case .sequence(let element)? = type { element } else { type }
    }
    let types = try inputs.outputTypes(of: body, given: given)
    return types.contains(nil) ? [] : types.compactMap { $0.map { .sequence($0.loose) } }
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    let count = try call.sequence(0).values.count
    var results = [[Value]](repeating: [], count: call.outputCount)
    for index in 0..<count {
      var given: [Value] = []
      for (operand, value) in call.inputs.enumerated() {
        guard let value else { continue }
        guard case .sequence(let values, _) = value else {
          given.append(value)
          continue
        }
        guard values.count == count else {
          throw ModelError(
            .shapeMismatch, "input \(operand) is a sequence of \(values.count)",
            expected: "\(count) elements, as in input 0")
        }
        given.append(values[index])
      }
      let outputs = try call.run(body, given)
      guard outputs.count >= results.count else {
        throw ModelError(
          .arityMismatch, "a body with \(outputs.count) outputs", expected: "\(results.count)")
      }
      for output in results.indices { results[output].append(outputs[output]) }
    }
    return results.enumerated().map { index, values in
      let inferred: ValueType? =
        if case .sequence(let element)?? = call.inferredTypes[checked: index] { element } else {
          nil
        }
      let element = values.first?.type.loose ?? inferred ?? .tensor(.f32, nil)
      return .sequence(values, element: element)
    }
  }
}
