/// A graph's nodes once more, with values of their own.
struct GraphClone {
  /// What stands for a value of the original; values from outside stand for themselves.
  private(set) var values: [ValueID: ValueID]
  /// Types as they were inferred, which are more than what is declared.
  private let types: ModelTypes

  /// - Parameter values: What stands for some of the values, the graph's inputs for instance.
  init(_ types: ModelTypes, replacing values: [ValueID: ValueID] = [:]) {
    self.types = types
    self.values = values
  }

  /// Adds a copy of a graph to the model.
  mutating func copy(_ graph: GraphID, in model: inout Model) -> GraphID {
    let original = model[graph]
    for input in original.inputs { define(input, &model) }
    var copy = Graph()
    copy.name = original.name
    copy.inputs = original.inputs.map { values[$0] ?? $0 }
    let id = model.addGraph(copy)
    let nodes = self.nodes(of: graph, weightsIn: id, &model)
    model[id].nodes = nodes
    model[id].outputs = original.outputs.map { values[$0] ?? $0 }
    return id
  }

  /// Copies of a graph's nodes for graph `target`, which gets copies of its weights.
  mutating func nodes(
    of graph: GraphID, weightsIn target: GraphID, _ model: inout Model
  ) -> [Node] {
    let original = model[graph]
    for value in original.weights.keys.sorted() where !original.inputs.contains(value) {
      define(value, &model)
      if let copy = values[value] { model[target].weights[copy] = original.weights[value] }
    }
    for node in original.nodes {
      for case .some(let output) in node.outputs { define(output, &model) }
    }
    return original.nodes.map { node in
      var copy = node
      copy.inputs = node.inputs.map { $0.map { values[$0] ?? $0 } }
      copy.outputs = node.outputs.map { $0.map { values[$0] ?? $0 } }
      copy.attributes = node.attributes.map { attribute in
        guard case .graph(let body) = attribute.value else { return attribute }
        return Attribute(attribute.name, .graph(self.copy(body, in: &model)))
      }
      return copy
    }
  }

  private mutating func define(_ value: ValueID, _ model: inout Model) {
    guard values[value] == nil else { return }
    values[value] = model.addValue(
      "gradient/\(model.values.count)/\(model[value].name)",
      type: types.types[value] ?? model[value].type)
  }
}
