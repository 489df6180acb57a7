/// Where the rules of differentiation put their nodes, and what they know of the graph so far.
///
/// Nodes follow opset ``opset``, whatever the model imports, so that rules are written once.
final class GradientBuilder {
  /// The version of ONNX's operators that all new nodes follow.
  static let opset = 21

  private(set) var model: Model
  let graph: GraphID
  private(set) var nodes: [Node] = []
  let types: ModelTypes
  let registry: OperatorRegistry
  private var constants: [String: Term] = [:]
  /// The first thing that could not be done: arithmetic on terms does not throw.
  private(set) var failure: ModelError?

  init(_ model: Model, _ graph: GraphID, types: ModelTypes, registry: OperatorRegistry) {
    self.model = model
    self.graph = graph
    self.types = types
    self.registry = registry
  }

  // MARK: What is known

  func type(_ value: ValueID?) -> TensorType? { value.flatMap { types.types[$0]?.tensorType } }

  func shape(_ value: ValueID?) -> Shape? { type(value)?.shape }

  /// The rank of a value.
  ///
  /// - Throws: `.shapeMismatch` if inference cannot tell it.
  func rank(_ value: ValueID) throws(ModelError) -> Int {
    if let shape = shape(value) { return shape.rank }
    throw ModelError(
      .shapeMismatch, "value '\(model[value].name)' of unknown rank",
      expected: "a rank that can be inferred, to differentiate what reads it")
  }

  /// The integers of a value that does not depend on the model's inputs.
  func integers(_ value: ValueID?) -> [Int]? {
    guard let value else { return nil }
    if let known = types.constants[value]?.integers { return known }
    return (try? model[graph].weights[value]?.tensor())?.integers
  }

  /// A value of the graph, of the type that was inferred.
  ///
  /// - Throws: `.elementTypeMismatch` if inference cannot tell its element type.
  func term(_ value: ValueID) throws(ModelError) -> Term {
    guard let type = type(value) else {
      throw ModelError(
        .elementTypeMismatch, "value '\(model[value].name)' of unknown type",
        expected: "a tensor whose type can be inferred, to differentiate what reads it")
    }
    return Term(value: value, element: type.element, builder: self)
  }

  // MARK: New nodes

  /// Adds a node of one output.
  func add(
    _ opType: String, _ inputs: [Term?], _ attributes: [Attribute] = [], gives element: ElementType
  ) -> Term {
    add(opType, inputs, attributes, gives: [element])[0]
  }

  /// Adds a node of several outputs.
  func add(
    _ opType: String, _ inputs: [Term?], _ attributes: [Attribute] = [], gives: [ElementType]
  ) -> [Term] {
    var node = Node(
      opType, inputs: inputs.map { $0?.value }, outputs: [], attributes: attributes)
    if model.opset("") != Self.opset { node.opset = Self.opset }
    return append(node, gives: gives)
  }

  /// Adds a node that follows its own opset, with one new output in the place of its own.
  func append(_ node: Node, gives element: ElementType) -> Term {
    append(node, gives: [element])[0]
  }

  /// Adds a node that follows its own opset, with new outputs in the place of its own.
  func append(_ node: Node, gives: [ElementType]) -> [Term] {
    var node = node
    // All graphs of the model have one table of values: the number is the node's alone.
    node.name = "gradient/\(model.values.count)"
    let outputs = gives.map { element in
      Term(value: newValue(node.opType), element: element, builder: self)
    }
    node.outputs = outputs.map(\.value)
    nodes.append(node)
    return outputs
  }

  /// Adds a node as it is.
  func insert(_ node: Node) { nodes.append(node) }

  /// A row of the table of values.
  func newValue(_ name: String, type: ValueType? = nil) -> ValueID {
    model.addValue("gradient/\(model.values.count)/\(name)", type: type)
  }

  /// Changes the model beside the nodes that this adds.
  func edit(_ change: (inout Model) -> Void) { change(&model) }

  /// Keeps the first thing that could not be done.
  func fail(_ error: ModelError?) { failure = failure ?? error }

  /// A scalar.
  func scalar(_ value: Double, _ element: ElementType) -> Term {
    constant("\(element) \(value)") { () throws(ModelError) in
      let wide = try Tensor([value], shape: [])
      return element == .f64 ? wide : try OperatorCall.cast(wide, to: element)
    }
  }

  /// A list of `i64`.
  func list(_ values: [Int]) -> Term {
    constant("list \(values)") { () throws(ModelError) in
      try Tensor(values, shape: [values.count])
    }
  }

  /// A tensor of numbers.
  func constant(_ values: [Double], _ shape: [Int], _ element: ElementType) -> Term {
    constant("\(element) \(shape) \(values)") { () throws(ModelError) in
      let wide = try Tensor(values, shape: shape)
      return element == .f64 ? wide : try OperatorCall.cast(wide, to: element)
    }
  }

  func constant(_ flag: Bool) -> Term {
    constant("bool \(flag)") { () throws(ModelError) in try Tensor(scalar: flag) }
  }

  private func constant(_ key: String, _ make: () throws(ModelError) -> Tensor) -> Term {
    if let known = constants[key] { return known }
    var tensor: Tensor?
    do throws(ModelError) { tensor = try make() } catch { failure = failure ?? error }
    let value = newValue("constant")
    if let tensor { model[graph].weights[value] = Weight(tensor) }
    let term = Term(value: value, element: tensor?.elementType ?? .f32, builder: self)
    constants[key] = term
    return term
  }
}

extension OperatorCall {
  /// A tensor of another element type.
  static func cast(_ tensor: Tensor, to element: ElementType) throws(ModelError) -> Tensor {
    let node = Node(
      "Cast", inputs: [ValueID(0)], outputs: [ValueID(1)],
      attributes: [Attribute("to", .int(Int64(element.rawValue)))])
    let cast = try Cast(NodeReader(node, opset: GradientBuilder.opset))
    let outputs = try evaluate(cast, [.tensor(tensor)], outputCount: 1)
    guard let result = outputs.first?.tensor else { preconditionFailure() }
    return result
  }
}

extension GradientBuilder {
  /// The first output of a node like `node`, of its own opset, with another first input.
  ///
  /// - Throws: `.missingInput` if the node has no inputs.
  func repeated(_ node: Node, on first: Term) throws(ModelError) -> Term {
    guard !node.inputs.isEmpty else {
      throw ModelError(.missingInput, "input 0 is left out", expected: "a tensor")
    }
    var copy = node
    copy.inputs[0] = first.value
    return append(copy, gives: first.element)
  }
}
