import ModelFormat
import Testing
import ZooRuntime

/// Networks whose images stay in channel blocks give what they give plain.
@Suite struct ChannelBlockingTests {
  typealias Chain = ProductFusionTests.Chain

  static func window(_ extent: Int64, stride: Int64 = 1, pad: Int64 = 0) -> [Attribute] {
    [
      Attribute("kernel_shape", .ints([extent, extent])),
      Attribute("strides", .ints([stride, stride])),
      Attribute("pads", .ints([pad, pad, pad, pad])),
    ]
  }

  static func conv(
    _ extent: Int64, stride: Int64 = 1, group: Int64 = 1
  ) -> [Attribute] {
    window(extent, stride: stride, pad: extent / 2) + [Attribute("group", .int(group))]
  }

  @Test func aMobileNetworkStaysInBlocks() throws {
    var numbers = Numbers(seed: 21)
    var chain = Chain(input: [2, 3, 33, 30])
    try chain.weight("A", [24, 3, 3, 3], &numbers)
    try chain.weight("D", [24, 1, 5, 5], &numbers)
    try chain.weight("S", [8, 24, 1, 1], &numbers)
    try chain.weight("E", [24, 8, 1, 1], &numbers)
    try chain.weight("P", [40, 24, 1, 1], &numbers)
    try chain.weight("Two", [], &numbers, 2)
    try chain.weight("C", [1, 24, 1, 1], &numbers)
    chain.node("Conv", ["x", "A"], "a", Self.conv(3, stride: 2))
    chain.node("HardSwish", ["a"], "b")
    chain.node("Mul", ["b", "Two"], "c")
    chain.node("Add", ["c", "C"], "d")
    chain.node("MaxPool", ["d"], "m", Self.window(3, stride: 1, pad: 1))
    chain.node("Conv", ["m", "D"], "e", Self.conv(5, group: 24))
    chain.node("GlobalAveragePool", ["e"], "g")
    chain.node("Conv", ["g", "S"], "h", Self.conv(1))
    chain.node("Relu", ["h"], "i")
    chain.node("Conv", ["i", "E"], "j", Self.conv(1))
    chain.node("HardSigmoid", ["j"], "k")
    chain.node("Mul", ["e", "k"], "l")
    chain.node("Conv", ["l", "P"], "y", Self.conv(1))
    let x = try Tensor(Array(numbers.floats(2 * 3 * 33 * 30)), shape: [2, 3, 33, 30])
    try chain.expect(
      "y", x,
      types: [
        "BlockedConv", "BlockedMaxPool", "BlockedConv", "BlockedGlobalAveragePool",
        "BlockedConv", "BlockedConv", "BlockedAffine", "BlockedConv", "FromChannelBlocks",
      ])
  }

  @Test func branchesMeetInBlocks() throws {
    var numbers = Numbers(seed: 22)
    var chain = Chain(input: [1, 20, 12, 13])
    for (name, shape) in [
      ("A", [24, 20, 3, 3]), ("B", [8, 20, 1, 1]), ("C", [20, 32, 1, 1]), ("V", [20]),
    ] {
      try chain.weight(name, shape, &numbers, name == "V" ? 0.5 : nil)
    }
    try chain.weight("Scales", [4], &numbers, 2)
    chain.model.main.weights[chain.values["Scales"]!] = Weight(
      try Tensor([1, 1, 2, 2] as [Float], shape: [4]))
    try chain.weight("Roi", [0], &numbers, 0)
    chain.node("Conv", ["x", "A"], "a", Self.conv(3))
    chain.node("Conv", ["x", "B"], "b", Self.conv(1))
    chain.node("Concat", ["a", "b"], "c", [Attribute("axis", .int(1))])
    chain.node("Conv", ["c", "C"], "d", Self.conv(1))
    chain.node("Add", ["d", "x"], "e")
    chain.node("AveragePool", ["e"], "p", Self.window(3, stride: 1, pad: 1))
    chain.node("BatchNormalization", ["p", "V", "V", "V", "V"], "n")
    chain.node("Relu", ["n"], "r")
    chain.node("Resize", ["r", "Roi", "Scales"], "s", [Attribute("mode", .string("linear"))])
    chain.node("Transpose", ["s"], "y", [Attribute("perm", .ints([0, 2, 3, 1]))])
    let x = try Tensor(Array(numbers.floats(20 * 12 * 13)), shape: [1, 20, 12, 13])
    try chain.expect(
      "y", x,
      types: [
        "ToChannelBlocks", "BlockedConv", "BlockedConv", "BlockedConcat", "BlockedConv",
        "BlockedAveragePool", "BlockedAffine", "BlockedResize", "FromChannelBlocks",
      ])
  }

