import ModelFormat
import Testing
import ZooRuntime

/// The passes with codes of images in one form.
func passes(codes form: CodeBlocking.Form) -> [any Pass] {
  builtinPasses.map { $0 is CodeBlocking ? CodeBlocking(form) : $0 }
}

/// Quantized images as bytes and in channel blocks: the same bits.
@Suite struct CodeBlockingTests {
  typealias Builder = QuantizedFusionTests.Builder

  /// Runs the model with codes in every form, with one thread and two, from memory and saved; expects the same bits, and in
  /// blocks these operators.
  private func expectSame(
    _ b: inout Builder, _ output: ValueID, _ shape: [Int], _ types: Set<String>,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    b.model.main.outputs = [output]
    let name = b.model[output].name
    let values = b.numbers.floats(shape.reduce(1, *)).map { $0 * 4 }
    let x = ["x": try Tensor(values, shape: shape)]
    var want: [UInt32]?
    for form: CodeBlocking.Form in [.bytes, .blocks, .byCost] {
      for threads in [1, 2] {
        var options = Session.Options()
        options.passes = passes(codes: form)
        options.threads = threads
        let session = try Session(b.model, options: options)
        let result = try #require(try session.run(x)[name])
        let got = try result.array(of: Float.self).map(\.bitPattern)
        #expect(got == want ?? got, "\(form)", sourceLocation: sourceLocation)
        want = got
        guard form == .blocks else { continue }
        let found = session.model.main.nodes.map(\.opType).filter { $0.hasPrefix("Blocked") }
        #expect(Set(found) == types, sourceLocation: sourceLocation)
      }
    }
  }

  @Test(arguments: [1, 2, 20], ["Relu", "HardSwish", "LeakyRelu", ""])
  func convolutions(_ groups: Int, _ activation: String) throws {
    var b = Builder(seed: groups, groups == 2 ? .i8 : .u8)
    var value = try b.rounded(b.input([2, 20, 7, 9]))
    for kernel in [3, 1, 5] {
      value = try b.conv(value, [20, 20 / groups, kernel, kernel], groups: groups)
      if !activation.isEmpty { value = b.node(activation, [value]) }
      value = try b.rounded(value, 0.06, zero: 90)
    }
    try expectSame(&b, value, [2, 20, 7, 9], ["BlockedQuantizedConv"])
  }

  @Test(arguments: [ElementType.u8, .i8], [false, true])
  func residuals(_ type: ElementType, _ roundsTwice: Bool) throws {
    var b = Builder(seed: 2, type)
    var sum = try b.rounded(b.input([1, 24, 6, 5]))
    for activation in ["", "Relu", "HardSwish"] {
      var left = try b.conv(sum, [24, 24, 3, 3])
      if roundsTwice { left = try b.rounded(left, 0.07) }
      var next = b.node("Add", [left, sum])
      if !activation.isEmpty { next = b.node(activation, [next]) }
      sum = try b.rounded(next, 0.08, zero: 60)
    }
    try expectSame(&b, sum, [1, 24, 6, 5], ["BlockedQuantizedConv"])
  }

  @Test(arguments: [ElementType.u8, .i8])
  func gatesPoolsAndConcatenations(_ type: ElementType) throws {
    var b = Builder(seed: 3, type)
    let x = try b.rounded(b.input([2, 8, 9, 7]))
    let wide = try b.rounded(b.node("HardSwish", [try b.conv(x, [40, 8, 1, 1])]))
    let features = try b.rounded(b.conv(wide, [40, 1, 5, 5], groups: 40), 0.04)
    let mean = try b.rounded(b.node("GlobalAveragePool", [features]), 0.01)
    let gate = try b.rounded(
      b.node("HardSigmoid", [try b.conv(mean, [40, 40, 1, 1])]), 1 / 255, zero: 0)
    let gated = try b.rounded(b.node("Mul", [features, gate]), 0.03)
    let joined = try b.rounded(
      b.node("Concat", [gated, gated], [Attribute("axis", .int(1))]), 0.03)
    let pooled = b.node("MaxPool", [joined], [Attribute("kernel_shape", .ints([2, 2]))])
    let sum = try b.rounded(b.node("Add", [pooled, pooled]), 0.06)
    let y = try b.conv(sum, [12, 80, 3, 3])
    try expectSame(
      &b, y, [2, 8, 9, 7],
      [
        "BlockedQuantizedConv", "BlockedQuantizedAverage", "BlockedQuantizedJoin", "BlockedConcat",
        "BlockedMaxPool",
      ])
  }

