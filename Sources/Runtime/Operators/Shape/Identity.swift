/// `Identity`: its input, unchanged. Any value; ONNX `Identity`, opsets 1 to 25.
struct Identity: DataMovement, ValueOperator {
  init() {}

  init(_ node: NodeReader) throws(ModelError) { try node.require(inputs: 1...1) }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    guard let type = inputs.types[0] else { return [] }
    return [type]
  }

  func knownOutputs(_ inputs: Operands) throws(ModelError) -> [KnownValue?] {
    [inputs.knownValue(0)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel { .alias() }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] { [try call.value(0)] }
}
