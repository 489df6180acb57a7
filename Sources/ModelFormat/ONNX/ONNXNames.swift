/// The names under which a model's values are written.
///
/// ONNX tells values apart by name, where the model tells them apart by id. A value keeps its name if that is legal:
/// not empty, not used twice in a graph, and hiding no name of an enclosing graph. Inputs and outputs of the main
/// graph are served first.
struct ONNXNames {
  private var names: [String?]

  init(_ model: Model) throws(ModelError) {
    names = Array(repeating: nil, count: model.values.count)
    let captures = try Captures(model)
    var isSubgraph = [Bool](repeating: false, count: model.graphs.count)
    for graph in model.graphs {
      for node in graph.nodes { for body in node.graphs { isSubgraph[body.index] = true } }
    }
    for index in model.graphs.indices where !isSubgraph[index] {
      var taken: Set<String> = []
      try assign(GraphID(index), model, captures, &taken)
    }
  }

  /// The name, empty for an operand that is left out.
  subscript(_ value: ValueID?) -> String { value.flatMap { names[$0.index] } ?? "" }

  private mutating func assign(
    _ id: GraphID, _ model: Model, _ captures: Captures, _ taken: inout Set<String>
  ) throws(ModelError) {
    let graph = model[id]
    var added: [String] = []
    func name(_ value: ValueID, _ names: inout [String?]) {
      guard names[value.index] == nil, captures.definer[value.index] == id else { return }
      let wanted = model[value].name
      var name = wanted.isEmpty ? "value_\(value.index)" : wanted
      var attempt = 1
      while taken.contains(name) {
        name = (wanted.isEmpty ? "value_\(value.index)" : wanted) + "_\(attempt)"
        attempt += 1
      }
      taken.insert(name)
      added.append(name)
      names[value.index] = name
    }
    for value in graph.inputs { name(value, &names) }
    for value in graph.outputs { name(value, &names) }
    for value in graph.weights.keys.sorted() { name(value, &names) }
    for node in graph.nodes {
      for case .some(let value) in node.outputs { name(value, &names) }
    }
    for node in graph.nodes {
      for body in node.graphs { try assign(body, model, captures, &taken) }
    }
    // Graphs beside this one may use the same names.
    taken.subtract(added)
  }
}
