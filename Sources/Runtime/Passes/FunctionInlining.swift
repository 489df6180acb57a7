/// Puts the bodies of a model's own functions in the place of the nodes that call them. Runs always, optimising or not.
///
/// A function goes before an operator of the same name. Source: ONNX IR, `FunctionProto`.
struct FunctionInlining {
  private struct Key: Hashable {
    let domain: String
    let name: String
    let overload: String
  }

  /// Functions that call functions, deeper than this, are taken to call themselves.
  private static let deepest = 64
  private var model: Model
  private let functions: [Key: Callee]
  private var budget = InliningBudget()

  static func inline(_ model: Model) throws(ModelError) -> Model {
    if model.functions.isEmpty { return model }
    var run = FunctionInlining(model)
    try run.expand(.main, depth: 0)
    run.model.functions = []
    return run.model
  }

  private init(_ model: Model) {
    self.model = model
    var functions: [Key: Callee] = [:]
    for function in model.functions {
      let domain = Model.canonical(function.domain)
      let key = Key(domain: domain, name: function.name, overload: function.overload)
      functions[key] = Callee(function)
    }
    self.functions = functions
  }

  private func function(_ node: Node) -> Callee? {
    functions[
      Key(domain: Model.canonical(node.domain), name: node.opType, overload: node.overload)]
  }

  private mutating func expand(_ graph: GraphID, depth: Int) throws(ModelError) {
    var result: [Node] = []
    for (index, node) in model[graph].nodes.enumerated() {
      do throws(ModelError) {
        result += try expanded(node, in: graph, depth)
      } catch { throw error.at(node: node.site(index)) }
    }
    model[graph].nodes = result
  }

  private mutating func expanded(
    _ node: Node, in graph: GraphID, _ depth: Int
  ) throws(ModelError) -> [Node] {
    guard let function = function(node) else {
      for body in node.graphs { try expand(body, depth: depth) }
      return [node]
    }
    guard depth < Self.deepest else {
      throw ModelError(
        .invalidGraph, "functions that call functions more than \(Self.deepest) deep",
        expected: "functions that do not call themselves")
    }
    var clone = FunctionClone(function, call: node, budget)
    let copies = try clone.nodes(&model, in: graph)
    budget = clone.budget
    var result: [Node] = []
    for inner in copies {
      result += try expanded(inner, in: graph, depth + 1)
    }
    return result
  }
}

/// What inlining may make: a function that calls another twice, and so on, grows without bound.
private struct InliningBudget {
  private static let mostNodes = 1 << 20
  private static let mostBytes = 1 << 28

  private var nodes = 0
  private var bytes = 0

  /// Charges a node of a body or subgraph.
  mutating func charge(_ node: Node) throws(ModelError) {
    nodes += 1
    guard nodes <= Self.mostNodes else {
      throw ModelError(.limitExceeded, "functions that make more than \(Self.mostNodes) nodes")
    }
    try charge(
      node.name.utf8.count + MemoryLayout<ValueID?>.stride
        * (node.inputs.count + node.outputs.count)
        + MemoryLayout<Attribute>.stride * node.attributes.count)
  }

  /// Charges memory that is taken beside the rows of nodes.
  mutating func charge(_ count: Int) throws(ModelError) {
    bytes += count
    guard bytes <= Self.mostBytes else {
      throw ModelError(
        .limitExceeded,
        "functions that make more than \(Self.mostBytes) bytes of names, operands and attributes")
    }
  }
}

/// A function with what each call of it looks up.
private struct Callee {
  let function: Function
  let opsets: [String: Int]
  let defaults: [String: AttributeValue]

  init(_ function: Function) {
    self.function = function
    opsets = Model.versions(of: function.opsets)
    defaults = function.attributeDefaults.byName
  }
}

extension [Attribute] {
  fileprivate var byName: [String: AttributeValue] {
    Dictionary(map { ($0.name, $0.value) }, uniquingKeysWith: { a, _ in a })
  }
}

/// One function's body, copied for one call.
private struct FunctionClone {
  private let callee: Callee
  private let call: Node
  private let given: [String: AttributeValue]
  private(set) var budget: InliningBudget
  /// Values of the body and what stands for them; `nil` for an operand that the call leaves out.
  private var values: [ValueID: ValueID?] = [:]