  /// Images come from channels last and go there, also as codes, without being planes in between.
  @Test(arguments: [16, 20, 35])
  func channelsLastBecomeBlocksAndBack(_ channels: Int) throws {
    var numbers = Numbers(seed: channels + 1)
    var chain = Chain(input: [2, 6, 7, channels])
    try chain.weight("A", [channels, channels, 3, 3], &numbers)
    try chain.weight("Step", [], &numbers, 1)
    func order(_ axes: [Int64]) -> [Attribute] { [Attribute("perm", .ints(axes))] }
    chain.node("Transpose", ["x"], "planes", order([0, 3, 1, 2]))
    chain.node("Conv", ["planes", "A"], "a", Self.conv(3))
    chain.node("Transpose", ["a"], "last", order([0, 2, 3, 1]))
    chain.node("QuantizeLinear", ["a", "Step"], "codes")
    chain.node("Transpose", ["codes"], "turned", order([0, 2, 3, 1]))
    chain.node("DequantizeLinear", ["turned", "Step"], "rounded")
    chain.node("Concat", ["last", "rounded"], "y", [Attribute("axis", .int(3))])
    let x = try Tensor(
      Array(numbers.floats(2 * 6 * 7 * channels)), shape: [2, 6, 7, channels])
    try chain.expect(
      "y", x,
      types: [
        "ToChannelBlocks", "BlockedConv", "FromChannelBlocks", "BlockedQuantizeLinear",
        "CodesFromChannelBlocks", "DequantizeLinear", "Concat",
      ])
  }

  /// A value that is needed in both forms has both; a convolution that blocks would not make faster stays as it is.
  @Test func whatOthersReadIsThereInPlanes() throws {
    var numbers = Numbers(seed: 23)
    var chain = Chain(input: [1, 4, 9, 8])
    try chain.weight("A", [16, 4, 3, 3], &numbers)
    try chain.weight("B", [2, 4, 1, 1], &numbers)
    chain.node("Conv", ["x", "A"], "a", Self.conv(3))
    chain.node("Softmax", ["a"], "b", [Attribute("axis", .int(1))])
    chain.node("Mul", ["a", "b"], "c")
    chain.node("Conv", ["x", "B"], "d", Self.conv(1))
    chain.node("Concat", ["c", "d"], "y", [Attribute("axis", .int(1))])
    let x = try Tensor(Array(numbers.floats(4 * 72)), shape: [1, 4, 9, 8])
    try chain.expect(
      "y", x,
      types: ["BlockedConv", "FromChannelBlocks", "Softmax", "Mul", "Conv", "Concat"])
  }

  /// Transposed convolutions whose taps do not overlap give blocks, or planes where all taps fit into one block.
  @Test func spreadingConvolutionsReadBlocks() throws {
    var numbers = Numbers(seed: 24)
    var chain = Chain(input: [2, 5, 7, 17])
    try chain.weight("A", [20, 5, 3, 3], &numbers)
    try chain.weight("T", [20, 37, 2, 3], &numbers)
    try chain.weight("B", [37], &numbers)
    try chain.weight("V", [37], &numbers, 0.5)
    try chain.weight("U", [37, 3, 2, 2], &numbers)
    try chain.weight("C", [1, 3, 1, 1], &numbers)
    chain.node("Conv", ["x", "A"], "a", Self.conv(3))
    chain.node(
      "ConvTranspose", ["a", "T", "B"], "b", [Attribute("strides", .ints([2, 3]))])
    chain.node("BatchNormalization", ["b", "V", "B", "B", "V"], "c")
    chain.node("Relu", ["c"], "d")
    chain.node(
      "ConvTranspose", ["d", "U"], "e", [Attribute("strides", .ints([2, 2]))])
    chain.node("Add", ["e", "C"], "f")
    chain.node("Sigmoid", ["f"], "y")
    let x = try Tensor(Array(numbers.floats(2 * 5 * 7 * 17)), shape: [2, 5, 7, 17])
    try chain.expect(
      "y", x, types: ["BlockedConv", "BlockedConvTranspose", "BlockedConvTranspose"])
  }

