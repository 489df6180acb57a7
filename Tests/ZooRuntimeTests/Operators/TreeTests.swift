import Testing
import ZooRuntime

/// A tree as nested cases, to compare with what the operators make of its lists.
private indirect enum Tree {
  case leaf(Float)
  case branch(mode: String, feature: Int, threshold: Float, missing: Bool, yes: Tree, no: Tree)

  static func random(_ noise: inout Noise, depth: Int, modes: [String], missing: Bool) -> Tree {
    if depth == 0 || Int.random(in: 0..<8, using: &noise) == 0 {
      return .leaf(Float.random(in: -1...1, using: &noise))
    }
    func child() -> Tree { random(&noise, depth: depth - 1, modes: modes, missing: missing) }
    return .branch(
      mode: modes.randomElement(using: &noise) ?? "", feature: Int.random(in: 0..<4, using: &noise),
      threshold: Float(Int.random(in: -2...2, using: &noise)),
      missing: missing && Bool.random(using: &noise), yes: child(), no: child())
  }

  func answer(_ x: ArraySlice<Float>) -> Double {
    switch self {
    case .leaf(let value): return Double(value)
    case .branch(let mode, let feature, let threshold, let missing, let yes, let no):
      let value = x[x.startIndex + feature]
      let holds =
        switch mode {
        case "BRANCH_LEQ": value <= threshold
        case "BRANCH_LT": value < threshold
        case "BRANCH_GTE": value >= threshold
        case "BRANCH_GT": value > threshold
        case "BRANCH_EQ": value == threshold
        default: value != threshold
        }
      return (holds || (missing && value.isNaN) ? yes : no).answer(x)
    }
  }
}

/// The lists of `TreeEnsembleRegressor`.
private struct TreeLists {
  private var rows: [(tree: Int, node: Int, mode: String, values: (Int, Float, Int, Int, Int))] = []
  private var votes: [(tree: Int, node: Int, weight: Float)] = []

  init(_ trees: [Tree]) {
    for (number, tree) in trees.enumerated() {
      var next = 10
      add(tree, number, &next)
    }
  }

  @discardableResult
  private mutating func add(_ tree: Tree, _ number: Int, _ next: inout Int) -> Int {
    let node = next
    next += 1
    switch tree {
    case .leaf(let weight):
      rows.append((number, node, "LEAF", (0, 0, 0, 0, 0)))
      votes.append((number, node, weight))
    case .branch(let mode, let feature, let threshold, let missing, let yes, let no):
      let row = rows.count
      rows.append((number, node, mode, (0, 0, 0, 0, 0)))
      let a = add(yes, number, &next)
      let b = add(no, number, &next)
      rows[row].values = (feature, threshold, a, b, missing ? 1 : 0)
    }
    return node
  }

  mutating func shuffle(_ noise: inout Noise) {
    rows.shuffle(using: &noise)
    votes.shuffle(using: &noise)
  }

  var attributes: [Attribute] {
    [
      Attribute("nodes_treeids", .ints(rows.map { Int64($0.tree) })),
      Attribute("nodes_nodeids", .ints(rows.map { Int64($0.node) })),
      Attribute("nodes_modes", .strings(rows.map(\.mode))),
      Attribute("nodes_featureids", .ints(rows.map { Int64($0.values.0) })),
      Attribute("nodes_values", .floats(rows.map(\.values.1))),
      Attribute("nodes_truenodeids", .ints(rows.map { Int64($0.values.2) })),
      Attribute("nodes_falsenodeids", .ints(rows.map { Int64($0.values.3) })),
      Attribute("nodes_missing_value_tracks_true", .ints(rows.map { Int64($0.values.4) })),
      Attribute("target_treeids", .ints(votes.map { Int64($0.tree) })),
      Attribute("target_nodeids", .ints(votes.map { Int64($0.node) })),
      Attribute("target_ids", .ints(votes.map { _ in 0 })),
      Attribute("target_weights", .floats(votes.map(\.weight))),
    ]
  }
}

@Suite struct TreeTests {
  private static let all = [
    "BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ",
  ]

