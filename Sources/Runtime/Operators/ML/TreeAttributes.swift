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
    var rows: [Key: Int] = [:]
    for index in trees.indices {
      guard rows.updateValue(index, forKey: Key(trees[index], numbers[index])) == nil else {
        throw ModelError(
          .invalidAttribute, "node \(numbers[index]) of tree \(trees[index]) comes twice")
      }
    }
    try addVotes(node, prefix, rows, modes)
    var inner: [Int: Int32] = [:]
    for index in trees.indices where modes[index] != "LEAF" { inner[index] = Int32(inner.count) }
    func child(_ tree: Int, _ number: Int) throws(ModelError) -> Int32 {
      guard let row = rows[Key(tree, number)] else {
        throw ModelError(
          .invalidAttribute, "tree \(tree) branches to node \(number)", expected: "one of its nodes"
        )
      }
      return inner[row] ?? ~Int32(row)
    }
    var isChild = Set<Key>()
    for index in trees.indices where modes[index] != "LEAF" {
      guard let mode = Self.modes[modes[index]], let feature = Int32(exactly: features[index])
      else {
        throw ModelError(
          .invalidAttribute, "a tree node of mode '\(modes[index])'",
          expected: "one of " + Self.modes.keys.sorted().joined(separator: ", "))
      }
      isChild.formUnion([Key(trees[index], yes[index]), Key(trees[index], no[index])])
      nodes.append(
        Node(
          threshold: values[index], feature: feature, yes: try child(trees[index], yes[index]),
          no: try child(trees[index], no[index]), mode: mode,
          missingIsYes: missing[checked: index] == 1))
    }
    var seen = Set<Int>()
    for index in trees.indices where !isChild.contains(Key(trees[index], numbers[index])) {
      guard seen.insert(trees[index]).inserted else {
        throw ModelError(.invalidAttribute, "tree \(trees[index]) has two roots", expected: "one")
      }
      roots.append(try child(trees[index], numbers[index]))
    }
    guard seen.count == Set(trees).count else {
      throw ModelError(.invalidAttribute, "a tree without a root", expected: "one in each tree")
    }
    baseValues = try Self.numbers(node, "base_values")
    let aggregates = ["AVERAGE", "SUM", "MIN", "MAX"]
    let name = try node.choice("aggregate_function", of: aggregates, default: "SUM")
    aggregate = Aggregate(rawValue: aggregates.firstIndex(of: name) ?? 1) ?? .sum
    try check()
  }

  private struct Key: Hashable {
    let tree: Int
    let node: Int
    init(_ tree: Int, _ node: Int) {
      self.tree = tree
      self.node = node
    }
  }

  private static let modes: [String: Mode] = [
    "BRANCH_LEQ": .lessOrEqual, "BRANCH_LT": .less, "BRANCH_GTE": .greaterOrEqual,
    "BRANCH_GT": .greater, "BRANCH_EQ": .equal, "BRANCH_NEQ": .notEqual,
  ]

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

  /// Each node has a row of `leaves`, inner ones an empty one, so that leaves are numbered as they are written.
  private mutating func addVotes(
    _ node: NodeReader, _ prefix: String, _ rows: [Key: Int], _ modes: [String]
  ) throws(ModelError) {
    let targets = try node.ints("\(prefix)_ids", default: [])
    let trees = try node.ints("\(prefix)_treeids", default: [])
    let numbers = try node.ints("\(prefix)_nodeids", default: [])
    let weights = try Self.numbers(node, "\(prefix)_weights")
    guard [trees.count, numbers.count, weights.count].allSatisfy({ $0 == targets.count }) else {
      throw ModelError(
        .invalidAttribute, "lists of tree leaves of different lengths", expected: "equal lengths")
    }
    var byLeaf = [[Vote]](repeating: [], count: modes.count)
    for index in targets.indices {
      guard let row = rows[Key(trees[index], numbers[index])] else {
        throw ModelError(
          .invalidAttribute, "a vote of node \(numbers[index]) of tree \(trees[index])",
          expected: "a leaf")
      }
      byLeaf[row].append(Vote(target: targets[index], weight: weights[index]))
    }
    for list in byLeaf {
      leaves.append(votes.count..<votes.count + list.count)
      votes += list
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
      if mode == .member { members[index] = sets.next() ?? [] }
      nodes.append(
        Node(
          threshold: splits[index], feature: feature, yes: yesIsLeaf[index] != 0 ? ~a : a,
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
    leaves = ids.indices.map { $0..<$0 + 1 }
    aggregate = Aggregate(rawValue: try node.int("aggregate_function", default: 1)) ?? .sum
    try check()
  }

  /// Sets of numbers with NaN between them.
  private static func memberSets(_ node: NodeReader) throws(ModelError) -> [Set<Double>] {
    guard node.has("membership_values") else { return [] }
    let values = try node.tensor("membership_values").doubles ?? []
    return values.split(omittingEmptySubsequences: false) { $0.isNaN }.map(Set.init)
  }
}
