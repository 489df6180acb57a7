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
  /// Nodes that inlining may make: a function that calls another twice, and so on, grows without bound.
  private static let mostNodes = 1 << 20

  private var model: Model
  private let functions: [Key: Function]
  private var nodeCount = 0

  static func inline(_ model: Model) throws(ModelError) -> Model {
    if model.functions.isEmpty { return model }
    var run = FunctionInlining(model)
    try run.expand(.main, depth: 0)
    run.model.functions = []
    return run.model
  }

  private init(_ model: Model) {
    self.model = model
    var functions: [Key: Function] = [:]
    for function in model.functions {
      let domain = Model.canonical(function.domain)
      functions[Key(domain: domain, name: function.name, overload: function.overload)] = function
    }
    self.functions = functions
  }

  private func function(_ node: Node) -> Function? {
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
    var clone = FunctionClone(function, call: node)
    var result: [Node] = []
    for inner in try clone.nodes(&model, in: graph) {
      nodeCount += 1
      guard nodeCount <= Self.mostNodes else {
        throw ModelError(.limitExceeded, "functions that make more than \(Self.mostNodes) nodes")
      }
      result += try expanded(inner, in: graph, depth + 1)
    }
    return result
  }
}

/// One function's body, copied for one call.
private struct FunctionClone {
  private let function: Function
  private let call: Node
  /// Values of the body and what stands for them; `nil` for an operand that the call leaves out.
  private var values: [ValueID: ValueID?] = [:]

  init(_ function: Function, call: Node) {
    self.function = function
    self.call = call
  }

  mutating func nodes(_ model: inout Model, in graph: GraphID) throws(ModelError) -> [Node] {
    let body = model[function.body]
    guard call.inputs.count <= body.inputs.count, call.outputs.count <= body.outputs.count else {
      throw ModelError(
        .arityMismatch, "\(call.inputs.count) inputs and \(call.outputs.count) outputs",
        expected: "at most \(body.inputs.count) and \(body.outputs.count), as the function has")
    }
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
      if let id = self.value(value, &model) { model[graph].weights[id] = weight }
    }
    var nodes: [Node] = []
    for node in body.nodes {
      var copy = node
      copy.name = call.name.isEmpty ? node.name : "\(call.name)/\(node.name)"
      copy.inputs = node.inputs.map { $0.flatMap { value($0, &model) } }
      copy.outputs = node.outputs.map { $0.flatMap { value($0, &model) } }
      copy.opset = opset(node.domain) ?? node.opset
      copy.attributes = []
      for attribute in node.attributes {
        if let attribute = try resolved(attribute, &model) { copy.attributes.append(attribute) }
      }
      nodes.append(copy)
    }
    return nodes
  }

  private func opset(_ domain: String) -> Int? {
    let domain = Model.canonical(domain)
    return function.opsets.first { Model.canonical($0.domain) == domain }?.version
  }

  private mutating func value(_ value: ValueID, _ model: inout Model) -> ValueID? {
    if let known = values[value] { return known }
    let prefix = call.name.isEmpty ? "\(call.opType)" : call.name
    let id = model.addValue("\(prefix)/\(model[value].name)", type: nil)
    values[value] = .some(id)
    return id
  }

  /// The attribute with the caller's value for a reference; `nil` if the caller has none.
  private mutating func resolved(
    _ attribute: Attribute, _ model: inout Model
  ) throws(ModelError) -> Attribute? {
    switch attribute.value {
    case .reference(let name, _):
      let given =
        call.attribute(name) ?? function.attributeDefaults.first { $0.name == name }?.value
      return given.map { Attribute(attribute.name, $0) }
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
    let source = model[graph]
    var copy = source
    copy.weights = [:]
    copy.nodes = []
    let id = model.addGraph(copy)
    let nodes = try copied(source, &model, into: id)
    model[id].inputs = source.inputs.compactMap { value($0, &model) }
    model[id].outputs = source.outputs.compactMap { value($0, &model) }
    model[id].nodes = nodes
    return id
  }
}
