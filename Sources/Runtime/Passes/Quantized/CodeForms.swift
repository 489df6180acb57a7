import ModelFormat

/// Which nodes over codes of images are computed in channel blocks.
///
/// Each node takes less in one form, and each value that changes its form costs a conversion. The least sum is found exactly
/// on the tree in which each node hangs on the first of its inputs that another such node gives; the other edges then
/// decide a few nodes anew, one at a time. All of it is linear in the number of nodes.
struct CodeForms {
  /// Those that are, in order.
  let inBlocks: [CodeNode]

  init(_ context: PassContext, _ form: CodeBlocking.Form) {
    let graph = CodeGraph(context)
    switch form {
    case .bytes: inBlocks = graph.nodes.filter(\.isAlwaysInBlocks)
    case .blocks: inBlocks = graph.nodes
    case .byCost:
      var forms = graph.formsOnTree()
      var round = 0
      while round < Self.rounds, graph.improve(&forms) { round += 1 }
      inBlocks = graph.nodes.indices.filter { forms[$0] }.map { graph.nodes[$0] }
    }
  }

  private static let rounds = 4
}

/// The nodes that have a choice, with its costs.
private struct CodeGraph {
  private(set) var nodes: [CodeNode] = []
  private var costs: [CodeCosts.Pair] = []
  /// For each node those that it takes codes from (`nil`: made by none of these), and what converting them takes.
  private var sources: [[(node: Int?, cost: Double)]] = []
  /// For each node those that take its codes.
  private var readers: [[Int]] = []

  init(_ context: PassContext) {
    let matcher = QuantizedMatcher(context)
    let estimates = CodeCosts()
    var zeros: [ValueID: Int] = [:]
    var places: [CodeNode.Codes: Int] = [:]
    for index in context.editor.indices {
      guard let node = CodeNode(index, matcher, zeros: zeros) else { continue }
      let place = nodes.count
      var read = node.output
      if case .average = node.kind { read = node.inputs[0].codes.value }
      nodes.append(node)
      costs.append(estimates.of(node, pixels: Self.pixels(read, context)))
      readers.append([])
      sources.append(
        node.inputs.map { input in
          let channels = context.type(input.codes.value)?.shape?[1].value ?? 1
          let cost = estimates.ofConversion(
            channels: channels, pixels: Self.pixels(input.codes.value, context))
          return (places[input.codes], cost)
        })
      for source in Set(sources[place].compactMap(\.node)) { readers[source].append(place) }
      guard let codes = node.codes else { continue }
      zeros[codes.value] = codes.zero
      places[codes] = place
    }
  }

  /// An extent of images of which nothing is known.
  private static let usualExtent = 80.0

  /// How many pixels images have, by estimate where extents are not known.
  private static func pixels(_ value: ValueID, _ context: PassContext) -> Double {
    let shape = context.type(value)?.shape?.dimensions ?? []
    var count = 1.0
    for (axis, extent) in shape.enumerated() where axis != 1 {
      count *= extent.value.map(Double.init) ?? (axis == 0 ? 1 : usualExtent)
    }
    return count
  }

  // MARK: Choosing

  /// The best forms if all but the first edge to an earlier node cost nothing: `true` for blocks.
  func formsOnTree() -> [Bool] {
    var best = costs
    let parents = sources.map { edges in edges.first { $0.node != nil } }
    // From the leaves, which come last, to the roots.
    for place in nodes.indices.reversed() {
      for edge in sources[place] where edge.node == nil { best[place].blocks += edge.cost }
      guard let edge = parents[place], let parent = edge.node else { continue }
      best[parent].bytes += min(best[place].bytes, best[place].blocks + edge.cost)
      best[parent].blocks += min(best[place].blocks, best[place].bytes + edge.cost)
    }
    var forms = nodes.map { _ in false }
    for place in nodes.indices {
      var (bytes, blocks) = (best[place].bytes, best[place].blocks)
      if let edge = parents[place], let parent = edge.node {
        if forms[parent] { bytes += edge.cost } else { blocks += edge.cost }
      }
      forms[place] = blocks < bytes
    }
    return forms
  }

  /// Gives nodes the other form where that takes less, all edges counted; returns whether one changed.
  func improve(_ forms: inout [Bool]) -> Bool {
    var changed = false
    for place in nodes.indices {
      var (bytes, blocks) = (costs[place].bytes, costs[place].blocks)
      func count(_ other: Bool, _ cost: Double) {
        if other { bytes += cost } else { blocks += cost }
      }
      for edge in sources[place] { count(edge.node.map { forms[$0] } ?? false, edge.cost) }
      for reader in readers[place] {
        for edge in sources[reader] where edge.node == place { count(forms[reader], edge.cost) }
      }
      guard forms[place] != (blocks < bytes), blocks != bytes else { continue }
      forms[place] = blocks < bytes
      changed = true
    }
    return changed
  }
}
