import ModelFormat
import Testing
import ZooRuntime

@Suite struct NormalizationFusionTests {
  enum Writing: CaseIterable { case power, product, reciprocal, inverse, twoDeviations, unshifted }

  private func chain(_ axes: [Int64] = [-1]) throws -> ProductFusionTests.Chain {
    var chain = ProductFusionTests.Chain(input: [3, 2, 8], opset: 17)
    var numbers = Numbers(seed: 12)
    try chain.weight("Two", [], &numbers, 2)
    try chain.weight("One", [], &numbers, 1)
    try chain.weight("Epsilon", [], &numbers, 1e-3)
    try chain.weight("Scale", [8], &numbers)
    try chain.weight("Shift", [8], &numbers)
    let axes = [Attribute("axes", .ints(axes))]
    chain.node("ReduceMean", ["x"], "mean", axes)
    chain.node("Sub", ["x", "mean"], "d")
    return chain
  }

  private func finish(
    _ chain: inout ProductFusionTests.Chain, _ writing: Writing, deviation: String = "d",
    axis: Int64 = 2
  ) {
    let axes = [Attribute("axes", .ints([axis]))]
    if writing == .product {
      chain.node("Mul", [deviation, deviation], "squares")
    } else {
      chain.node("Pow", [deviation, "Two"], "squares")
    }
    chain.node("ReduceMean", ["squares"], "variance", axes)
    chain.node("Add", ["Epsilon", "variance"], "sum")
    chain.node("Sqrt", ["sum"], "root")
    switch writing {
    case .reciprocal:
      chain.node("Reciprocal", ["root"], "inverse")
      chain.node("Mul", ["inverse", deviation], "normal")
    case .inverse:
      chain.node("Div", ["One", "root"], "inverse")
      chain.node("Mul", [deviation, "inverse"], "normal")
    case .twoDeviations:
      chain.node("Sub", ["x", "mean"], "d2")
      chain.node("Div", ["d2", "root"], "normal")
    default: chain.node("Div", [deviation, "root"], "normal")
    }
    chain.node("Mul", ["Scale", "normal"], writing == .unshifted ? "y" : "scaled")
    if writing != .unshifted { chain.node("Add", ["scaled", "Shift"], "y") }
  }

  private var x: Tensor {
    get throws {
      var numbers = Numbers(seed: 13)
      return try Tensor(Array(numbers.floats(48).prefix(48)), shape: [3, 2, 8])
    }
  }

  @Test(arguments: Writing.allCases)
  func partsBecomeLayerNorm(writing: Writing) throws {
    var chain = try chain()
    finish(&chain, writing)
    try chain.expect("y", x, types: ["LayerNormalization"])
  }

  @Test(arguments: [Writing.power, .product, .reciprocal])
  func partsBecomeRootMeanSquareNorm(writing: Writing) throws {
    var chain = try chain()
    finish(&chain, writing, deviation: "x")
    try chain.expect("y", x, types: ["RMSNormalization", "Add"])
  }

  /// Means along another axis, a scale of another extent, or no scale at all.
  @Test(arguments: ["axis", "scale", "none"])
  func declines(obstacle: String) throws {
    var chain = try chain(obstacle == "axis" ? [1] : [-1])
    var numbers = Numbers(seed: 14)
    if obstacle == "scale" { try chain.weight("Scale", [2, 1], &numbers) }
    finish(&chain, .power, axis: obstacle == "axis" ? 1 : 2)
    chain.model.main.outputs = [chain.values[obstacle == "none" ? "normal" : "y"]!]
    let session = try Session(chain.model)
    #expect(!session.model.main.nodes.contains { $0.opType.hasSuffix("Normalization") })
  }
}
