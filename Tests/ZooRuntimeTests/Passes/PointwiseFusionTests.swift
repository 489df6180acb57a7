import ModelFormat
import Testing
import ZooRuntime

@Suite struct PointwiseFusionTests {
  private static let shape = [2, 3, 1500]

  /// A chain whose values are read once, twice, and much later; operands of every way to broadcast.
  private func chain(_ shape: [Int], rows: [Int]) throws -> ProductFusionTests.Chain {
    var chain = ProductFusionTests.Chain(input: shape, opset: 18)
    var numbers = Numbers(seed: 21)
    try chain.weight("Scalar", [], &numbers, 0.3)
    try chain.weight("Two", [], &numbers, 2)
    try chain.weight("Low", [], &numbers, -0.5)
    try chain.weight("Row", [shape.last ?? 1], &numbers)
    try chain.weight("Column", rows + [1], &numbers)
    try chain.weight("All", shape, &numbers)
    chain.node("Mul", ["x", "Scalar"], "a")
    chain.node("Add", ["Column", "a"], "b")
    chain.node("Tanh", ["b"], "c")
    chain.node("Sub", ["Row", "c"], "d")
    chain.node("Mul", ["d", "d"], "e")
    chain.node("Clip", ["e", "Low", "Scalar"], "f")
    chain.node("Max", ["f", "b"], "g")
    chain.node("Pow", ["g", "Two"], "h")
    chain.node("Div", ["h", "All"], "i")
    chain.node("Min", ["i", "x"], "j")
    chain.node("LeakyRelu", ["j"], "k", [Attribute("alpha", .float(0.2))])
    chain.node("Add", ["k", "c"], "y")
    return chain
  }

  private func run(_ model: Model, _ x: Tensor, optimizes: Bool, threads: Int) throws -> [Float] {
    var options = Session.Options()
    options.optimizes = optimizes
    options.threads = threads
    return try Session(model, options: options).run(["x": x]).values.first!.array(of: Float.self)
  }

  /// Rows longer than a piece, shorter than a vector, of no element; a single row.
  @Test(arguments: [[2, 3, 1500], [4, 50, 5], [40_000, 3], [2, 0, 7], [9000], [1]])
  func oneKernelGivesWhatTheNodesGive(shape: [Int]) throws {
    var chain = try chain(shape, rows: shape.count > 2 ? [shape[1]] : [])
    chain.model.main.outputs = [chain.values["y"]!]
    var numbers = Numbers(seed: 22)
    let count = shape.reduce(1, *)
    let x = try Tensor(Array(numbers.floats(count).prefix(count)), shape: shape)
    let want = try run(chain.model, x, optimizes: false, threads: 1)
    #expect(try Session(chain.model).model.main.nodes.map(\.opType) == ["Pointwise"])
    for threads in [1, 3] {
      let got = try run(chain.model, x, optimizes: true, threads: threads)
      #expect(got.map(\.bitPattern) == want.map(\.bitPattern))
    }
  }

  /// What others read, and what has another shape, is computed by itself.
  @Test func whatOthersReadStays() throws {
    var chain = ProductFusionTests.Chain(input: [4, 5])
    var numbers = Numbers(seed: 23)
    try chain.weight("Wide", [3, 1, 1], &numbers)
    chain.node("Exp", ["x"], "a")
    chain.node("Neg", ["a"], "b")
    chain.node("Softmax", ["b"], "s")
    chain.node("Abs", ["b"], "c")
    chain.node("Add", ["c", "Wide"], "d")
    chain.node("Sigmoid", ["d"], "e")
    chain.node("Add", ["e", "s"], "y")
    let x = try Tensor(numbers.floats(20), shape: [4, 5])
    try chain.expect("y", x, types: ["Pointwise", "Softmax", "Abs", "Pointwise"])
  }

  /// A file cannot name functions or operands that are not there.
  @Test func stepsAreChecked() throws {
    func refused(_ functions: [String], _ operands: [Int64]) -> Bool {
      let zeros = [Float](repeating: 0, count: functions.count)
      let node = Node(
        "Pointwise", domain: "zoo", inputs: [ValueID(0)], outputs: [ValueID(1)],
        attributes: [
          Attribute("functions", .strings(functions)), Attribute("operands", .ints(operands)),
          Attribute("a", .floats(zeros)), Attribute("b", .floats(zeros)),
        ])
      let entry = OperatorRegistry.standard.entry("Pointwise", domain: "zoo")
      return (try? entry?.make(NodeReader(node, opset: 1))) == nil
    }
    #expect(!refused(["tanh", "add"], [0, -1, 0, 1]))
    #expect(refused(["tanh", "add"], [0, -1, 0, 2]))
    #expect(refused(["tanh", "add"], [0, -1, -1, 0]))
    #expect(refused(["tanh"], [0, 0]))
    #expect(refused(["pow"], [0, 0]))
    #expect(refused(["tanh"], [0]))
    #expect(refused([], []))
  }
}
