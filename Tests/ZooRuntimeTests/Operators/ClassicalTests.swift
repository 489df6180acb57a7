import Testing
import ZooRuntime

@Suite struct ClassicalTests {
  private let domain = "ai.onnx.ml"

  @Test func encodesLabels() throws {
    let words = try Tensor(strings: ["b", "?", "a"], shape: [3])
    let keys = Attribute("keys_strings", .strings(["a", "b", "a"]))
    try NodeRunner.expect(
      "LabelEncoder", domain: domain, opset: 2, [words],
      [
        keys, Attribute("values_floats", .floats([1, 2, 3])), Attribute("default_float", .float(9)),
      ],
      gives: [.f32([2, 9, 1])])
    try NodeRunner.expect(
      "LabelEncoder", domain: domain, opset: 4, [words],
      [keys, Attribute("values_int64s", .ints([1, 2, 3]))], gives: [.i64([2, -1, 3])])
    try NodeRunner.expect(
      "LabelEncoder", domain: domain, opset: 1, [.i64([1, 7])],
      [Attribute("classes_strings", .strings(["x", "y"]))],
      gives: [Tensor(strings: ["y", "_Unused"], shape: [2])])
    try NodeRunner.expect(
      "CategoryMapper", domain: domain, opset: 1, [words],
      [Attribute("cats_strings", .strings(["a", "b"])), Attribute("cats_int64s", .ints([5, 6]))],
      gives: [.i64([6, -1, 5])])
  }

  /// As in ONNX Runtime.
  @Test func ofCategoriesListedTwiceTheLastCounts() throws {
    let words = try Tensor(strings: ["a"], shape: [1])
    try NodeRunner.expect(
      "CategoryMapper", domain: domain, opset: 1, [words],
      [
        Attribute("cats_strings", .strings(["a", "b", "a"])),
        Attribute("cats_int64s", .ints([1, 2, 3])),
      ],
      gives: [.i64([3])])
    try NodeRunner.expect(
      "LabelEncoder", domain: domain, opset: 1, [words],
      [Attribute("classes_strings", .strings(["a", "b", "a"]))], gives: [.i64([2])])
  }