  init(_ callee: Callee, call: Node, _ budget: InliningBudget) {
    self.callee = callee
    self.call = call
    self.budget = budget
    given = call.attributes.byName
  }

  mutating func nodes(_ model: inout Model, in graph: GraphID) throws(ModelError) -> [Node] {
    let body = model[callee.function.body]
    guard call.inputs.count <= body.inputs.count, call.outputs.count <= body.outputs.count else {
      throw ModelError(
        .arityMismatch, "\(call.inputs.count) inputs and \(call.outputs.count) outputs",
        expected: "at most \(body.inputs.count) and \(body.outputs.count), as the function has")
    }
    try budget.charge(MemoryLayout<ValueID?>.stride * (body.inputs.count + body.outputs.count))
    for (index, input) in body.inputs.enumerated() {
      values[input] = .some(index < call.inputs.count ? call.inputs[index] : nil)
    }
    var copies: [Node] = []
    for (output, target) in zip(body.outputs, call.outputs) {
      guard let target else { continue }
      if values[output] == nil {
        values[output] = .some(target)
      } else {
        // An input, or a value that is an output twice.
        copies.append(Node("Identity", inputs: [values[output] ?? nil], outputs: [target]))
      }
    }
    return try copied(body, &model, into: graph) + copies
  }

  private mutating func copied(
    _ body: Graph, _ model: inout Model, into graph: GraphID
  ) throws(ModelError) -> [Node] {
    for (value, weight) in body.weights {
      try budget.charge(MemoryLayout<Weight>.stride)
      if let id = try self.value(value, &model) { model[graph].weights[id] = weight }
    }
    var nodes: [Node] = []
    for node in body.nodes {
      var copy = node
      copy.name = call.name.isEmpty ? node.name : "\(call.name)/\(node.name)"
      try budget.charge(copy)
      copy.inputs = try operands(node.inputs, &model)
      copy.outputs = try operands(node.outputs, &model)
      copy.opset = callee.opsets[Model.canonical(node.domain)] ?? node.opset
      copy.attributes = []
      for attribute in node.attributes {
        if let attribute = try resolved(attribute, &model) { copy.attributes.append(attribute) }
      }
      nodes.append(copy)
    }
    return nodes
  }

  private mutating func operands(
    _ operands: [ValueID?], _ model: inout Model
  ) throws(ModelError) -> [ValueID?] {
    var copies: [ValueID?] = []
    for operand in operands {
      if let operand { copies.append(try value(operand, &model)) } else { copies.append(nil) }
    }
    return copies
  }

  private mutating func value(
    _ value: ValueID, _ model: inout Model
  ) throws(ModelError) -> ValueID? {
    if let known = values[value] { return known }
    let prefix = call.name.isEmpty ? call.opType : call.name
    let name = "\(prefix)/\(model[value].name)"
    try budget.charge(MemoryLayout<ValueInfo>.stride + name.utf8.count)
    let id = model.addValue(name, type: nil)
    values[value] = .some(id)
    return id
  }

  /// The attribute with the caller's value for a reference; `nil` if the caller has none.
  private mutating func resolved(
    _ attribute: Attribute, _ model: inout Model
  ) throws(ModelError) -> Attribute? {
    switch attribute.value {
    case .reference(let name, _):
      return (given[name] ?? callee.defaults[name]).map { Attribute(attribute.name, $0) }
    case .graph(let graph):
      return Attribute(attribute.name, .graph(try copied(graph, &model)))
    case .graphs(let graphs):
      var copies: [GraphID] = []
      for graph in graphs { copies.append(try copied(graph, &model)) }
      return Attribute(attribute.name, .graphs(copies))
    default: return attribute
    }
  }

  private mutating func copied(
    _ graph: GraphID, _ model: inout Model
  ) throws(ModelError) -> GraphID {
    try budget.charge(MemoryLayout<Graph>.stride)
    let source = model[graph]
    var copy = source
    copy.weights = [:]
    copy.nodes = []
    let id = model.addGraph(copy)
    let nodes = try copied(source, &model, into: id)
    model[id].inputs = try operands(source.inputs, &model).compactMap { $0 }
    model[id].outputs = try operands(source.outputs, &model).compactMap { $0 }
    model[id].nodes = nodes
    return id
  }
}