  /// A transposed convolution of many channels is worth bringing its input into blocks, one of few channels is not.
  @Test func spreadingConvolutionsStartBlocks() throws {
    var numbers = Numbers(seed: 27)
    var chain = Chain(input: [2, 9, 7, 5])
    try chain.weight("T", [9, 20, 2, 2], &numbers)
    let strides = Attribute("strides", .ints([2, 2]))
    chain.node("ConvTranspose", ["x", "T"], "a", [strides])
    chain.node("Relu", ["a"], "y")
    let x = try Tensor(Array(numbers.floats(2 * 9 * 7 * 5)), shape: [2, 9, 7, 5])
    try chain.expect(
      "y", x, types: ["ToChannelBlocks", "BlockedConvTranspose", "FromChannelBlocks"])
    var few = Chain(input: [2, 5, 7, 5])
    try few.weight("U", [5, 3, 2, 2], &numbers)
    few.node("ConvTranspose", ["x", "U"], "y", [strides])
    let z = try Tensor(Array(numbers.floats(2 * 5 * 7 * 5)), shape: [2, 5, 7, 5])
    try few.expect("y", z, types: ["ConvTranspose"])
  }

  /// Convolutions over one axis are computed as over images of one row.
  @Test func aChainOverOneAxisStaysInBlocks() throws {
    var numbers = Numbers(seed: 25)
    var chain = Chain(input: [2, 5, 61])
    try chain.weight("A", [20, 5, 7], &numbers)
    try chain.weight("D", [20, 1, 3], &numbers)
    try chain.weight("P", [20, 20, 1], &numbers)
    try chain.weight("V", [20], &numbers, 0.5)
    try chain.weight("C", [1, 20, 1], &numbers)
    let window = [
      Attribute("kernel_shape", .ints([7])), Attribute("strides", .ints([2])),
      Attribute("pads", .ints([4, 1])), Attribute("dilations", .ints([2])),
    ]
    chain.node("Conv", ["x", "A"], "a", window)
    chain.node("BatchNormalization", ["a", "V", "V", "V", "V"], "b")
    chain.node(
      "Conv", ["b", "D"], "c",
      [Attribute("group", .int(20)), Attribute("auto_pad", .string("SAME_UPPER"))])
    chain.node("Relu", ["c"], "d")
    chain.node("Conv", ["d", "P"], "e", [])
    chain.node("Add", ["e", "b"], "f")
    chain.node("Concat", ["f", "d"], "g", [Attribute("axis", .int(-2))])
    chain.node(
      "MaxPool", ["g"], "h",
      [Attribute("kernel_shape", .ints([3])), Attribute("pads", .ints([1, 0]))])
    chain.node("GlobalAveragePool", ["h"], "i")
    chain.node("Mul", ["h", "i"], "y")
    let x = try Tensor(Array(numbers.floats(2 * 5 * 61)), shape: [2, 5, 61])
    try chain.expect(
      "y", x,
      types: [
        "BlockedConv", "BlockedConv", "BlockedConv", "BlockedConcat", "BlockedMaxPool",
        "BlockedGlobalAveragePool", "BlockedAffine", "FromChannelBlocks",
      ])
  }

