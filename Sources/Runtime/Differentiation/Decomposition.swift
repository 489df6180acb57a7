/// How an operator is computed by others that have rules: what it is differentiated through. One row of the table.
package struct Decomposition: Sendable {
  /// - Returns: The outputs. The call has no gradients.
  typealias Apply = @Sendable (GradientCall) throws(ModelError) -> [Term?]

  package let opType: String
  let apply: Apply

  init(_ opType: String, _ apply: @escaping Apply) {
    self.opType = opType
    self.apply = apply
  }
}

/// Every operator that is differentiated through others: one line each, by family.
package enum DecompositionTable {
  package static let all: [Decomposition] = [
    normalizationParts, matrixParts, resamplingParts, samplingParts, signalParts, attentionParts,
    recurrentParts, controlParts,
  ].flatMap { $0 }

  private static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.opType, $0) })

  static func decomposition(_ node: Node) -> Decomposition? {
    Model.canonical(node.domain).isEmpty ? byName[node.opType] : nil
  }
}

/// A graph on whose way back every operator has a rule: its parts stand in the place of one that has none of its own.
struct WorkingGraph {
  private(set) var model: Model
  private(set) var types: ModelTypes
  private(set) var path: GradientPath
  /// Nodes that the graph itself does not have.
  private(set) var added: [Node] = []
  private let graph: GraphID

  /// Parts of parts of parts, deeper than any operator of the table has them.
  private static let deepest = 8

  init(
    _ model: Model, _ graph: GraphID, from xs: [ValueID], to ys: [ValueID],
    _ registry: OperatorRegistry
  ) throws(ModelError) {
    self.model = model
    self.graph = graph
    types = try ModelTypes(model, registry: registry)
    path = try GradientPath(model, graph, from: xs, to: ys, types)
    try path.check()
    for _ in 0..<Self.deepest {
      guard path.nodes.contains(where: { isComposed(self.model[graph].nodes[$0]) }) else { return }
      try decompose(registry)
      types = try ModelTypes(self.model, registry: registry)
      path = try GradientPath(self.model, graph, from: xs, to: ys, types)
      try path.check()
    }
    throw ModelError(
      .limitExceeded, "operators that are made of others more than \(Self.deepest) deep",
      expected: "parts that have rules of their own")
  }

  private func isComposed(_ node: Node) -> Bool {
    DecompositionTable.decomposition(node) != nil
  }

  private mutating func decompose(_ registry: OperatorRegistry) throws(ModelError) {
    let builder = GradientBuilder(model, graph, types: types, registry: registry)
    let places = Set(path.nodes)
    var nodes: [Node] = []
    for (index, node) in model[graph].nodes.enumerated() {
      guard places.contains(index), let parts = DecompositionTable.decomposition(node) else {
        nodes.append(node)
        continue
      }
      let first = builder.nodes.count
      do throws(ModelError) {
        let call = GradientCall(
          node: node, reader: NodeReader(node, opset: model.opset(of: node)), builder: builder,
          gradients: [])
        let outputs = try parts.apply(call)
        nodes += builder.nodes[first...]
        for (place, output) in node.outputs.enumerated() {
          guard let output else { continue }
          guard let term = place < outputs.count ? outputs[place] : nil else {
            throw call.refused("output \(place) is used", expected: "uses of the others only")
          }
          var link = Node("Identity", inputs: [term.value], outputs: [output])
          link.opset = GradientBuilder.opset
          nodes.append(link)
        }
      } catch { throw error.at(node: node.site(index)) }
    }
    if let failure = builder.failure { throw failure }
    model = builder.model
    model[graph].nodes = nodes
    added += builder.nodes
  }
}
