/// Decision trees, flattened: each row of features goes from a root to a leaf of every tree.
struct TreeForest: Sendable {
  enum Mode: UInt8, Sendable {
    case lessOrEqual, less, greaterOrEqual, greater, equal, notEqual, member
  }

  /// An inner node. Children below 0 are leaves: `~child` is the leaf's row.
  struct Node: Sendable {
    var threshold: Double
    var feature: Int32
    var yes: Int32
    var no: Int32
    var mode: Mode
    /// Where NaN goes.
    var missingIsYes: Bool
  }

  struct Vote: Sendable {
    var target: Int
    var weight: Double
  }

  enum Aggregate: Int, Sendable { case average, sum, minimum, maximum }

  var nodes: [Node] = []
  /// Per tree: a node or, below 0, a leaf.
  var roots: [Int32] = []
  /// Per leaf: the range of its votes.
  var leaves: [Range<Int>] = []
  var votes: [Vote] = []
  /// Per node of mode `.member`: the set.
  var members: [Int: Set<Double>] = [:]
  var targets = 1
  var aggregate = Aggregate.sum
  var baseValues: [Double] = []

  /// - Throws: `.invalidAttribute` if a child is no node, a path comes back to itself, or a vote has no target.
  func check() throws(ModelError) {
    func exists(_ child: Int32) -> Bool {
      child < 0 ? leaves.indices.contains(Int(~child)) : nodes.indices.contains(Int(child))
    }
    guard nodes.allSatisfy({ exists($0.yes) && exists($0.no) && $0.feature >= 0 }),
      roots.allSatisfy(exists)
    else {
      throw ModelError(
        .invalidAttribute, "a tree with a branch that leads nowhere", expected: "a node or a leaf")
    }
    guard votes.allSatisfy({ $0.target >= 0 && $0.target < targets }),
      baseValues.isEmpty || baseValues.count == 1 || baseValues.count == targets
    else {
      throw ModelError(
        .invalidAttribute, "a vote or a base value without a target",
        expected: "targets 0 ... \(targets - 1)")
    }
    try checkPaths()
  }

  /// Each node is entered from one place at most, and roots from nowhere, so that no path is endless.
  private func checkPaths() throws(ModelError) {
    var entered = [Bool](repeating: false, count: nodes.count)
    for child in roots + nodes.flatMap({ [$0.yes, $0.no] }) where child >= 0 {
      guard !entered[Int(child)] else {
        throw ModelError(
          .invalidAttribute, "tree node \(child) is reached in two ways", expected: "a tree")
      }
      entered[Int(child)] = true
    }
  }

  var featureCount: Int { nodes.map { Int($0.feature) + 1 }.max() ?? 0 }

  private func leaf<T: BinaryFloatingPoint>(
    _ root: Int32, _ row: UnsafePointer<T>, _ nodes: UnsafePointer<Node>
  ) -> Int {
    var place = root
    while place >= 0 {
      let node = nodes[Int(place)]
      let x = Double(row[Int(node.feature)])
      let isYes =
        switch node.mode {
        case .lessOrEqual: x <= node.threshold
        case .less: x < node.threshold
        case .greaterOrEqual: x >= node.threshold
        case .greater: x > node.threshold
        case .equal: x == node.threshold
        case .notEqual: x != node.threshold
        case .member: members[Int(place)]?.contains(x) ?? false
        }
      place = isYes || (node.missingIsYes && x.isNaN) ? node.yes : node.no
    }
    return Int(~place)
  }

  /// Sums up the votes for rows `range`, tree by tree, so that a tree stays in the cache.
  ///
  /// - Parameters:
  ///   - scores: `[range.count, targets]`.
  ///   - voted: Whether any leaf voted for a target, likewise.
  func score<T: BinaryFloatingPoint>(
    _ x: UnsafePointer<T>, _ columns: Int, _ range: Range<Int>, _ scores: inout [Double],
    _ voted: inout [Bool]
  ) {
    let start =
      switch aggregate {
      case .minimum: Double.infinity
      case .maximum: -Double.infinity
      case .sum, .average: 0.0
      }
    scores = Array(repeating: start, count: range.count * targets)
    voted = Array(repeating: false, count: range.count * targets)
    nodes.withUnsafeBufferPointer { nodes in
      // A forest of leaves only has no nodes, and then none is read.
      let base = nodes.baseAddress ?? UnsafePointer(bitPattern: 64).unsafelyUnwrapped
      for root in roots {
        for (index, row) in range.enumerated() {
          for vote in votes[leaves[leaf(root, x + row * columns, base)]] {
            let place = index * targets + vote.target
            voted[place] = true
            switch aggregate {
            case .sum, .average: scores[place] += vote.weight
            case .minimum: scores[place] = min(scores[place], vote.weight)
            case .maximum: scores[place] = max(scores[place], vote.weight)
            }
          }
        }
      }
    }
    for place in scores.indices {
      if !voted[place] { scores[place] = 0 }
      if aggregate == .average { scores[place] /= Double(max(1, roots.count)) }
    }
  }

  /// The base value of a target.
  func base(_ target: Int) -> Double {
    baseValues.count == 1 ? baseValues[0] : baseValues[checked: target] ?? 0
  }
}
