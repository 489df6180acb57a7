import ZooRuntime

/// Makes weights of constants that a model keeps in other forms: `Constant` nodes, and weights behind nodes that only
/// move or convert them. Tools then find every weight in one place.
///
/// A weight that others read as well is not copied: its `Transpose` stays.
enum WeightLifting {
  /// Operators that give as many elements as they take.
  private static let movers: Set = [
    "Identity", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten",
  ]

  static func lift(_ model: Model) throws(ModelError) -> Model {
    var model = model
    for graph in model.reachableGraphs {
      var editor = GraphEditor(model, graph)
      for position in editor.indices {
        guard let node = editor.nodes[position], let output = node.outputs.first ?? nil,
          let weight = try constant(node, editor)
        else { continue }
        editor.setWeight(output, weight)
        editor.remove(position)
      }
      editor.removeDeadNodes()
      model = editor.model
    }
    return model
  }

  private static func constant(
    _ node: Node, _ editor: GraphEditor
  ) throws(ModelError) -> Weight? {
    guard Model.canonical(node.domain).isEmpty else { return nil }
    if node.opType == "Constant" {
      if case .tensor(let weight)? = node.attribute("value") { return weight }
      return nil
    }
    guard movers.contains(node.opType), let source = node.inputs.first ?? nil,
      editor.soleConsumer(of: source) != nil, node.outputs.count == 1
    else { return nil }
    var inputs: [Tensor?] = []
    for value in node.inputs {
      guard let value else {
        inputs.append(nil)
        continue
      }
      guard let weight = editor.weight(value) else { return nil }
      inputs.append(try weight.tensor())
    }
    return try run(node, inputs, opset: editor.opset("")).map { Weight($0) }
  }

  /// Runs one node on constants; `nil` if it is not one that the runtime takes: then it is left as it is.
  private static func run(
    _ node: Node, _ inputs: [Tensor?], opset: Int
  ) throws(ModelError) -> Tensor? {
    var model = Model(opsets: [OpsetImport("", opset)])
    var node = node
    for (index, tensor) in inputs.enumerated() {
      guard let tensor else { continue }
      let value = model.addValue("input_\(index)", type: .tensor(tensor.type))
      model.main.weights[value] = Weight(tensor)
      node.inputs[index] = value
    }
    let output = model.addValue("output")
    node.outputs = [output]
    model.main.nodes = [node]
    model.main.outputs = [output]
    guard let session = try? Session(model) else { return nil }
    return try session.run([:])["output"]
  }
}
