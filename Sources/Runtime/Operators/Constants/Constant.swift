/// `Constant`: a value that is written into the graph.
///
/// |        | name     | shape | element types |
/// |--------|----------|-------|---------------|
/// | output | `output` | of the value | any |
/// | attr   | exactly one of `value`, `sparse_value`, `value_int`, `value_ints`, `value_float`, `value_floats`, `value_string`, `value_strings` | | |
///
/// A sparse value becomes a dense tensor. Source: ONNX `Constant`, opsets 1 to 25.
struct Constant: ValueOperator {
  let tensor: Tensor

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 0...0)
    tensor = try Self.tensor(of: node.node)
  }

  /// The value of a `Constant` node.
  static func tensor(of node: Node) throws(ModelError) -> Tensor {
    let forms = node.attributes.filter { $0.name == "sparse_value" || $0.name.hasPrefix("value") }
    guard forms.count == 1, let form = forms.first else {
      throw ModelError(
        .invalidAttribute, "\(forms.count) attributes that give a value",
        expected: "one of 'value', 'sparse_value', 'value_int', 'value_float', …")
    }
    switch form.value {
    case .tensor(let weight): return try weight.tensor()
    case .sparseTensor(let sparse): return try sparse.densified()
    case .int(let value): return try Tensor(scalar: value)
    case .ints(let values): return try Tensor(values, shape: [values.count])
    case .float(let value): return try Tensor(scalar: value)
    case .floats(let values): return try Tensor(values, shape: [values.count])
    case .string(let value): return try Tensor(strings: [value], shape: [])
    case .strings(let values): return try Tensor(strings: values, shape: [values.count])
    default:
      throw ModelError(
        .invalidAttribute, "attribute '\(form.name)' is of another kind", expected: "a value")
    }
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] { [.tensor(tensor.type)] }

  func knownOutputs(_ inputs: Operands) throws(ModelError) -> [KnownValue?] { [.constant(tensor)] }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] { [.tensor(tensor)] }
}
