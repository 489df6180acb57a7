/// Which graph defines each value, and which values of enclosing graphs each graph uses.
///
/// - Complexity: O(nodes + operands · depth) to make.
package struct Captures {
  /// By value: the graph that has it as input, weight or output of a node; `nil` if none has.
  package private(set) var definer: [GraphID?]
  /// By graph: the values that its nodes, outputs and subgraphs use but that it does not define, each once, in order
  /// of first use.
  package private(set) var captured: [[ValueID]]

  /// - Throws: `.invalidGraph` if a graph or value is outside its table, or graphs contain one another in a circle or
  ///   more than 512 deep.
  package init(_ model: Model) throws(ModelError) {
    definer = Array(repeating: nil, count: model.values.count)
    captured = Array(repeating: [], count: model.graphs.count)
    for index in model.graphs.indices { try define(GraphID(index), in: model) }
    var state = [Bool?](repeating: nil, count: model.graphs.count)
    for index in model.graphs.indices {
      try collect(GraphID(index), in: model, state: &state, depth: 0)
    }
  }

  /// The values that a node uses in `graph`: its inputs, then what its subgraphs take from outside.
  package func uses(of node: Node) -> [ValueID] {
    node.inputs.compactMap { $0 } + node.graphs.flatMap { captured[$0.index] }
  }

  private mutating func define(_ id: GraphID, in model: Model) throws(ModelError) {
    let graph = model[id]
    for value in graph.inputs { try set(value, id) }
    for value in graph.weights.keys { try set(value, id) }
    for node in graph.nodes {
      for case .some(let value) in node.outputs { try set(value, id) }
    }
  }

  private mutating func set(_ value: ValueID, _ graph: GraphID) throws(ModelError) {
    try check(value)
    definer[value.index] = graph
  }

  private func check(_ value: ValueID) throws(ModelError) {
    guard definer.indices.contains(value.index) else {
      throw ModelError(
        .invalidGraph, "value #\(value.index)", expected: "one of \(definer.count) values")
    }
  }

  private mutating func collect(
    _ id: GraphID, in model: Model, state: inout [Bool?], depth: Int
  ) throws(ModelError) {
    if state[id.index] == true { return }
    guard state[id.index] == nil, depth < 512 else {
      throw ModelError(
        .invalidGraph,
        depth < 512 ? "graph #\(id.index) contains itself" : "subgraphs nested over 512 deep",
        expected: "subgraphs that form a tree")
    }
    state[id.index] = false
    let graph = model[id]
    var seen: Set<ValueID> = []
    var values: [ValueID] = []
    func use(_ value: ValueID) throws(ModelError) {
      try check(value)
      if definer[value.index] != id, seen.insert(value).inserted { values.append(value) }
    }
    for node in graph.nodes {
      for case .some(let value) in node.inputs { try use(value) }
      for subgraph in node.graphs {
        guard model.graphs.indices.contains(subgraph.index) else {
          throw ModelError(
            .invalidGraph, "graph #\(subgraph.index)", expected: "one of \(model.graphs.count)")
        }
        try collect(subgraph, in: model, state: &state, depth: depth + 1)
        for value in captured[subgraph.index] { try use(value) }
      }
    }
    for value in graph.outputs { try use(value) }
    captured[id.index] = values
    state[id.index] = true
  }
}
