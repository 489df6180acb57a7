import ModelFormat
import Testing
import ZooRuntime

@Suite struct ProductFusionTests {
  /// A chain of nodes behind one product; `weights` fill inputs that begin with a capital letter.
  struct Chain {
    var model: Model
    var values: [String: ValueID] = [:]

    init(input: [Int], opset: Int = 20) {
      model = Model(opsets: [OpsetImport("", opset)])
      values["x"] = model.addValue("x", type: .tensor(.f32, Shape(input)))
      var graph = Graph()
      graph.inputs = [values["x"]!]
      model.main = graph
    }

    mutating func weight(
      _ name: String, _ shape: [Int], _ numbers: inout Numbers, _ fixed: Float? = nil
    )
      throws
    {
      let count = shape.reduce(1, *)
      let data =
        fixed.map { Array(repeating: $0, count: count) }
        ?? Array(numbers.floats(count).prefix(count))
      values[name] = model.addValue(name)
      model.main.weights[values[name]!] = Weight(try Tensor(data, shape: shape))
    }

    mutating func node(
      _ type: String, _ inputs: [String], _ output: String, _ attributes: [Attribute] = []
    ) {
      values[output] = model.addValue(output)
      model.main.nodes.append(
        Node(
          type, inputs: inputs.map { values[$0] }, outputs: [values[output]], attributes: attributes
        ))
    }

    /// Runs plain and optimised; expects results that are equal but for rounding and nodes of these types only.
    mutating func expect(_ output: String, _ x: Tensor, types: [String]) throws {
      model.main.outputs = [values[output]!]
      var plain = Session.Options()
      plain.optimizes = false
      let want = try Session(model, options: plain).run(["x": x])[output]!.array(of: Float.self)
      let session = try Session(model)
      let got = try session.run(["x": x])[output]!.array(of: Float.self)
      let worst = zip(got, want).map { abs($0 - $1) }.max() ?? 0
      let largest = want.map(abs).max() ?? 0
      #expect(worst <= 1e-5 * max(1, largest) && got.count == want.count)
      #expect(session.model.main.nodes.map(\.opType) == types)
    }
  }

  @Test func batchNormalizationBiasAndReluJoinTheConvolution() throws {
    var numbers = Numbers(seed: 1)
    var chain = Chain(input: [2, 3, 8, 9])
    try chain.weight("W", [5, 3, 3, 3], &numbers)
    for name in ["S", "B", "M"] { try chain.weight(name, [5], &numbers) }
    try chain.weight("V", [5], &numbers, 0.7)
    try chain.weight("C", [1, 5, 1, 1], &numbers)
    chain.node("Conv", ["x", "W"], "a")
    chain.node("BatchNormalization", ["a", "S", "B", "M", "V"], "b")
    chain.node("Relu", ["b"], "y")
    let x = try Tensor(Array(numbers.floats(2 * 3 * 72)), shape: [2, 3, 8, 9])
    try chain.expect("y", x, types: ["BlockedConv", "FromChannelBlocks"])
    var biased = Chain(input: [2, 3, 8, 9])
    try biased.weight("W", [5, 3, 3, 3], &numbers)
    try biased.weight("C", [1, 5, 1, 1], &numbers)
    biased.node("Conv", ["x", "W"], "a")
    biased.node("Add", ["a", "C"], "b")
    biased.node("Sigmoid", ["b"], "s")
    biased.node("Mul", ["b", "s"], "y")
    try biased.expect("y", x, types: ["BlockedConv", "FromChannelBlocks"])
  }

  @Test func biasAndGeluJoinTheProduct() throws {
    var numbers = Numbers(seed: 2)
    var chain = Chain(input: [4, 6])
    try chain.weight("W", [6, 5], &numbers)
    try chain.weight("B", [5], &numbers)
    try chain.weight("Root", [], &numbers, Float(2).squareRoot())
    try chain.weight("One", [], &numbers, 1)
    try chain.weight("Half", [], &numbers, 0.5)
    chain.node("MatMul", ["x", "W"], "a")
    chain.node("Add", ["B", "a"], "h")
    chain.node("Div", ["h", "Root"], "d")
    chain.node("Erf", ["d"], "e")
    chain.node("Add", ["e", "One"], "g")
    chain.node("Mul", ["h", "g"], "m")
    chain.node("Mul", ["m", "Half"], "y")
    let x = try Tensor(Array(numbers.floats(24)), shape: [4, 6])
    try chain.expect("y", x, types: ["FusedMatMul"])
  }

