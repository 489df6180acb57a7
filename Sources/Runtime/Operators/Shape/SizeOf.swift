/// `Size`: the number of elements of a tensor, `i64 []`. Source: ONNX `Size`, opsets 1 to 25.
struct SizeOf: TensorOperator, ValueOperator {
  init(_ node: NodeReader) throws(ModelError) { try node.require(inputs: 1...1) }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    _ = try inputs.tensor(0)
    return [.tensor(.i64, [])]
  }

  func knownOutputs(_ inputs: Operands) throws(ModelError) -> [KnownValue?] {
    guard let shape = try inputs.tensor(0).shape, shape.count != .unknown else { return [nil] }
    return [.extents([shape.count], isScalar: true)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let count = Int64(try io.input(0).count)
    return Kernel("size") { context in context.output(as: Int64.self)[0] = count }
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    [.tensor(try Tensor(scalar: Int64(call.tensor(0).count)))]
  }
}
