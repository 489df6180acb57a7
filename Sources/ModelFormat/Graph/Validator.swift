extension Model {
  /// Checks that the model is sound:
  ///
  /// - all ids are rows of their tables; subgraphs form trees; functions do not call themselves
  /// - each value is defined once, and used only where it is visible and after it is defined
  /// - inputs and outputs of the main graph have names that differ
  /// - each domain in use is imported or defined by functions; none is `zoo`, whose operators only passes make
  /// - weights are of the types of their values
  ///
  /// - Parameter limits: How deep graphs may nest.
  /// - Throws: `.invalidGraph` with the first place that is wrong, `.limitExceeded` for graphs that nest too deep.
  /// - Complexity: O(n) in values, nodes, operands and attributes.
  public func validate(limits: ReadLimits = .default) throws(ModelError) {
    do throws(ModelError) {
      guard !graphs.isEmpty else {
        throw ModelError(.invalidGraph, "no graph", expected: "a main graph")
      }
      var validator = GraphValidator(self, limits)
      try validator.checkTree()
      try validator.checkFunctions()
      try validator.checkNames()
      try validator.check(.main, Domains(opsets), depth: 0)
      for function in functions {
        try validator.check(function.body, Domains(function.opsets), depth: 0)
      }
    } catch {
      throw error.at(file: fileName)
    }
  }
}

private struct GraphValidator {
  private enum State { case undefined, visible, hidden }

  private let model: Model
  private let limits: ReadLimits
  private var states: [State]
  private let functionDomains: Set<String>

  init(_ model: Model, _ limits: ReadLimits) {
    self.model = model
    self.limits = limits
    states = Array(repeating: .undefined, count: model.values.count)
    functionDomains = Set(model.functions.map { Model.canonical($0.domain) })
  }

  /// Every graph is the main one, or the body of at most one function or attribute; none contains itself.
  func checkTree() throws(ModelError) {
    var owners = [String?](repeating: nil, count: model.graphs.count)
    owners[0] = "the model"
    for function in model.functions {
      try claim(function.body, "function '\(function.name)'", &owners)
    }
    for graph in model.graphs {
      for (index, node) in graph.nodes.enumerated() {
        for body in node.graphs { try claim(body, node.site(index: index), &owners) }
      }
    }
  }

  private func claim(
    _ graph: GraphID, _ owner: String, _ owners: inout [String?]
  ) throws(ModelError) {
    guard owners.indices.contains(graph.index) else {
      throw ModelError(
        .invalidGraph, "graph #\(graph.index) of \(owner)",
        expected: "one of \(owners.count) graphs")
    }
    if let other = owners[graph.index] {
      throw ModelError(
        .invalidGraph, "graph #\(graph.index) used by \(other) and by \(owner)",
        expected: "a graph of its own for each use")
    }
    owners[graph.index] = owner
  }

  func checkFunctions() throws(ModelError) {
    var rows: [FunctionName: Int] = [:]
    for (index, function) in model.functions.enumerated() {
      let name = FunctionName(function)
      guard rows.updateValue(index, forKey: name) == nil else {
        throw ModelError(
          .invalidGraph, "two functions \(name)", expected: "names that are defined once")
      }
    }
    let calls = model.functions.map { callees(of: $0.body, rows) }
    if let circle = Circle.find(in: calls) {
      let names = circle.map { FunctionName(model.functions[$0]).description }
      throw ModelError(
        .invalidGraph, "functions that call one another: " + names.joined(separator: " → "),
        expected: "functions without recursion")
    }
  }

  /// The functions that a graph and its subgraphs call; each graph has one owner, so this ends.
  private func callees(of graph: GraphID, _ rows: [FunctionName: Int]) -> [Int] {
    var result: [Int] = []
    var pending = [graph]
    var seen: Set<GraphID> = [graph]
    while let next = pending.popLast() {
      for node in model[next].nodes {
        if let row = rows[FunctionName(node)] { result.append(row) }
        for body in node.graphs where seen.insert(body).inserted { pending.append(body) }
      }
    }
    return result
  }

  func checkNames() throws(ModelError) {
    for (kind, values) in [("input", model.main.inputs), ("output", model.main.outputs)] {
      var names: Set<String> = []
      for value in values {
        try check(value, kind)
        let name = model[value].name
        guard !name.isEmpty else {
          throw ModelError(.invalidGraph, "an \(kind) without a name", expected: "a name")
        }
        guard names.insert(name).inserted else {
          throw ModelError(
            .invalidGraph, "two \(kind)s '\(name)'", expected: "names that are used once")
        }
      }
    }
  }

  private func check(_ value: ValueID, _ role: String) throws(ModelError) {
    guard model.values.indices.contains(value.index) else {
      throw ModelError(
        .invalidGraph, "value #\(value.index) as \(role)",
        expected: "one of \(model.values.count) values")
    }
  }

  /// Checks one graph and its subgraphs, with the values of the enclosing graphs visible.
  mutating func check(
    _ id: GraphID, _ domains: Domains, depth: Int
  ) throws(ModelError) {
    guard depth < limits.depth else {
      throw .overLimit("graphs nested \(depth + 1) deep", "depth", limits.depth)
    }
    let graph = model[id]
    var defined: [ValueID] = []
    for value in graph.inputs { try define(value, as: "input", &defined) }
    let inputs = Set(graph.inputs)
    for (value, weight) in graph.weights.sorted(by: { $0.key < $1.key }) {
      if !inputs.contains(value) { try define(value, as: "weight", &defined) }
      try check(weight, of: value)
    }
    for (index, node) in graph.nodes.enumerated() {
      do throws(ModelError) {
        try check(node, domains, depth: depth, &defined)
      } catch {
        let place = id == .main ? "" : "graph #\(id.index) "
        throw error.at(node: place + node.site(index: index))
      }
    }
    for value in graph.outputs { try use(value, as: "output") }
    for value in defined { states[value.index] = .hidden }
  }

