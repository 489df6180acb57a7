import ModelFormat
import Testing
import ZooRuntime

@Suite struct AttentionFusionTests {
  /// How the parts are written.
  struct Writing: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var scale = "scores"
    var mask: [Int]? = [2, 1, 1, 5]
    var isMaskFirst = false
    /// Keys are transposed at once, or heads first and then the last two axes.
    var isSplitAtOnce = true
    /// Keys are transposed with batch and heads as one axis.
    var joinsHeads = false
    /// Weights that are no numbers become 0.
    var isGuarded = false
    var types = [
      "Reshape", "Reshape", "Reshape", "FusedAttention", "Reshape",
    ]
  }

  static let writings = [
    Writing(testDescription: "BERT"),
    Writing(testDescription: "mask first", isMaskFirst: true, isSplitAtOnce: false),
    Writing(testDescription: "no mask", scale: "queries", mask: nil),
    Writing(testDescription: "both scaled", scale: "both", mask: [5, 5], isSplitAtOnce: false),
    Writing(testDescription: "broadcast", mask: [1]),
    Writing(testDescription: "joined heads", isSplitAtOnce: false, joinsHeads: true),
    Writing(testDescription: "guarded", mask: [5, 5], isGuarded: true),
  ]

  private func chain(_ writing: Writing) throws -> ProductFusionTests.Chain {
    var chain = ProductFusionTests.Chain(input: [2, 5, 12])
    var numbers = Numbers(seed: 8)
    chain.values["Split"] = chain.model.addValue("Split")
    chain.model.main.weights[chain.values["Split"]!] = Weight(try .i64([0, 0, 3, 4]))
    chain.values["Join"] = chain.model.addValue("Join")
    chain.model.main.weights[chain.values["Join"]!] = Weight(try .i64([0, 0, 12]))
    try chain.weight("C", [], &numbers, 0.5)
    if let mask = writing.mask { try chain.weight("M", mask, &numbers) }
    for name in ["q", "k", "v"] { chain.node("Reshape", ["x", "Split"], "\(name)4") }
    let swap = [Attribute("perm", .ints([0, 2, 1, 3]))]
    chain.node("Transpose", ["q4"], "q0", swap)
    if writing.isSplitAtOnce {
      chain.node("Transpose", ["k4"], "k0", [Attribute("perm", .ints([0, 2, 3, 1]))])
    } else {
      chain.node("Transpose", ["k4"], "k1", swap)
      try swapKeys(writing, &chain)
    }
    chain.node("Transpose", ["v4"], "v0", swap)
    var (q, k, s) = ("q0", "k0", "s0")
    if writing.scale != "scores" {
      chain.node("Mul", ["C", "q0"], "qs")
      q = "qs"
    }
    if writing.scale == "both" {
      chain.node("Mul", ["k0", "C"], "ks")
      k = "ks"
    }
    chain.node("MatMul", [q, k], s)
    if writing.scale == "scores" {
      chain.node("Div", [s, "C"], "s1")
      s = "s1"
    }
    if writing.mask != nil {
      chain.node("Add", writing.isMaskFirst ? ["M", s] : [s, "M"], "s2")
      s = "s2"
    }
    chain.node("Softmax", [s], "p", [Attribute("axis", .int(-1))])
    if writing.isGuarded {
      chain.node("IsNaN", ["p"], "n")
      chain.values["Zero"] = chain.model.addValue("Zero")
      chain.model.main.weights[chain.values["Zero"]!] = Weight(try Tensor([Float(0)], shape: []))
      chain.node("Where", ["n", "Zero", "p"], "p0")
    }
    chain.node("MatMul", [writing.isGuarded ? "p0" : "p", "v0"], "o")
    chain.node("Transpose", ["o"], "o4", swap)
    chain.node("Reshape", ["o4", "Join"], "y")
    return chain
  }

  private func swapKeys(
    _ writing: Writing, _ chain: inout ProductFusionTests.Chain
  ) throws {
    guard writing.joinsHeads else {
      chain.node("Transpose", ["k1"], "k0", [Attribute("perm", .ints([0, 1, 3, 2]))])
      return
    }
    for (name, extents) in [("Joined", [-1, 5, 4]), ("Split again", [2, 3, 4, 5] as [Int64])] {
      chain.values[name] = chain.model.addValue(name)
      chain.model.main.weights[chain.values[name]!] = Weight(try .i64(extents))
    }
    chain.node("Reshape", ["k1", "Joined"], "k2")
    chain.node("Transpose", ["k2"], "k3", [Attribute("perm", .ints([0, 2, 1]))])
    chain.node("Reshape", ["k3", "Split again"], "k0")
  }

  @Test func guardedQueriesGiveZero() throws {
    let writing = Self.writings.first { $0.isGuarded }!
    var chain = try chain(writing)
    var rows = [Float](repeating: 0, count: 25)
    for key in 0..<5 { rows[5 + key] = -.infinity }
    let mask = chain.values["M"]!
    chain.model.main.weights[mask] = Weight(try Tensor(rows, shape: [5, 5]))
    var numbers = Numbers(seed: 9)
    let x = try Tensor(Array(numbers.floats(120).prefix(120)), shape: [2, 5, 12])
    try chain.expect("y", x, types: writing.types)
  }

  @Test(arguments: writings)
  func partsBecomeOneKernel(writing: Writing) throws {
    var chain = try chain(writing)
    var numbers = Numbers(seed: 9)
    let x = try Tensor(Array(numbers.floats(120).prefix(120)), shape: [2, 5, 12])
    try chain.expect("y", x, types: writing.types)
  }

  /// Stacks of matrices without an axis for heads.
  @Test(arguments: [[2, 5, 5], [5, 5], [2, 1, 5], []])
  func rankThree(mask: [Int]) throws {
    var chain = ProductFusionTests.Chain(input: [2, 5, 6])
    var numbers = Numbers(seed: 10)
    try chain.weight("M", mask, &numbers)
    chain.node("Transpose", ["x"], "k", [Attribute("perm", .ints([0, 2, 1]))])
    chain.node("MatMul", ["x", "k"], "s")
    chain.node("Add", ["s", "M"], "s1")
    chain.node("Softmax", ["s1"], "p", [Attribute("axis", .int(2))])
    chain.node("MatMul", ["p", "x"], "y")
    let x = try Tensor(Array(numbers.floats(60).prefix(60)), shape: [2, 5, 6])
    try chain.expect("y", x, types: ["FusedAttention"])
  }

  /// The kernel takes rows of at most 4096.
  @Test func longRows() throws {
    var chain = ProductFusionTests.Chain(input: [1, 2, 4100])
    var numbers = Numbers(seed: 12)
    chain.node("Transpose", ["x"], "k", [Attribute("perm", .ints([0, 2, 1]))])
    chain.node("MatMul", ["x", "k"], "s")
    chain.node("Softmax", ["s"], "p", [Attribute("axis", .int(2))])
    chain.node("MatMul", ["p", "x"], "y")
    let x = try Tensor(Array(numbers.floats(8200).prefix(8200)), shape: [1, 2, 4100])
    try chain.expect("y", x, types: ["Transpose", "MatMul", "Softmax", "MatMul"])
  }

  enum Obstacle: CaseIterable { case axis, secondReader, keysAsTheyAre, scaleAfterMask, wideMask }

  @Test(arguments: Obstacle.allCases)
  func declines(obstacle: Obstacle) throws {
    var chain = ProductFusionTests.Chain(input: [2, 4, 4])
    var numbers = Numbers(seed: 11)
    try chain.weight("M", obstacle == .wideMask ? [3, 1, 4, 4] : [4, 4], &numbers)
    try chain.weight("C", [], &numbers, 0.5)
    chain.node("Transpose", ["x"], "k", [Attribute("perm", .ints([0, 2, 1]))])
    chain.node("MatMul", ["x", obstacle == .keysAsTheyAre ? "x" : "k"], "s")
    chain.node("Add", ["s", "M"], "s1")
    chain.node("Mul", ["s1", "C"], "s2")
    let scores = obstacle == .scaleAfterMask ? "s2" : "s1"
    chain.node("Softmax", [scores], "p", [Attribute("axis", .int(obstacle == .axis ? 1 : -1))])
    chain.node("MatMul", ["p", "x"], "y")
    if obstacle == .secondReader {
      chain.node("Relu", ["s1"], "r")
      chain.model.main.outputs = [chain.values["r"]!]
    }
    chain.model.main.outputs.append(chain.values["y"]!)
    let session = try Session(chain.model)
    #expect(!session.model.main.nodes.contains { $0.opType == "FusedAttention" })
    #expect(
      session.passLog.contains { $0.pass == "fuse-attention" && $0.outcome == .declined })
  }
}
