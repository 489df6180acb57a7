import ModelFormat
import Testing
import ZooRuntime

@Suite struct MovementMergingTests {
  private func chain(_ input: [Int], opset: Int = 18) -> ProductFusionTests.Chain {
    ProductFusionTests.Chain(input: input, opset: opset)
  }

  private func x(_ shape: [Int]) throws -> Tensor {
    var numbers = Numbers(seed: 3)
    return try Tensor(numbers.floats(shape.reduce(1, *)), shape: shape)
  }

  private func perm(_ axes: Int64...) -> [Attribute] { [Attribute("perm", .ints(axes))] }

  private func axes(
    _ name: String, _ values: [Int64], _ chain: inout ProductFusionTests.Chain
  ) throws {
    chain.values[name] = chain.model.addValue(name)
    chain.model.main.weights[chain.values[name]!] = Weight(
      try Tensor(values, shape: [values.count]))
  }

  /// Channels last without the batch axis around each operator, as some exporters write it.
  @Test func movesAroundConvolutionsVanish() throws {
    var numbers = Numbers(seed: 4)
    var chain = chain([1, 3, 8, 9])
    try chain.weight("W", [16, 3, 3, 3], &numbers)
    try chain.weight("V", [16, 16, 3, 3], &numbers)
    try chain.weight("Scale", [16], &numbers)
    try chain.weight("Shift", [1, 16], &numbers)
    try axes("Zero", [0], &chain)
    try axes("Pads", [1, 2, 0, 0, 1, 0], &chain)
    chain.node("Conv", ["x", "W"], "a")
    chain.node("Transpose", ["a"], "b", perm(0, 2, 3, 1))
    chain.node("Squeeze", ["b", "Zero"], "c")
    chain.node("Mul", ["c", "Scale"], "d")
    chain.node("Add", ["Shift", "d"], "e")
    chain.node("Relu", ["e"], "f")
    chain.node("Pad", ["f", "Pads"], "g")
    chain.node("Unsqueeze", ["g", "Zero"], "h")
    chain.node("Transpose", ["h"], "i", perm(0, 3, 1, 2))
    chain.node("Conv", ["i", "V"], "y")
    try chain.expect(
      "y", x([1, 3, 8, 9]), types: ["BlockedConv", "BlockedConv", "FromChannelBlocks"])
  }

  @Test func movesOfOneKindBecomeOne() throws {
    var chain = chain([2, 3, 4])
    chain.node("Transpose", ["x"], "a", perm(1, 0, 2))
    chain.node("Sigmoid", ["a"], "b")
    chain.node("Transpose", ["b"], "c", perm(2, 1, 0))
    chain.node("Neg", ["c"], "y")
    try chain.expect("y", x([2, 3, 4]), types: ["Sigmoid", "Transpose", "Neg"])
  }

  @Test func twoMovedOperandsMeetBeforeTheMove() throws {
    var chain = chain([2, 3, 4])
    chain.node("Exp", ["x"], "e")
    chain.node("Transpose", ["x"], "a", perm(0, 2, 1))
    chain.node("Transpose", ["e"], "b", perm(0, 2, 1))
    chain.node("Sub", ["a", "b"], "c")
    chain.node("Transpose", ["c"], "y", perm(0, 2, 1))
    try chain.expect("y", x([2, 3, 4]), types: ["Pointwise"])
  }

  @Test func aReshapeThatOnlyDropsAnAxisIsAMove() throws {
    var numbers = Numbers(seed: 5)
    var chain = chain([1, 4, 10])
    try chain.weight("W", [5, 4, 3], &numbers)
    try chain.weight("B", [5, 1], &numbers)
    try axes("Shape", [5, 8], &chain)
    chain.node("Conv", ["x", "W"], "a")
    chain.node("Reshape", ["a", "Shape"], "b")
    chain.node("Add", ["b", "B"], "c")
    chain.node("Tanh", ["c"], "y")
    try chain.expect("y", x([1, 4, 10]), types: ["FusedConv", "Squeeze"])
  }

  /// A constant of two axes that change places, one that makes more of an axis, a value that somebody else reads.
  @Test(arguments: ["order", "extent", "reader"])
  func declines(obstacle: String) throws {
    var numbers = Numbers(seed: 6)
    var chain = chain([2, 3, 1])
    try chain.weight("C", obstacle == "order" ? [2, 3] : [5, 1, 1], &numbers)
    chain.node("Transpose", ["x"], "a", perm(2, 1, 0))
    if obstacle == "order" {
      try chain.weight("C", [3, 2], &numbers)
      chain.node("Add", ["a", "C"], "b")
    } else if obstacle == "extent" {
      chain.node("Add", ["a", "C"], "b")
    } else {
      chain.node("Relu", ["a"], "r")
      chain.node("Add", ["a", "r"], "b")
    }
    chain.node("Transpose", ["b"], "y", perm(2, 1, 0))
    chain.model.main.outputs = [chain.values["y"]!]
    let moves = try Session(chain.model).model.main.nodes.filter { $0.opType == "Transpose" }
    #expect(moves.count == 2)
    try chain.expect(
      "y", x([2, 3, 1]),
      types: Session(chain.model).model.main.nodes.map(\.opType))
  }

  /// Pads of another value, of the channels, or chosen by `auto_pad` stay where they are.
  @Test(arguments: ["zeros", "value", "channels", "same", "valid"])
  func padsJoinTheConvolution(kind: String) throws {
    var numbers = Numbers(seed: 7)
    var chain = chain([1, 4, 6, 7])
    try chain.weight("W", [5, kind == "channels" ? 5 : 4, 3, 3], &numbers)
    try chain.weight("Value", [], &numbers, kind == "value" ? 0.5 : 0)
    try axes("Pads", [0, 0, 1, 2, 0, kind == "channels" ? 1 : 0, 0, 3], &chain)
    var attributes: [Attribute] = []
    switch kind {
    case "same": attributes = [Attribute("auto_pad", .string("SAME_UPPER"))]
    case "valid": attributes = [Attribute("auto_pad", .string("VALID"))]
    default: attributes = [Attribute("pads", .ints([0, 1, 1, 0]))]
    }
    chain.node("Pad", ["x", "Pads", "Value"], "p")
    chain.node("Conv", ["p", "W"], "y", attributes)
    chain.model.main.outputs = [chain.values["y"]!]
    let types = try Session(chain.model).model.main.nodes.map(\.opType)
    #expect(types.contains("Pad") == !["zeros", "valid"].contains(kind))
    try chain.expect("y", x([1, 4, 6, 7]), types: types)
  }

  @Test func aSliceOfEverythingVanishes() throws {
    var chain = chain([2, 3, 1])
    try axes("Starts", [0, 0], &chain)
    try axes("Ends", [Int64(Int32.max), 1], &chain)
    try axes("Axes", [0, -1], &chain)
    chain.node("Slice", ["x", "Starts", "Ends", "Axes"], "s")
    chain.node("Neg", ["s"], "y")
    try chain.expect("y", x([2, 3, 1]), types: ["Neg"])
    try axes("Fewer", [1, 1], &chain)
    chain.model.main.nodes[0].inputs[2] = chain.values["Fewer"]
    try chain.expect("y", x([2, 3, 1]), types: ["Slice", "Neg"])
  }
}
