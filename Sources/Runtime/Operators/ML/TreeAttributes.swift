// How the operators write trees down.
extension TreeForest {
  /// The lists of `TreeEnsembleRegressor` (`prefix` "target") and `TreeEnsembleClassifier` ("class"): nodes, leaves
  /// among them, by tree and number.
  init(_ node: NodeReader, prefix: String, targets: Int) throws(ModelError) {
    self.targets = targets
    let trees = try node.ints("nodes_treeids", default: [])
    let numbers = try node.ints("nodes_nodeids", default: [])
    let modes = try node.strings("nodes_modes", default: [])
    let features = try node.ints("nodes_featureids", default: [])
    let yes = try node.ints("nodes_truenodeids", default: [])
    let no = try node.ints("nodes_falsenodeids", default: [])
    let missing = try node.ints("nodes_missing_value_tracks_true", default: [])
    let values = try Self.numbers(node, "nodes_values")
    let lists = [trees, numbers, features, yes, no].map(\.count) + [modes.count, values.count]
    guard lists.allSatisfy({ $0 == trees.count }), missing.isEmpty || missing.count == trees.count
    else {
      throw ModelError(
        .invalidAttribute, "lists of tree nodes of \(lists) entries", expected: "equal lengths")
    }
    let index = try TreeNodeIndex(trees: trees, numbers: numbers)
    try addVotes(node, prefix, index, rows: modes.count)
    nodes.reserveCapacity(modes.count)
    for row in modes.indices {
      let isLeaf = modes[row] == "LEAF"
      guard let mode = isLeaf ? .equal : Mode(name: modes[row]),
        let feature = isLeaf ? 0 : Int32(exactly: features[row])
      else {
        throw ModelError(
          .invalidAttribute, "a tree node of mode '\(modes[row])'",
          expected: "LEAF or one of " + Mode.names.joined(separator: ", "))
      }
      // A leaf's children, itself, are never asked for: who leads to it does so by its number.
      nodes.append(
        Node(
          threshold: values[row], feature: feature, yes: ~Int32(row), no: ~Int32(row), mode: mode,
          missingIsYes: !isLeaf && missing[checked: row] == 1))
    }
    for tree in index.trees { try link(tree, index, modes, yes, no) }
    roots.sort { Self.row($0) < Self.row($1) }
    baseValues = try Self.numbers(node, "base_values")
    let aggregates = ["AVERAGE", "SUM", "MIN", "MAX"]
    let name = try node.choice("aggregate_function", of: aggregates, default: "SUM")
    aggregate = Aggregate(rawValue: aggregates.firstIndex(of: name) ?? 1) ?? .sum
    try check()
  }

  /// Sets the children of a tree's nodes, and its root.
  private mutating func link(
    _ tree: TreeNodeIndex.Tree, _ index: TreeNodeIndex, _ modes: [String], _ yes: [Int], _ no: [Int]
  ) throws(ModelError) {
    func child(_ number: Int) throws(ModelError) -> Int32 {
      guard let row = index.row(tree, number) else {
        throw ModelError(
          .invalidAttribute, "tree \(tree.id) branches to node \(number)",
          expected: "one of its nodes")
      }
      return modes[row] == "LEAF" ? ~Int32(row) : Int32(row)
    }
    // The root is what no other node leads to.
    var isChild = Set<Int32>()
    var root: Int32?
    for row in index.rows(tree) where modes[row] != "LEAF" {
      (nodes[row].yes, nodes[row].no) = (try child(yes[row]), try child(no[row]))
      isChild.formUnion([nodes[row].yes, nodes[row].no])
    }
    for row in index.rows(tree) {
      let place = modes[row] == "LEAF" ? ~Int32(row) : Int32(row)
      guard !isChild.contains(place) else { continue }
      guard root == nil else {
        throw ModelError(.invalidAttribute, "tree \(tree.id) has two roots", expected: "one")
      }
      root = place
    }
    guard let root else {
      throw ModelError(.invalidAttribute, "a tree without a root", expected: "one in each tree")
    }
    roots.append(root)
  }

  private static func row(_ child: Int32) -> Int32 { child < 0 ? ~child : child }

  /// A list of floats, or a tensor since version 3.
  private static func numbers(_ node: NodeReader, _ name: String) throws(ModelError) -> [Double] {
    if node.has("\(name)_as_tensor") {
      guard let values = try node.tensor("\(name)_as_tensor").doubles else {
        throw ModelError(
          .invalidAttribute, "attribute '\(name)_as_tensor' holds no floats", expected: "floats")
      }
      return values
    }
    return try node.floats(name, default: []).map(Double.init)
  }