  @Test func aResidualJoinsTheProduct() throws {
    var numbers = Numbers(seed: 3)
    var chain = Chain(input: [4, 6])
    try chain.weight("W", [6, 6], &numbers)
    chain.node("MatMul", ["x", "W"], "a")
    chain.node("Add", ["a", "x"], "b")
    chain.node("Relu", ["b"], "y")
    let x = try Tensor(Array(numbers.floats(24)), shape: [4, 6])
    try chain.expect("y", x, types: ["FusedMatMul"])
  }

  @Test func hardSwishFromItsPartsJoinsTheConvolution() throws {
    var numbers = Numbers(seed: 4)
    var chain = Chain(input: [1, 2, 5, 5])
    try chain.weight("W", [3, 2, 1, 1], &numbers)
    for (name, value) in [("Three", 3), ("Zero", 0), ("Six", 6)] as [(String, Float)] {
      try chain.weight(name, [], &numbers, value)
    }
    chain.node("Conv", ["x", "W"], "a")
    chain.node("Add", ["a", "Three"], "b")
    chain.node("Clip", ["b", "Zero", "Six"], "c")
    chain.node("Mul", ["a", "c"], "d")
    chain.node("Div", ["d", "Six"], "y")
    let x = try Tensor(Array(numbers.floats(50)), shape: [1, 2, 5, 5])
    try chain.expect("y", x, types: ["FusedConv"])
  }

  @Test func aResultThatSomebodyElseReadsStays() throws {
    var numbers = Numbers(seed: 5)
    var chain = Chain(input: [4, 6])
    try chain.weight("W", [6, 6], &numbers)
    chain.node("MatMul", ["x", "W"], "a")
    chain.node("Relu", ["a"], "b")
    chain.node("Add", ["a", "b"], "y")
    let x = try Tensor(Array(numbers.floats(24)), shape: [4, 6])
    try chain.expect("y", x, types: ["MatMul", "Pointwise"])
  }

  /// The product with few rows packs its weights in another form than other convolutions.
  @Test func aConvolutionToOneElementKeepsTheFactorsOfItsNormalization() throws {
    var numbers = Numbers(seed: 6)
    var chain = Chain(input: [1, 8, 2, 2, 2])
    try chain.weight("W", [32, 8, 2, 2, 2], &numbers)
    for name in ["S", "B", "M"] { try chain.weight(name, [32], &numbers) }
    try chain.weight("V", [32], &numbers, 0.7)
    chain.node("Conv", ["x", "W"], "a")
    chain.node("BatchNormalization", ["a", "S", "B", "M", "V"], "y")
    let x = try Tensor(Array(numbers.floats(64)), shape: [1, 8, 2, 2, 2])
    try chain.expect("y", x, types: ["FusedConv"])
  }

  /// Before opset 7 operands may meet along any axis.
  @Test func anAdditionAlongRowsIsNoBias() throws {
    var numbers = Numbers(seed: 7)
    var chain = Chain(input: [3, 3], opset: 6)
    try chain.weight("W", [3, 3], &numbers)
    try chain.weight("B", [3], &numbers)
    chain.node("MatMul", ["x", "W"], "a")
    chain.node(
      "Add", ["a", "B"], "y", [Attribute("broadcast", .int(1)), Attribute("axis", .int(0))])
    let x = try Tensor(Array(numbers.floats(9)), shape: [3, 3])
    try chain.expect("y", x, types: ["MatMul", "Add"])
  }

  @Test func aConstantThatAddsAxesIsNoPartOfAnActivation() throws {
    var numbers = Numbers(seed: 8)
    var chain = Chain(input: [4, 6])
    try chain.weight("W", [6, 5], &numbers)
    try chain.weight("Root", [], &numbers, Float(2).squareRoot())
    try chain.weight("One", [1, 1, 1], &numbers, 1)
    try chain.weight("Half", [], &numbers, 0.5)
    chain.node("MatMul", ["x", "W"], "h")
    chain.node("Div", ["h", "Root"], "d")
    chain.node("Erf", ["d"], "e")
    chain.node("Add", ["e", "One"], "g")
    chain.node("Mul", ["h", "g"], "m")
    chain.node("Mul", ["m", "Half"], "y")
    let x = try Tensor(Array(numbers.floats(24)), shape: [4, 6])
    chain.model.main.outputs = [chain.values["y"]!]
    #expect(try Session(chain.model).run(["x": x])["y"]?.shape == [1, 4, 5])
  }
}
