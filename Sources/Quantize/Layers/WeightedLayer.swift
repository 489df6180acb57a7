import ZooRuntime

/// A node with one of its constant operands.
struct WeightedLayer: Sendable {
  let graph: GraphID
  /// The node's index in the graph.
  let index: Int
  let node: Node
  /// The node's name, or that of its first output.
  let name: String
  /// Which input the weight is.
  let input: Int
  let value: ValueID
  let weight: Weight
  let weightName: String
  /// The axis of the weight whose indices are output channels (rows, for a table).
  let channelAxis: Int
  /// The axis along which products are summed (along which a row lies, for a table).
  let reductionAxis: Int

  /// `'encoder/attn/MatMul' (MatMul)`
  var label: String { "'\(name)' (\(node.qualifiedType))" }
}

/// Finds the layers of a model.
struct LayerFinder {
  /// What an operator does with a weight.
  private struct Role {
    let input: Int
    let ranks: PartialRangeFrom<Int>
    let axes: @Sendable (_ node: Node, _ rank: Int) -> (channel: Int, reduction: Int)
  }

  private static let roles: [String: [Role]] = [
    "MatMul": [
      Role(input: 1, ranks: 2...) { _, rank in (rank - 1, rank - 2) },
      Role(input: 0, ranks: 2...) { _, rank in (rank - 2, rank - 1) },
    ],
    "Gemm": [
      Role(input: 1, ranks: 2...) { node, _ in node.int("transB") == 0 ? (1, 0) : (0, 1) }
    ],
    "Conv": [Role(input: 1, ranks: 3...) { _, _ in (0, 1) }],
    "ConvTranspose": [Role(input: 1, ranks: 3...) { _, _ in (1, 0) }],
    "Gather": [Role(input: 0, ranks: 2...) { _, _ in (0, 1) }],
    "LSTM": recurrent, "GRU": recurrent, "RNN": recurrent,
  ]

  private static let recurrent = [1, 2].map { Role(input: $0, ranks: 3...) { _, _ in (1, 2) } }

  /// Operators whose weights tools work on.
  static var operators: Set<String> { Set(roles.keys) }

  /// All layers of all graphs that can be reached, in order; graphs of functions are left out.
  static func layers(of model: Model) -> [WeightedLayer] {
    var layers: [WeightedLayer] = []
    for graph in model.reachableGraphs {
      let editor = GraphEditor(model, graph)
      for position in editor.indices {
        guard let node = editor.nodes[position] else { continue }
        layers += Self.layers(node, position, editor)
      }
    }
    return layers
  }

  private static func layers(
    _ node: Node, _ index: Int, _ editor: GraphEditor
  ) -> [WeightedLayer] {
    guard Model.canonical(node.domain).isEmpty, let roles = roles[node.opType] else { return [] }
    return roles.compactMap { role in
      guard role.input < node.inputs.count, let value = node.inputs[role.input],
        let weight = editor.weight(value), role.ranks.contains(weight.shape.count),
        node.opType != "Gather" || node.int("axis") == 0
      else { return nil }
      let axes = role.axes(node, weight.shape.count)
      return WeightedLayer(
        graph: editor.graph, index: index, node: node, name: editor.displayName(of: node),
        input: role.input, value: value, weight: weight, weightName: editor.name(of: value),
        channelAxis: axes.channel, reductionAxis: axes.reduction)
    }
  }
}

extension GraphEditor {
  /// The node's name, or that of its first output.
  func displayName(of node: Node) -> String {
    if !node.name.isEmpty { return node.name }
    return node.outputs.compactMap { $0 }.first.map { name(of: $0) } ?? node.opType
  }
}

extension Node {
  /// A float attribute, `value` if it is not there.
  func float(_ name: String, default value: Float) -> Float {
    if case .float(let value)? = attribute(name) { value } else { value }
  }
}
