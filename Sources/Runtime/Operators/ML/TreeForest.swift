/// Decision trees as an operator's attributes give them, checked; `FlatForest` is what runs.
struct TreeForest {
  enum Mode: UInt8 {
    case lessOrEqual, less, greaterOrEqual, greater, equal, notEqual, member
  }

  /// An inner node. Children below 0 are leaves: `~child` is the leaf's row.
  struct Node {
    var threshold: Double
    var feature: Int32
    var yes: Int32
    var no: Int32
    var mode: Mode
    /// Where NaN goes.
    var missingIsYes: Bool
  }

  struct Vote {
    var target: Int
    var weight: Double
  }

  enum Aggregate: Int, Sendable { case average, sum, minimum, maximum }

  var nodes: [Node] = []
  /// Per tree: a node or, below 0, a leaf.
  var roots: [Int32] = []
  /// Votes by leaf: those of leaf i are `voteBegin[i] ..< voteBegin[i + 1]`.
  var votes: [Vote] = []
  var voteBegin: [Int32] = [0]
  /// Sets of values; the threshold of a node of mode `.member` is the number of its set.
  var members: [[Double]] = []
  var targets = 1
  var aggregate = Aggregate.sum
  var baseValues: [Double] = []

  /// - Throws: `.invalidAttribute` if a child is no node, a path comes back to itself, or a vote has no target.
  func check() throws(ModelError) {
    let leaves = 0..<voteBegin.count - 1
    func exists(_ child: Int32) -> Bool {
      child < 0 ? leaves.contains(Int(~child)) : nodes.indices.contains(Int(child))
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

  /// Paths may meet, as LightGBM's categories make them do; one that comes back to itself would be endless.
  private func checkPaths() throws(ModelError) {
    enum State { case new, open, done }
    var states = [State](repeating: .new, count: nodes.count)
    var waiting = roots.filter { $0 >= 0 }
    while let place = waiting.last.map(Int.init) {
      guard states[place] == .new else {
        states[place] = .done
        waiting.removeLast()
        continue
      }
      states[place] = .open
      for child in [nodes[place].yes, nodes[place].no] where child >= 0 {
        guard states[Int(child)] != .open else {
          throw ModelError(
            .invalidAttribute, "tree node \(place) leads back to node \(child)", expected: "a tree")
        }
        if states[Int(child)] == .new { waiting.append(child) }
      }
    }
  }
}