  @Test func encodesOneHot() throws {
    let words = try Tensor(strings: ["b", "?"], shape: [2, 1])
    let categories = Attribute("cats_strings", .strings(["a", "b"]))
    try NodeRunner.expect(
      "OneHotEncoder", domain: domain, opset: 1, [words], [categories],
      gives: [.f32([0, 1, 0, 0], [2, 1, 2])])
    #expect(throws: ModelError.self) {
      try NodeRunner.run(
        "OneHotEncoder", domain: domain, opset: 1, [.tensor(words)],
        [categories, Attribute("zeros", .int(0))])
    }
  }

  @Test func preparesNumbers() throws {
    let x = try Tensor.f32([.nan, 2, 3, .nan], [2, 2])
    try NodeRunner.expect(
      "Imputer", domain: domain, opset: 1, [x],
      [
        Attribute("imputed_value_floats", .floats([7, 8])),
        Attribute("replaced_value_float", .float(.nan)),
      ], gives: [.f32([7, 2, 3, 8], [2, 2])])
    try NodeRunner.expect(
      "Scaler", domain: domain, opset: 1, [.i64([1, 2, 3, 4], [2, 2])],
      [Attribute("offset", .floats([1, 2])), Attribute("scale", .floats([2]))],
      gives: [.f32([0, 0, 4, 4], [2, 2])])
    try NodeRunner.expect(
      "Normalizer", domain: domain, opset: 1, [.f32([3, 4, 0, 0], [2, 2])],
      [Attribute("norm", .string("L2"))], gives: [.f32([0.6, 0.8, 0, 0], [2, 2])])
    try NodeRunner.expect(
      "FeatureVectorizer", domain: domain, opset: 1,
      [.f32([1, 2], [2, 1]), .i64([3, 4, 5, 6], [2, 2])],
      gives: [.f32([1, 3, 4, 2, 5, 6], [2, 3])])
  }

  @Test func runsLinearModels() throws {
    let x = try Tensor.f32([1, 2, 3, 4], [2, 2])
    try NodeRunner.expect(
      "LinearRegressor", domain: domain, opset: 1, [x],
      [Attribute("coefficients", .floats([1, 10])), Attribute("intercepts", .floats([0.5]))],
      gives: [.f32([21.5, 43.5], [2, 1])])
    try NodeRunner.expect(
      "LinearClassifier", domain: domain, opset: 1, [x],
      [
        Attribute("coefficients", .floats([1, 0, 0, 1, 2, -1])),
        Attribute("intercepts", .floats([0, 0, 0])),
        Attribute("classlabels_strings", .strings(["p", "q", "r"])),
      ],
      gives: [
        Tensor(strings: ["q", "q"], shape: [2]), .f32([1, 2, 0, 3, 4, 2], [2, 3]),
      ])
  }

  /// One tree: x₀ ≤ 0.5 ? 1 : (x₁ ≤ 2 ? 10 : 100), where NaN in x₀ goes left.
  private var tree: [Attribute] {
    [
      Attribute("nodes_treeids", .ints([0, 0, 0, 0, 0])),
      Attribute("nodes_nodeids", .ints([0, 1, 2, 3, 4])),
      Attribute("nodes_featureids", .ints([0, 0, 1, 0, 0])),
      Attribute(
        "nodes_modes", .strings(["BRANCH_LEQ", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF"])),
      Attribute("nodes_values", .floats([0.5, 0, 2, 0, 0])),
      Attribute("nodes_truenodeids", .ints([1, 0, 3, 0, 0])),
      Attribute("nodes_falsenodeids", .ints([2, 0, 4, 0, 0])),
      Attribute("nodes_missing_value_tracks_true", .ints([1, 0, 0, 0, 0])),
      Attribute("target_treeids", .ints([0, 0, 0])), Attribute("target_nodeids", .ints([1, 3, 4])),
      Attribute("target_ids", .ints([0, 0, 0])),
      Attribute("target_weights", .floats([1, 10, 100])),
      Attribute("n_targets", .int(1)), Attribute("base_values", .floats([1000])),
    ]
  }

  @Test(arguments: [0, 1, 5, 3000])
  func walksTrees(rows: Int) throws {
    let pattern: [([Float], Float)] = [
      ([0.5, 9], 1001), ([1, 2], 1010), ([1, 3], 1100), ([.nan, 9], 1001), ([1, .nan], 1100),
    ]
    let chosen = (0..<rows).map { pattern[$0 % pattern.count] }
    try NodeRunner.expect(
      "TreeEnsembleRegressor", domain: domain, opset: 1,
      [.f32(chosen.flatMap(\.0), [rows, 2])], tree, gives: [.f32(chosen.map(\.1), [rows, 1])])
  }

  @Test func refusesTreesThatGoRound() throws {
    var attributes = tree
    attributes[6] = Attribute("nodes_falsenodeids", .ints([2, 0, 2, 0, 0]))
    #expect(throws: ModelError.self) {
      try NodeRunner.run(
        "TreeEnsembleRegressor", domain: domain, opset: 1, [.tensor(.f32([1, 9], [1, 2]))],
        attributes)
    }
    let narrow = #expect(throws: ModelError.self) {
      try NodeRunner.run(
        "TreeEnsembleRegressor", domain: domain, opset: 1, [.tensor(.f32([1], [1, 1]))], tree)
    }
    #expect(narrow?.code == .shapeMismatch)
  }

  @Test func zipsMaps() throws {
    let out = try NodeRunner.run(
      "ZipMap", domain: domain, opset: 1, [.tensor(.f32([1, 2], [1, 2]))],
      [Attribute("classlabels_strings", .strings(["a", "b"]))])
    guard case .sequence(let maps, _) = out[0], case .map(let map)? = maps.first else {
      Issue.record("no sequence of maps")
      return
    }
    #expect(map.keys.strings == ["a", "b"])
    #expect(map.values.tensor == (try .f32([1, 2])))
  }
}
