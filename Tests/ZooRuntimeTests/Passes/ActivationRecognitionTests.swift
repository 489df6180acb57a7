import ModelFormat
import Testing
import ZooRuntime

@Suite struct ActivationRecognitionTests {
  private static let shape = [3, 50]

  private func chain(_ constants: [(String, Float)]) throws -> ProductFusionTests.Chain {
    var chain = ProductFusionTests.Chain(input: Self.shape, opset: 18)
    var numbers = Numbers(seed: 1)
    for (name, value) in constants { try chain.weight(name, [], &numbers, value) }
    return chain
  }

  private var x: Tensor {
    get throws {
      var numbers = Numbers(seed: 2)
      return try Tensor(numbers.floats(150).map { 12 * $0 }, shape: Self.shape)
    }
  }

  private static let tanhConstants: [(String, Float)] = [
    ("Cubic", 0.044715), ("Root", 0.7978846), ("One", 1), ("Half", 0.5), ("Three", 3),
  ]

  /// The cube as a power or as products, the half at three places.
  @Test(arguments: ["power", "products", "scaled", "half first", "half last"])
  func geluWithTanh(writing: String) throws {
    var chain = try chain(Self.tanhConstants)
    switch writing {
    case "power":
      chain.node("Pow", ["x", "Three"], "cube")
      chain.node("Mul", ["cube", "Cubic"], "c")
    case "scaled":
      chain.node("Mul", ["Cubic", "x"], "scaled")
      chain.node("Mul", ["x", "scaled"], "square")
      chain.node("Mul", ["x", "square"], "c")
    default:
      chain.node("Mul", ["x", "x"], "square")
      chain.node("Mul", ["square", "x"], "cube")
      chain.node("Mul", ["Cubic", "cube"], "c")
    }
    chain.node("Add", ["x", "c"], "inner")
    chain.node("Mul", ["inner", "Root"], "argument")
    chain.node("Tanh", ["argument"], "t")
    chain.node("Add", ["One", "t"], "gate")
    switch writing {
    case "half first":
      chain.node("Mul", ["Half", "x"], "h")
      chain.node("Mul", ["h", "gate"], "y")
    case "half last":
      chain.node("Mul", ["x", "gate"], "h")
      chain.node("Mul", ["h", "Half"], "y")
    default:
      chain.node("Mul", ["Half", "gate"], "h")
      chain.node("Mul", ["x", "h"], "y")
    }
    try chain.expect("y", x, types: ["Gelu"])
  }

  @Test func swishAsAQuotient() throws {
    var chain = try chain([("One", 1)])
    chain.node("Neg", ["x"], "n")
    chain.node("Exp", ["n"], "e")
    chain.node("Add", ["e", "One"], "s")
    chain.node("Div", ["x", "s"], "y")
    try chain.expect("y", x, types: ["Swish"])
  }

  @Test func mishAndHardSwish() throws {
    var mish = try chain([])
    mish.node("Softplus", ["x"], "s")
    mish.node("Tanh", ["s"], "t")
    mish.node("Mul", ["t", "x"], "y")
    try mish.expect("y", x, types: ["Mish"])
    var hard = try chain([("Three", 3), ("Zero", 0), ("Six", 6)])
    hard.node("Add", ["Three", "x"], "a")
    hard.node("Clip", ["a", "Zero", "Six"], "c")
    hard.node("Div", ["c", "Six"], "d")
    hard.node("Mul", ["d", "x"], "y")
    try hard.expect("y", x, types: ["HardSwish"])
  }

  /// The last bit of a result decides about codes.
  @Test func partsStayWhereResultsAreRounded() throws {
    var chain = try chain([("One", 1), ("Scale", 0.1)])
    chain.node("Neg", ["x"], "n")
    chain.node("Exp", ["n"], "e")
    chain.node("Add", ["e", "One"], "s")
    chain.node("Div", ["x", "s"], "y")
    chain.node("QuantizeLinear", ["y", "Scale"], "q")
    chain.node("DequantizeLinear", ["q", "Scale"], "d")
    try chain.expect("d", x, types: ["Pointwise", "DequantizeLinear"])
  }

  /// Another constant, a bound far away, a part that somebody else reads.
  @Test func whatOnlyLooksLikeAnActivationStays() throws {
    var other = try chain([("Factor", 1.702)])
    other.node("Mul", ["x", "Factor"], "m")
    other.node("Sigmoid", ["m"], "s")
    other.node("Mul", ["x", "s"], "y")
    try other.expect("y", x, types: ["Pointwise"])
    var bounded = try chain([("Bound", 1e6)])
    bounded.node("Sigmoid", ["x"], "s")
    bounded.node("Min", ["x", "Bound"], "b")
    bounded.node("Mul", ["b", "s"], "y")
    try bounded.expect("y", x, types: ["Pointwise"])
    var read = try chain([])
    read.node("Sigmoid", ["x"], "s")
    read.node("Mul", ["x", "s"], "p")
    read.node("Sub", ["p", "s"], "y")
    try read.expect("y", x, types: ["Pointwise"])
  }
}
