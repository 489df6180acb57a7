import Testing
import ZooRuntime

/// Element types that a kernel does not compute in.
@Suite struct WideElementTests {
  private func f64(_ values: [Double], _ shape: [Int]) throws -> Tensor {
    try Tensor(values, shape: shape)
  }

  private func narrowed(_ tensor: Tensor) throws -> Tensor {
    try Tensor(tensor.doubles().map { Float($0) }, shape: tensor.shape)
  }

  /// Small numbers, the same at each call.
  private func numbers(_ shape: [Int], _ seed: Int) throws -> Tensor {
    let count = shape.reduce(1, *)
    let values = (0..<count).map { (index: Int) -> Double in
      Double((index * 37 + seed * 11) % 29) / 29 - 0.5
    }
    return try f64(values, shape)
  }

  /// `f64` gives what `f32` gives, and is of its own type.
  private func expectAgreement(
    _ opType: String, opset: Int = 21, _ inputs: [Tensor?], _ attributes: [Attribute] = [],
    outputs: Int = 1, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let wide = try NodeRunner.run(
      opType, opset: opset, inputs.map { $0.map(Value.tensor) }, attributes, outputs: outputs)
    let single = try inputs.map { (input: Tensor?) throws -> Tensor? in
      guard let input, input.elementType == .f64 else { return input }
      return try narrowed(input)
    }
    let short = try NodeRunner.run(
      opType, opset: opset, single.map { $0.map(Value.tensor) }, attributes, outputs: outputs)
    for (a, b) in zip(wide, short) {
      let (x, y) = (try #require(a.tensor), try #require(b.tensor))
      #expect(x.elementType == .f64 && x.shape == y.shape, sourceLocation: sourceLocation)
      let fits = zip(try x.doubles(), try y.doubles()).allSatisfy { abs($0 - $1) < 1e-5 }
      #expect(fits, sourceLocation: sourceLocation)
    }
  }

  @Test(arguments: [("RNN", 1, 1), ("GRU", 3, 1), ("LSTM", 4, 2)], ["forward", "bidirectional"])
  func recurs(layer: (name: String, gates: Int, states: Int), direction: String) throws {
    let directions = direction == "forward" ? 1 : 2
    let width = layer.gates * 3
    let inputs: [Tensor?] = [
      try numbers([4, 2, 5], 1), try numbers([directions, width, 5], 2),
      try numbers([directions, width, 3], 3), try numbers([directions, 2 * width], 4),
      try Tensor([Int32(4), 2], shape: [2]),
    ]
    let attributes = [
      Attribute("hidden_size", .int(3)), Attribute("direction", .string(direction)),
    ]
    try expectAgreement(layer.name, inputs, attributes, outputs: 1 + layer.states)
    let linear = attributes + [Attribute("linear_before_reset", .int(1))]
    if layer.name == "GRU" { try expectAgreement(layer.name, inputs, linear, outputs: 2) }
  }

  @Test(arguments: [1, 2]) func spreadsKernels(groups: Int) throws {
    let attributes = [
      Attribute("group", .int(Int64(groups))), Attribute("strides", .ints([2, 3])),
      Attribute("pads", .ints([1, 0, 0, 2])), Attribute("dilations", .ints([1, 2])),
    ]
    try expectAgreement(
      "ConvTranspose",
      [numbers([2, 4, 3, 2], 1), numbers([4, 3, 2, 3], 2), numbers([3 * groups], 3)], attributes)
  }

  @Test func normalizesPositions() throws {
    let x = try Tensor.f32([1, 2, 3, 4], [2, 1, 2])
    let one = try Tensor.f32([1, 1], [1, 2])
    let mean = try Tensor.f32([1, 4], [1, 2])
    try NodeRunner.expect(
      "BatchNormalization", opset: 7, [x, one, .f32([0, 0], [1, 2]), mean, one],
      [Attribute("spatial", .int(0)), Attribute("epsilon", .float(0))],
      gives: [.f32([0, -2, 2, 0], [2, 1, 2])])
  }

  @Test func computesOnIntegers() throws {
    let x = try Tensor([Int8(-3), -1, 0, 2, 3], shape: [5])
    try NodeRunner.expect(
      "Shrink", [x], [Attribute("lambd", .float(1.5)), Attribute("bias", .float(1))],
      gives: [Tensor([Int8(-2), 0, 0, 1, 2], shape: [5])])
    try NodeRunner.expect(
      "Einsum",
      [Tensor([UInt8(200), 2], shape: [2]), Tensor([UInt8(2), 3], shape: [2])],
      [Attribute("equation", .string("i,i->"))], gives: [Tensor([UInt8(150)], shape: [])])
  }

  @Test func multipliesSmallFloats() throws {
    // Codes of 1, 2 and 0 in f8e4m3fn.
    func small(_ codes: [UInt8], _ shape: [Int]) throws -> Tensor {
      try Tensor(.f8e4m3fn, shape: shape) { bytes in bytes.copyBytes(from: codes) }
    }
    let (one, zero) = (try Tensor(scalar: Float(1)), try small([0], []))
    let y = try NodeRunner.run(
      "QLinearMatMul",
      [
        small([0x38, 0x40], [1, 2]), Tensor(scalar: Float(0.5)), zero,
        small([0x38, 0x40], [2, 1]),
        one, zero, one, zero,
      ].map(Value.tensor))
    // (1 · 1 + 2 · 2) / 2 = 2.5
    #expect(y == [.tensor(try small([0x42], [1, 1]))])
  }

  @Test func dropsByARatioOfSmallFloats() throws {
    let never = try Tensor(.f8e5m2, shape: []) { bytes in bytes.copyBytes(from: [0]) }
    let x = try Tensor.f32(Array(repeating: 3, count: 64))
    try NodeRunner.expect(
      "Dropout", opset: 22, [x, never, Tensor(scalar: true)],
      gives: [x, Tensor(Array(repeating: true, count: 64), shape: [64])])
  }

  @Test func mixesHalves() throws {
    func half(_ values: [Float], _ shape: [Int]) throws -> Tensor {
      try Tensor(values.map { Float16($0) }, shape: shape)
    }
    let shape = [1, 1, 1, 2]
    try NodeRunner.expect(
      "Attention", opset: 24, [half([1, 2], shape), half([3, 4], shape), .f32([5, 6], shape)],
      gives: [half([5, 6], shape)])
  }
}
