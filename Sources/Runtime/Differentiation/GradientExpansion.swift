/// Puts nodes that compute gradients in the place of `Gradient` nodes. Runs always, optimising or not.
///
/// `Gradient` names tensors of the graph that it stands in: `y` is differentiated with respect to `xs`, and its inputs are
/// the values of `xs` and `zs` at which. Where an input is not the tensor that is named, what leads from there to `y` is
/// computed once more. Source: `ai.onnx.preview.training` `Gradient`, opset 1.
struct GradientExpansion {
  private var model: Model
  private let registry: OperatorRegistry
  private var nodes: [Node] = []
  /// By name, the values that are there before the node in hand.
  private var named: [String: ValueID] = [:]

  static func expand(_ model: Model, _ registry: OperatorRegistry) throws(ModelError) -> Model {
    guard model.main.nodes.contains(where: \.isGradient) else { return model }
    var run = GradientExpansion(model: model, registry: registry)
    for value in model.main.inputs + Array(model.main.weights.keys) { run.note(value) }
    for (index, node) in model.main.nodes.enumerated() {
      if node.isGradient {
        do throws(ModelError) { try run.expand(node) } catch {
          throw error.at(node: node.site(index))
        }
      } else {
        run.nodes.append(node)
      }
      for value in node.outputs { if let value { run.note(value) } }
    }
    run.model.main.nodes = run.nodes
    return run.model
  }

  private init(model: Model, registry: OperatorRegistry) {
    self.model = model
    self.registry = registry
  }

  private mutating func note(_ value: ValueID) { named[model[value].name] = value }

  private mutating func expand(_ node: Node) throws(ModelError) {
    let gradient = try Gradient(NodeReader(node, opset: model.opset(of: node)))
    var given: [ValueID: ValueID] = [:]
    var xs: [ValueID] = []
    for (index, name) in (gradient.xs + gradient.zs).enumerated() {
      let value = try value(name)
      guard let input = node.inputs[index] else {
        throw ModelError(.missingInput, "input \(index) is left out", expected: "'\(name)'")
      }
      if value != input { given[value] = input }
      if index < gradient.xs.count { xs.append(input) }
    }
    let y = try copied(try value(gradient.y), given)
    var before = model
    before.main.nodes = nodes
    before.main.outputs = []
    let result = try Differentiation.gradients(
      of: y, withRespectTo: xs, in: before, registry: registry)
    let outputs = model.main.outputs
    model = result.model
    model.main.outputs = outputs
    nodes += result.nodes
    for (value, output) in zip(result.gradients, node.outputs) {
      guard let output else { continue }
      nodes.append(Node("Identity", inputs: [value], outputs: [output]))
    }
  }

  private func value(_ name: String) throws(ModelError) -> ValueID {
    if let value = named[name] { return value }
    throw ModelError(
      .invalidAttribute, "'\(name)' is no value of the graph before this node",
      expected: "the name of an input, a weight or an output of an earlier node")
  }

  /// What stands for `y` if `given` stand for the values that are their keys: nodes between them are added once more.
  private mutating func copied(
    _ y: ValueID, _ given: [ValueID: ValueID]
  ) throws(ModelError) -> ValueID {
    if given.isEmpty { return y }
    var values = given
    var copies: [Node] = []
    for node in nodes {
      guard node.outputs.contains(where: { $0.map { given[$0] == nil } ?? false }),
        node.inputs.contains(where: { $0.map { values[$0] != nil } ?? false })
      else { continue }
      guard node.graphs.isEmpty else {
        throw ModelError(
          .invalidGraph, "'\(node.opType)' lies between the values that are given and 'y'",
          expected: "no operator with subgraphs there")
      }
      var copy = node
      copy.name = node.name.isEmpty ? "" : "gradient/\(node.name)"
      copy.inputs = node.inputs.map { $0.map { values[$0] ?? $0 } }
      copy.outputs = node.outputs.map { output in
        output.map { model.addValue("gradient/\(model[$0].name)", type: model[$0].type) }
      }
      for (old, new) in zip(node.outputs, copy.outputs) {
        if let old, given[old] == nil { values[old] = new }
      }
      copies.append(copy)
    }
    nodes += copies
    return values[y] ?? y
  }
}

extension Node {
  fileprivate var isGradient: Bool {
    opType == "Gradient" && domain == "ai.onnx.preview.training"
  }
}