  /// Pieces of channels that begin with blocks are moved as blocks, others lane by lane.
  @Test(arguments: [16, 20]) func piecesOfChannelsStayInBlocks(_ first: Int) throws {
    var numbers = Numbers(seed: 26)
    var chain = Chain(input: [2, 5, 9, 8])
    try chain.weight("A", [44, 5, 3, 3], &numbers)
    try chain.weight("B", [24, first, 1, 1], &numbers)
    for (name, values) in [
      ("Pieces", [first, 44 - first]), ("From", [-28]), ("To", [1000]), ("Axis", [1]),
    ] {
      try chain.weight(name, [values.count], &numbers, 0)
      chain.model.main.weights[chain.values[name]!] = Weight(
        try Tensor(values.map(Int64.init), shape: [values.count]))
    }
    chain.node("Conv", ["x", "A"], "a", Self.conv(3))
    chain.node("Split", ["a", "Pieces"], "p", [Attribute("axis", .int(1))])
    let rest = chain.model.addValue("q")
    chain.values["q"] = rest
    chain.model.main.nodes[chain.model.main.nodes.count - 1].outputs.append(rest)
    chain.node("Slice", ["a", "From", "To", "Axis"], "s")
    chain.node("Conv", ["p", "B"], "b", Self.conv(1))
    chain.node("Concat", ["b", "q", "s"], "y", [Attribute("axis", .int(1))])
    let x = try Tensor(Array(numbers.floats(2 * 5 * 72)), shape: [2, 5, 9, 8])
    let whole = ["BlockedConv", "Split", "Slice"]
    let lanes = ["BlockedConv", "BlockedSelect", "BlockedSelect", "Slice"]
    try chain.expect(
      "y", x,
      types: (first == 16 ? whole : lanes) + ["BlockedConv", "BlockedConcat", "FromChannelBlocks"])
  }

  /// A slice from the middle of a block is moved lane by lane.
  @Test func aSliceWithinBlocksStaysInBlocks() throws {
    var numbers = Numbers(seed: 27)
    var chain = Chain(input: [2, 5, 9, 8])
    try chain.weight("A", [44, 5, 3, 3], &numbers)
    try chain.weight("B", [24, 21, 1, 1], &numbers)
    for (name, value) in [("From", 7), ("To", -16), ("Axis", 1)] {
      try chain.weight(name, [1], &numbers, 0)
      chain.model.main.weights[chain.values[name]!] = Weight(
        try Tensor([Int64(value)], shape: [1]))
    }
    chain.node("Conv", ["x", "A"], "a", Self.conv(3))
    chain.node("Slice", ["a", "From", "To", "Axis"], "s")
    chain.node("Conv", ["s", "B"], "y", Self.conv(1))
    let x = try Tensor(Array(numbers.floats(2 * 5 * 72)), shape: [2, 5, 9, 8])
    try chain.expect(
      "y", x, types: ["BlockedConv", "BlockedSelect", "BlockedConv", "FromChannelBlocks"])
  }

  /// Channels that groups deal out in turn keep to blocks, with the pixels' axes apart or together.
  @Test(arguments: [[2, 12], [3, 8], [4, 6]], [false, true])
  func shuffledChannelsStayInBlocks(_ groups: [Int], _ joinsPixels: Bool) throws {
    var numbers = Numbers(seed: 28)
    var chain = Chain(input: [2, 5, 9, 8])
    try chain.weight("A", [24, 5, 3, 3], &numbers)
    try chain.weight("B", [17, 24, 1, 1], &numbers)
    let apart = [2] + groups + (joinsPixels ? [72] : [9, 8])
    for (name, extents) in [("Apart", apart), ("Together", [2, -1, 9, 8])] {
      try chain.weight(name, [extents.count], &numbers, 0)
      chain.model.main.weights[chain.values[name]!] = Weight(
        try Tensor(extents.map(Int64.init), shape: [extents.count]))
    }
    chain.node("Conv", ["x", "A"], "a", Self.conv(3))
    chain.node("Reshape", ["a", "Apart"], "b")
    chain.node(
      "Transpose", ["b"], "c",
      [Attribute("perm", .ints([0, 2, 1] + (3..<Int64(apart.count))))])
    chain.node("Reshape", ["c", "Together"], "d")
    chain.node("Conv", ["d", "B"], "y", Self.conv(1))
    let x = try Tensor(Array(numbers.floats(2 * 5 * 72)), shape: [2, 5, 9, 8])
    try chain.expect(
      "y", x, types: ["BlockedConv", "BlockedSelect", "BlockedConv", "FromChannelBlocks"])
  }
}