  /// Between quantized layers, real convolutions and what follows them compute the same, whatever the layers' form.
  @Test func realNumbersBetween() throws {
    var b = Builder(seed: 4, .u8)
    let x = try b.rounded(b.input([1, 16, 8, 8]))
    let first = try b.conv(x, [16, 16, 3, 3])
    let scale = b.weight(try Tensor(b.numbers.floats(16), shape: [16, 1, 1]))
    let shift = b.weight(try Tensor(b.numbers.floats(16), shape: [16, 1, 1]))
    let moved = b.node("Relu", [b.node("Add", [b.node("Mul", [first, scale]), shift])])
    let middle = try b.rounded(moved, 0.03, zero: 0)
    let second = try b.rounded(b.conv(middle, [16, 16, 1, 1]), 0.04)
    let weights = b.weight(try Tensor(b.numbers.floats(16 * 16), shape: [16, 16, 1, 1]))
    let real = b.node("Sigmoid", [b.node("Conv", [second, weights])])
    let y = b.node(
      "GlobalAveragePool", [try b.conv(b.rounded(real, 0.004, zero: 0), [8, 16, 3, 3])])
    try expectSame(
      &b, y, [1, 16, 8, 8],
      [
        "BlockedQuantizedConv", "BlockedQuantizeLinear", "BlockedAffine", "BlockedConv",
        "BlockedGlobalAveragePool",
      ])
  }

  /// Real numbers that nobody wants in blocks are not brought there, though other values are.
  @Test(arguments: [CodeBlocking.Form.bytes, .blocks, .byCost])
  func nothingIsMadeForNobody(_ form: CodeBlocking.Form) throws {
    var b = Builder(seed: 8, .u8)
    let x = b.input([1, 16, 6, 6])
    let flat = b.weight(try Tensor([Int64(1), -1], shape: [2]))
    let reals = b.node("Reshape", [try b.conv(b.rounded(x), [16, 16, 3, 3]), flat])
    let weights = b.weight(try Tensor(b.numbers.floats(16 * 16), shape: [16, 16, 1, 1]))
    let image = b.node("Reshape", [b.node("Relu", [b.node("Conv", [x, weights])]), flat])
    b.model.main.outputs = [b.node("Add", [reals, image])]
    var options = Session.Options()
    options.passes = passes(codes: form)
    let model = try Session(b.model, options: options).model
    let read = Set(model.main.nodes.flatMap(\.inputs)).union(model.main.outputs)
    #expect(model.main.nodes.map(\.opType).contains("BlockedConv"))
    for node in model.main.nodes {
      #expect(node.outputs.contains { $0 != nil && read.contains($0) }, "\(node.opType)")
    }
  }

  /// Sums that could leave what f32 holds exactly stay in integers.
  @Test func deepSumsStayInIntegers() throws {
    var b = Builder(seed: 5, .u8)
    let x = try b.rounded(b.input([1, 300, 3, 3]), zero: 0)
    let codes = b.weight(
      try Tensor([Int8](repeating: 127, count: 8 * 300 * 9), shape: [8, 300, 3, 3]))
    let weights = b.node("DequantizeLinear", [codes, b.weight(try Tensor(scalar: Float(0.001)))])
    let deep = b.node(
      "Conv", [x, weights], [Attribute("pads", .ints([1, 1, 1, 1]))])
    let y = try b.rounded(b.conv(b.rounded(deep, 0.9), [8, 8, 1, 1]), 0.09)
    try expectSame(&b, y, [1, 300, 3, 3], ["BlockedQuantizedConv"])
  }

  /// Small maps channel by channel are what kernels for bytes are slow at; wide products are what they are fast at.
  @Test func theFasterFormIsChosen() throws {
    var b = Builder(seed: 6, .u8)
    var value = try b.rounded(b.input([1, 256, 14, 14]))
    for _ in 0..<3 { value = try b.rounded(b.conv(value, [256, 256, 1, 1]), 0.5) }
    b.model.main.outputs = [value]
    var options = Session.Options()
    options.passes = passes(codes: .byCost)
    let types = try Session(b.model, options: options).model.main.nodes.map(\.opType)
    #expect(types.filter { $0 == "QuantizedConv" }.count == 3)
    #expect(!types.contains("BlockedQuantizedConv"))
  }

  /// A long chain is decided in time that grows with it.
  @Test func longChainsAreDecided() throws {
    var b = Builder(seed: 7, .u8)
    var value = try b.rounded(b.input([1, 16, 4, 4]))
    for _ in 0..<300 {
      let sum = b.node("Add", [try b.conv(value, [16, 1, 3, 3], groups: 16), value])
      value = try b.rounded(sum, 0.06)
    }
    try expectSame(&b, value, [1, 16, 4, 4], ["BlockedQuantizedConv"])
  }
}