  @Test(
    arguments: [["BRANCH_LEQ"], ["BRANCH_LT"], ["BRANCH_GTE"], ["BRANCH_NEQ"], all],
    [false, true])
  func agreesWithTheTreesThemselves(modes: [String], missing: Bool) throws {
    var noise = Noise(seed: 77)
    for (trees, rows) in [(1, 1), (3, 7), (9, 8), (17, 1), (5, 131)] {
      let forest = (0..<trees).map { _ in
        Tree.random(&noise, depth: 6, modes: modes, missing: missing)
      }
      var x = (0..<rows * 4).map { _ in Float(Int.random(in: -3...3, using: &noise)) }
      for place in x.indices where Int.random(in: 0..<9, using: &noise) == 0 { x[place] = .nan }
      var lists = TreeLists(forest)
      let want = (0..<rows).map { row in
        Float(forest.reduce(0.0) { $0 + $1.answer(x[row * 4..<row * 4 + 4]) })
      }
      for isShuffled in [false, true] {
        if isShuffled { lists.shuffle(&noise) }
        for input in [
          try Tensor.f32(x, [rows, 4]), try Tensor(x.map(Double.init), shape: [rows, 4]),
        ] {
          let got = try NodeRunner.run(
            "TreeEnsembleRegressor", domain: "ai.onnx.ml", opset: 3, [.tensor(input)],
            lists.attributes)
          let scores = try #require(got.first?.tensor).array(of: Float.self)
          // Shuffled lists order the trees anew, and with them the additions.
          #expect(zip(scores, want).allSatisfy { abs($0 - $1) <= 1e-6 * Float(trees) })
        }
      }
    }
  }

  /// Lists of one tree, as LightGBM's exporter writes a split by categories: several equalities lead to one node.
  private func joined(yes: [Int64], no: [Int64]) -> [Attribute] {
    [
      Attribute("nodes_treeids", .ints([0, 0, 0, 0, 0, 0])),
      Attribute("nodes_nodeids", .ints([0, 1, 2, 3, 4, 5])),
      Attribute(
        "nodes_modes",
        .strings(["BRANCH_EQ", "BRANCH_EQ", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF"])),
      Attribute("nodes_featureids", .ints([0, 0, 0, 1, 0, 0])),
      Attribute("nodes_values", .floats([1, 3, 0, 0, 0, 0])),
      Attribute("nodes_truenodeids", .ints(yes)),
      Attribute("nodes_falsenodeids", .ints(no)),
      Attribute("target_treeids", .ints([0, 0, 0])),
      Attribute("target_nodeids", .ints([2, 4, 5])),
      Attribute("target_ids", .ints([0, 0, 0])),
      Attribute("target_weights", .floats([10, 20, 30])),
    ]
  }

  @Test func pathsMayMeetButNotComeBack() throws {
    let x = try Tensor.f32([1, -1, 3, 1, 3, -1, 2, 5], [4, 2])
    func run(yes: [Int64], no: [Int64]) throws -> [Value] {
      try NodeRunner.run(
        "TreeEnsembleRegressor", domain: "ai.onnx.ml", opset: 3, [.tensor(x)],
        joined(yes: yes, no: no))
    }
    let scores = try run(yes: [3, 3, 0, 4, 0, 0], no: [1, 2, 0, 5, 0, 0])
    #expect(try scores[0].tensor?.array(of: Float.self) == [20, 30, 20, 10])
    let error = #expect(throws: ModelError.self) {
      try run(yes: [4, 3, 0, 1, 0, 0], no: [1, 2, 0, 5, 0, 0])
    }
    #expect(error?.found == "tree node 3 leads back to node 1")
  }

  @Test func refusesBrokenLists() throws {
    let tree = Tree.branch(
      mode: "BRANCH_LEQ", feature: 0, threshold: 1, missing: false, yes: .leaf(1), no: .leaf(2))
    func refusal(_ name: String, _ value: AttributeValue) -> String {
      let attributes = TreeLists([tree]).attributes.map {
        $0.name == name ? Attribute(name, value) : $0
      }
      let error = #expect(throws: ModelError.self) {
        try NodeRunner.run(
          "TreeEnsembleRegressor", domain: "ai.onnx.ml", opset: 3,
          [.tensor(.f32([1, 2, 3, 4], [1, 4]))], attributes)
      }
      return error?.found ?? ""
    }
    #expect(refusal("nodes_nodeids", .ints([10, 11, 11])) == "node 11 of tree 0 comes twice")
    #expect(refusal("nodes_truenodeids", .ints([99, 0, 0])) == "tree 0 branches to node 99")
    #expect(refusal("nodes_treeids", .ints([0, 0, 1])) == "a vote of node 12 of tree 0")
    #expect(refusal("nodes_falsenodeids", .ints([11, 0, 0])) == "tree 0 has two roots")
    #expect(refusal("target_nodeids", .ints([11, 13])) == "a vote of node 13 of tree 0")
    #expect(
      refusal("nodes_modes", .strings(["BRANCH", "LEAF", "LEAF"])) == "a tree node of mode 'BRANCH'"
    )
  }
}
