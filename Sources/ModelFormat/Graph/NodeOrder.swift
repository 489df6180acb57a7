extension Model {
  /// Brings the nodes of each graph into an order in which each can be computed from those before it. Where several
  /// nodes could come next, the first of the old order does; a graph that is in order stays as it is.
  ///
  /// - Throws: `.invalidGraph` if nodes depend on one another in a circle; the message names them.
  /// - Complexity: O(n) if all is in order, else O(n log n).
  package mutating func sortNodes() throws(ModelError) {
    let captures = try Captures(self)
    for index in graphs.indices {
      let id = GraphID(index)
      if let order = try graphs[index].nodeOrder(id, captures, names: values) {
        graphs[index].nodes = order.map { graphs[index].nodes[$0] }
      }
    }
  }
}

extension Graph {
  /// The order in which to put the nodes, `nil` if they are in order.
  func nodeOrder(
    _ id: GraphID, _ captures: Captures, names: [ValueInfo]
  ) throws(ModelError) -> [Int]? {
    var producers: [ValueID: Int] = [:]
    for (index, node) in nodes.enumerated() {
      for case .some(let output) in node.outputs { producers[output] = index }
    }
    var isSorted = true
    var waiting = [Int](repeating: 0, count: nodes.count)
    var followers = [[Int]](repeating: [], count: nodes.count)
    for (index, node) in nodes.enumerated() {
      for value in captures.uses(of: node) {
        guard let producer = producers[value] else { continue }
        if producer >= index { isSorted = false }
        waiting[index] += 1
        followers[producer].append(index)
      }
    }
    if isSorted { return nil }
    var ready = MinHeap()
    for index in nodes.indices where waiting[index] == 0 { ready.insert(index) }
    var order: [Int] = []
    while let next = ready.popFirst() {
      order.append(next)
      for follower in followers[next] {
        waiting[follower] -= 1
        if waiting[follower] == 0 { ready.insert(follower) }
      }
    }
    if order.count < nodes.count {
      throw cycleError(followers: followers, waiting: waiting)
    }
    return order
  }

  private func cycleError(followers: [[Int]], waiting: [Int]) -> ModelError {
    var leaders: [Int: Int] = [:]
    for (index, next) in followers.enumerated() where waiting[index] > 0 {
      for follower in next where waiting[follower] > 0 && leaders[follower] == nil {
        leaders[follower] = index
      }
    }
    // Every waiting node has a waiting leader, so walking back must come to a node twice.
    var position = nodes.indices.first { waiting[$0] > 0 } ?? 0
    var places: [Int: Int] = [:]
    var path: [Int] = []
    while places[position] == nil {
      places[position] = path.count
      path.append(position)
      position = leaders[position] ?? position
    }
    let circle = path[(places[position] ?? 0)...].reversed()
    let shown = circle.prefix(8).map { nodes[$0].site(index: $0) }
    let more = circle.count > shown.count ? " → … (\(circle.count) nodes)" : ""
    return ModelError(
      .invalidGraph, "nodes that depend on one another: " + shown.joined(separator: " → ") + more,
      expected: "a graph without circles")
  }
}

extension Node {
  /// `node #118 'encoder/attn/MatMul' (MatMul)`, as messages name it.
  package func site(index: Int) -> String {
    "node #\(index) " + (name.isEmpty ? "" : "'\(name)' ") + "(\(qualifiedType))"
  }
}

/// The smallest of a changing set of numbers, in O(log n).
struct MinHeap {
  private var items: [Int] = []

  mutating func insert(_ item: Int) {
    items.append(item)
    var child = items.count - 1
    while child > 0, items[child] < items[(child - 1) / 2] {
      items.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  mutating func popFirst() -> Int? {
    guard let first = items.first else { return nil }
    let last = items.removeLast()
    guard !items.isEmpty else { return first }
    items[0] = last
    var parent = 0
    while true {
      var child = 2 * parent + 1
      guard child < items.count else { break }
      if child + 1 < items.count, items[child + 1] < items[child] { child += 1 }
      guard items[child] < items[parent] else { break }
      items.swapAt(parent, child)
      parent = child
    }
    return first
  }
}