  /// Each node has a row of votes, inner ones an empty one, so that leaves are numbered as they are written.
  private mutating func addVotes(
    _ node: NodeReader, _ prefix: String, _ index: TreeNodeIndex, rows: Int
  ) throws(ModelError) {
    let targets = try node.ints("\(prefix)_ids", default: [])
    let trees = try node.ints("\(prefix)_treeids", default: [])
    let numbers = try node.ints("\(prefix)_nodeids", default: [])
    let weights = try Self.numbers(node, "\(prefix)_weights")
    guard [trees.count, numbers.count, weights.count].allSatisfy({ $0 == targets.count }) else {
      throw ModelError(
        .invalidAttribute, "lists of tree leaves of different lengths", expected: "equal lengths")
    }
    let byID = Dictionary(index.trees.map { ($0.id, $0) }) { first, _ in first }
    var leaves: [Int32] = []
    var tree: TreeNodeIndex.Tree?
    voteBegin = Array(repeating: 0, count: rows + 1)
    for vote in targets.indices {
      if tree?.id != trees[vote] { tree = byID[trees[vote]] }
      guard let row = tree.flatMap({ index.row($0, numbers[vote]) }) else {
        throw ModelError(
          .invalidAttribute, "a vote of node \(numbers[vote]) of tree \(trees[vote])",
          expected: "a leaf")
      }
      leaves.append(Int32(row))
      voteBegin[row + 1] += 1
    }
    for row in 0..<rows { voteBegin[row + 1] += voteBegin[row] }
    var next = voteBegin
    votes = Array(repeating: Vote(target: 0, weight: 0), count: targets.count)
    for (vote, row) in leaves.enumerated() {
      votes[Int(next[Int(row)])] = Vote(target: targets[vote], weight: weights[vote])
      next[Int(row)] += 1
    }
  }

  /// The lists of `TreeEnsemble`: inner nodes and leaves apart.
  init(ensemble node: NodeReader) throws(ModelError) {
    targets = try node.int("n_targets", default: 1)
    let modes = try node.tensor("nodes_modes").array(of: UInt8.self)
    let features = try node.ints("nodes_featureids")
    let (yes, yesIsLeaf) = (try node.ints("nodes_truenodeids"), try node.ints("nodes_trueleafs"))
    let (no, noIsLeaf) = (try node.ints("nodes_falsenodeids"), try node.ints("nodes_falseleafs"))
    let missing = try node.ints("nodes_missing_value_tracks_true", default: [])
    let splits = try node.tensor("nodes_splits").doubles ?? []
    let lists = [features, yes, yesIsLeaf, no, noIsLeaf].map(\.count) + [splits.count]
    guard lists.allSatisfy({ $0 == modes.count }) else {
      throw ModelError(
        .invalidAttribute, "lists of tree nodes of \(lists) entries", expected: "equal lengths")
    }
    var sets = try Self.memberSets(node).makeIterator()
    for index in modes.indices {
      guard let mode = Mode(rawValue: modes[index]), let feature = Int32(exactly: features[index]),
        let a = Int32(exactly: yes[index]), let b = Int32(exactly: no[index]), a >= 0, b >= 0
      else { throw ModelError(.invalidAttribute, "tree node \(index) is out of range") }
      var threshold = splits[index]
      if mode == .member {
        threshold = Double(members.count)
        members.append(sets.next() ?? [])
      }
      nodes.append(
        Node(
          threshold: threshold, feature: feature, yes: yesIsLeaf[index] != 0 ? ~a : a,
          no: noIsLeaf[index] != 0 ? ~b : b, mode: mode,
          missingIsYes: missing[checked: index] == 1))
    }
    roots = try node.ints("tree_roots").map { Int32(exactly: $0) ?? Int32.max }
    let ids = try node.ints("leaf_targetids")
    let weights = try node.tensor("leaf_weights").doubles ?? []
    guard ids.count == weights.count else {
      throw ModelError(
        .invalidAttribute, "\(ids.count) leaf targets, \(weights.count) leaf weights",
        expected: "as many of each")
    }
    votes = zip(ids, weights).map { Vote(target: $0, weight: $1) }
    voteBegin = (0...ids.count).map(Int32.init)
    aggregate = Aggregate(rawValue: try node.int("aggregate_function", default: 1)) ?? .sum
    try check()
  }

  /// Sets of numbers with NaN between them.
  private static func memberSets(_ node: NodeReader) throws(ModelError) -> [[Double]] {
    guard node.has("membership_values") else { return [] }
    let values = try node.tensor("membership_values").doubles ?? []
    return values.split(omittingEmptySubsequences: false) { $0.isNaN }.map(Array.init)
  }
}

extension TreeForest.Mode {
  static let names = [
    "BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ",
  ]

  init?(name: String) {
    guard let index = Self.names.firstIndex(of: name) else { return nil }
    self.init(rawValue: UInt8(index))
  }
}
