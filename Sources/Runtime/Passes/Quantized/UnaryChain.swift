import ModelFormat

/// Nodes that make each element of a value from one element of dequantized codes, and nothing else that varies.
struct UnaryChain {
  let codes: QuantizedMatcher.Codes
  /// In order of computation.
  private(set) var nodes: [Int] = []
  private let context: PassContext

  private static let longest = 8
  /// Functions of one element, or of two at the same place.
  static let operators: Set = [
    "Relu", "LeakyRelu", "Sigmoid", "Tanh", "HardSigmoid", "HardSwish", "Clip", "Elu", "Selu",
    "Celu", "Exp", "Log", "Sqrt", "Reciprocal", "Neg", "Abs", "Erf", "Gelu", "Softplus", "Softsign",
    "Mish", "Swish", "ThresholdedRelu", "Add", "Sub", "Mul", "Div", "Pow", "Min", "Max",
  ]

  /// - Parameter index: The node that alone may read `value`.
  init?(behind value: ValueID, of index: Int, _ graph: QuantizedMatcher) {
    var (value, reader) = (value, index)
    var found: [Int] = []
    while true {
      if let codes = graph.codes(value) {
        self.codes = codes
        break
      }
      guard found.count < Self.longest, let source = graph.context.editor.producer(of: value),
        let node = graph.graph.standard(source), Self.operators.contains(node.opType),
        graph.context.editor.soleConsumer(of: value) == reader,
        let position = Self.varying(node, graph), let input = node.inputs[position]
      else { return nil }
      found.insert(source, at: 0)
      (value, reader) = (input, source)
    }
    nodes = found
    context = graph.context
  }

  /// The only input of a node that is no constant scalar.
  private static func varying(_ node: Node, _ graph: QuantizedMatcher) -> Int? {
    let positions = node.inputs.indices.filter { position in
      node.inputs[position] != nil && graph.scalar(node.inputs[position]) == nil
    }
    return positions.count == 1 ? positions[0] : nil
  }

  /// What `rounding` makes of each code, as the nodes compute it.
  func table(_ rounding: Node, _ context: PassContext) throws(ModelError) -> Tensor {
    let reals = (0..<256).map { byte in
      let code = codes.element == .i8 ? Int(Int8(truncatingIfNeeded: byte)) : byte
      return Float(code - codes.zero) * codes.scale
    }
    var values = try Tensor(reals, shape: [256])
    for index in nodes {
      guard let node = context.editor.nodes[index] else { continue }
      values = try evaluate(node, values)
    }
    return try evaluate(rounding, values)
  }

  private func evaluate(_ node: Node, _ varying: Tensor) throws(ModelError) -> Tensor {
    let graph = QuantizedMatcher(context)
    var inputs: [Value?] = []
    for (position, value) in node.inputs.enumerated() {
      let isVarying = node.opType == "QuantizeLinear" ? position == 0 : graph.scalar(value) == nil
      if value != nil && isVarying {
        inputs.append(.tensor(varying))
      } else {
        inputs.append(graph.constant(value).map(Value.tensor))
      }
    }
    let reader = NodeReader(node, opset: context.editor.opset(of: node))
    guard let entry = context.registry.entry(node.opType, domain: node.domain) else {
      throw ModelError(.unsupportedOperator, "operator \(node.qualifiedType)")
    }
    let results = try OperatorCall.evaluate(try entry.make(reader), inputs, outputCount: 1)
    guard let result = results.first?.tensor, result.shape == [256] else {
      throw ModelError(.shapeMismatch, "a function of one element", expected: "256 results")
    }
    return result
  }
}