  private mutating func check(
    _ node: Node, _ domains: Domains, depth: Int, _ defined: inout [ValueID]
  ) throws(ModelError) {
    guard !node.opType.isEmpty else {
      throw ModelError(.invalidGraph, "a node without an operator", expected: "an operator's name")
    }
    let domain = Model.canonical(node.domain)
    // Operators of this domain trust the pass that made them to have checked their operands.
    guard domain != Model.fusedDomain else {
      throw ModelError(
        .invalidGraph, "an operator of domain '\(domain)', which only a running session has",
        expected: "operators as the model had them before", remedy: "export the model again")
    }
    guard domains.names.contains(domain) || functionDomains.contains(domain) else {
      throw ModelError(
        .invalidGraph, "domain '\(domain)', which is not imported",
        expected: "one of " + domains.imports.map { "'\($0.domain)'" }.joined(separator: ", "),
        remedy: "add it to the model's opsets")
    }
    var names: Set<String> = []
    for attribute in node.attributes where !names.insert(attribute.name).inserted {
      throw ModelError(
        .invalidGraph, "two attributes '\(attribute.name)'", expected: "names that are used once")
    }
    for (position, value) in node.inputs.enumerated() {
      if let value { try use(value, as: "input \(position)") }
    }
    for body in node.graphs { try check(body, domains, depth: depth + 1) }
    for (position, value) in node.outputs.enumerated() {
      if let value { try define(value, as: "output \(position)", &defined) }
    }
  }

  private mutating func define(
    _ value: ValueID, as role: String, _ defined: inout [ValueID]
  ) throws(ModelError) {
    try check(value, role)
    guard states[value.index] == .undefined else {
      throw ModelError(
        .invalidGraph, "\(role) '\(model[value].name)', which is defined already",
        expected: "values that are defined once")
    }
    states[value.index] = .visible
    defined.append(value)
  }

  private func use(_ value: ValueID, as role: String) throws(ModelError) {
    try check(value, role)
    switch states[value.index] {
    case .visible: return
    case .undefined:
      throw ModelError(
        .invalidGraph, "\(role) '\(model[value].name)', which nothing before defines",
        expected: "an input, a weight or an output of an earlier node")
    case .hidden:
      throw ModelError(
        .invalidGraph, "\(role) '\(model[value].name)', which belongs to another graph",
        expected: "a value of this graph or of one around it")
    }
  }

  private func check(_ weight: Weight, of value: ValueID) throws(ModelError) {
    guard let type = model[value].type else { return }
    let fits =
      switch type {
      case .tensor(let declared), .sparseTensor(let declared):
        declared.element == weight.elementType && declared.shape?.canBe(weight.shape) ?? true
      default: false
      }
    guard fits else {
      throw ModelError(
        .invalidGraph, "weight '\(model[value].name)' \(weight.type)", expected: "\(type)")
    }
  }
}

/// The domains that a model or function imports.
private struct Domains {
  let imports: [OpsetImport]
  let names: Set<String>

  init(_ imports: [OpsetImport]) {
    self.imports = imports
    names = Set(imports.map { Model.canonical($0.domain) })
  }
}

/// What tells functions apart.
private struct FunctionName: Hashable, CustomStringConvertible {
  let domain: String
  let name: String
  let overload: String

  init(_ function: Function) {
    domain = Model.canonical(function.domain)
    name = function.name
    overload = function.overload
  }

  init(_ node: Node) {
    domain = Model.canonical(node.domain)
    name = node.opType
    overload = node.overload
  }

  var description: String {
    (domain.isEmpty ? "" : "\(domain).") + name + (overload.isEmpty ? "" : ":\(overload)")
  }
}

extension Shape {
  /// Whether a tensor of these extents can have this shape.
  func canBe(_ extents: [Int]) -> Bool {
    rank == extents.count
      && zip(dimensions, extents).allSatisfy { $0.canBe(.fixed($1)) }
  }
}

/// Circles in a directed graph given as lists of successors.
enum Circle {
  /// The nodes of one circle in order, the first again at the end; `nil` if there is none.
  ///
  /// - Complexity: O(nodes + edges), without recursion.
  static func find(in successors: [[Int]]) -> [Int]? {
    var state = [UInt8](repeating: 0, count: successors.count)
    for start in successors.indices where state[start] == 0 {
      var path = [start]
      var next = [0]
      state[start] = 1
      while let node = path.last {
        let position = next[next.count - 1]
        guard position < successors[node].count else {
          state[node] = 2
          path.removeLast()
          next.removeLast()
          continue
        }
        next[next.count - 1] += 1
        let successor = successors[node][position]
        if state[successor] == 1, let first = path.firstIndex(of: successor) {
          return path[first...] + [successor]
        }
        if state[successor] == 0 {
          state[successor] = 1
          path.append(successor)
          next.append(0)
        }
      }
    }
    return nil
  }
}
