import ModelFormat
import Testing
import ZooRuntime

/// Graphs between `DequantizeLinear` and `QuantizeLinear`, optimised and not.
@Suite struct QuantizedFusionTests {
  /// A graph that is written node by node; every activation has 8-bit codes.
  struct Builder {
    var model = Model(opsets: [OpsetImport("", 21)])
    var numbers: Numbers
    let activations: ElementType
    private var count = 0

    init(seed: Int, _ activations: ElementType) {
      numbers = Numbers(seed: seed)
      self.activations = activations
    }

    mutating func weight(_ tensor: Tensor) -> ValueID {
      count += 1
      let value = model.addValue("weight\(count)", type: .tensor(tensor.type))
      model.main.weights[value] = Weight(tensor)
      return value
    }

    mutating func node(
      _ type: String, _ inputs: [ValueID?], _ attributes: [Attribute] = []
    ) -> ValueID {
      count += 1
      let value = model.addValue("value\(count)")
      model.main.nodes.append(
        Node(type, inputs: inputs, outputs: [value], attributes: attributes))
      return value
    }

    mutating func input(_ shape: [Int]) -> ValueID { input(Shape(shape)) }

    mutating func input(_ shape: Shape) -> ValueID {
      let value = model.addValue("x", type: .tensor(.f32, shape))
      model.main.inputs.append(value)
      return value
    }

    private func zero(_ number: Int) throws -> Tensor {
      try activations == .u8
        ? Tensor([UInt8(number)], shape: []) : Tensor([Int8(number - 128)], shape: [])
    }

    mutating func quantized(
      _ value: ValueID, _ scale: Float = 0.05, zero number: Int = 128
    ) throws -> ValueID {
      let inputs = [weight(try Tensor(scalar: scale)), weight(try zero(number))]
      return node("QuantizeLinear", [value] + inputs)
    }

    mutating func dequantized(
      _ codes: ValueID, _ scale: Float = 0.05, zero number: Int = 128
    ) throws -> ValueID {
      let inputs = [weight(try Tensor(scalar: scale)), weight(try zero(number))]
      return node("DequantizeLinear", [codes] + inputs)
    }

    mutating func rounded(
      _ value: ValueID, _ scale: Float = 0.05, zero: Int = 128
    ) throws -> ValueID {
      try dequantized(quantized(value, scale, zero: zero), scale, zero: zero)
    }

    mutating func weights(_ shape: [Int], axis: Int = 0) throws -> ValueID {
      let bytes = numbers.bytes(shape.reduce(1, *)).map { Int8(bitPattern: $0) }
      let scales = numbers.floats(shape[axis]).map { abs($0) / 200 + 0.001 }
      let inputs = [
        weight(try Tensor(bytes, shape: shape)), weight(try Tensor(scales, shape: [shape[axis]])),
      ]
      return node("DequantizeLinear", inputs, [Attribute("axis", .int(Int64(axis)))])
    }

    mutating func conv(
      _ x: ValueID, _ shape: [Int], groups: Int = 1, hasBias: Bool = true
    ) throws -> ValueID {
      let bias = hasBias ? weight(try Tensor(numbers.floats(shape[0]), shape: [shape[0]])) : nil
      let pad = Int64(shape[2] / 2)
      return node(
        "Conv", [x, try weights(shape), bias],
        [Attribute("pads", .ints([pad, pad, pad, pad])), Attribute("group", .int(Int64(groups)))])
    }

    /// Runs the model plain and optimised, with one thread and more; expects the same but for `step`, and nodes of
    /// these types only.
    mutating func expect(
      _ output: ValueID, _ shape: [Int], within step: Float, types: Set<String>,
      sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
      model.main.outputs = [output]
      let name = model[output].name
      let values = numbers.floats(shape.reduce(1, *)).map { $0 * 4 }
      let x = ["x": try Tensor(values, shape: shape)]
      var plain = Session.Options()
      plain.optimizes = false
      let want = try Session(model, options: plain).run(x)[name]!.array(of: Float.self)
      var first: [Float]?
      for threads in [1, 2] {
        var options = Session.Options()
        options.passes = passes(codes: .bytes)
        options.threads = threads
        let session = try Session(model, options: options)
        let got = try session.run(x)[name]!.array(of: Float.self)
        let worst = zip(got, want).map { abs($0 - $1) }.max() ?? 0
        #expect(worst <= step * 1.001, sourceLocation: sourceLocation)
        #expect(got == first ?? got, sourceLocation: sourceLocation)
        first = got
        let found = Set(session.model.main.nodes.map(\.opType))
        #expect(found == types, sourceLocation: sourceLocation)
      }
    }
  }

  static let ends: Set = ["QuantizeLinear", "DequantizeLinear", "Transpose"]

  @Test(arguments: [ElementType.u8, .i8], [1, 6])
  func chainsOfConvolutionsStayInIntegers(_ type: ElementType, _ groups: Int) throws {
    var b = Builder(seed: groups, type)
    let x = try b.rounded(b.input([2, 6, 7, 9]))
    let first = b.node("Relu", [try b.conv(x, [12, 6, 3, 3])])
    let middle = try b.rounded(first, 0.03, zero: 100)
    let second = try b.conv(middle, [12, 12 / groups, 1, 1], groups: groups, hasBias: false)
    let y = try b.rounded(second, 0.04)
    try b.expect(y, [2, 6, 7, 9], within: 0.08, types: Self.ends.union(["QuantizedConv"]))
  }

  /// Networks that learn a factor and an addend behind each activation.
  @Test(arguments: ["HardSwish", "Relu", ""], [true, false])
  func factorsAndAddendsBehindActivationsAreTakenOver(_ kind: String, _ isRounded: Bool) throws {
    var b = Builder(seed: 11, .u8)
    let x = try b.rounded(b.input([1, 8, 6, 11]))
    var value = try b.conv(x, [8, 1, 3, 3], groups: 8)
    if !kind.isEmpty { value = b.node(kind, [value]) }
    value = b.node("Mul", [b.weight(try Tensor(scalar: Float(-0.7))), value])
    value = b.node("Add", [value, b.weight(try Tensor([Float(0.3)], shape: [1]))])
    if isRounded { value = try b.rounded(value, 0.04) }
    try b.expect(
      value, [1, 8, 6, 11], within: isRounded ? 0.04 : 1e-4,
      types: Set(["QuantizeLinear", "QuantizedConv", "Transpose"]).union(
        isRounded ? ["DequantizeLinear"] : []))
  }

  @Test(arguments: [ElementType.u8, .i8])
  func residualsAndPoolsStayInIntegers(_ type: ElementType) throws {
    var b = Builder(seed: 3, type)
    let x = b.node(
      "MaxPool", [try b.rounded(b.input([1, 8, 8, 8]))], [Attribute("kernel_shape", .ints([2, 2]))])
    let start = try b.rounded(x)
    let left = try b.rounded(b.conv(start, [8, 8, 3, 3]), 0.06)
    let sum = try b.rounded(b.node("Relu", [b.node("Add", [left, start])]), 0.07)
    let other = try b.rounded(b.conv(sum, [8, 8, 1, 1]), 0.06)
    let joined = try b.rounded(
      b.node("Concat", [sum, other], [Attribute("axis", .int(1))]), 0.08)
    let pooled = try b.rounded(b.node("GlobalAveragePool", [joined]), 0.02)
    try b.expect(
      pooled, [1, 8, 8, 8], within: 0.04,
      types: Self.ends.union(["QuantizedConv", "QuantizedPool", "TableLookup", "Concat"]))
  }

  @Test func gatesAreJoinedChannelByChannel() throws {
    var b = Builder(seed: 4, .u8)
    let x = try b.rounded(b.input([2, 8, 5, 5]))
    let features = try b.rounded(b.conv(x, [8, 1, 3, 3], groups: 8), 0.03)
    let mean = try b.rounded(b.node("GlobalAveragePool", [features]), 0.01)
    let gate = try b.rounded(
      b.node("HardSigmoid", [try b.conv(mean, [8, 8, 1, 1])]), 1 / 255, zero: 0)
    let y = try b.rounded(b.node("Mul", [features, gate]), 0.02)
    try b.expect(
      y, [2, 8, 5, 5], within: 0.04,
      types: Self.ends.union(["QuantizedConv", "QuantizedPool", "QuantizedJoin"]))
  }

  /// The extents of images are often left open; sums and gates need not know them.
  @Test func openExtentsKeepResidualsAndResizesInIntegers() throws {
    var b = Builder(seed: 8, .u8)
    let x = try b.rounded(b.input(Shape([.unknown, 8, .unknown, .unknown])))
    let first = try b.rounded(b.conv(x, [8, 8, 3, 3]), 0.06)
    let sum = b.node("Add", [first, x])
    let scales = b.weight(try Tensor([Float(1), 1, 2, 3], shape: [4]))
    let large = b.node(
      "Resize", [sum, nil, scales],
      [
        Attribute("coordinate_transformation_mode", .string("asymmetric")),
        Attribute("nearest_mode", .string("floor")),
      ])
    let y = try b.rounded(b.conv(b.rounded(large, 0.08), [8, 8, 1, 1]), 0.09)
    try b.expect(
      y, [1, 8, 5, 4], within: 0.18, types: Self.ends.union(["QuantizedConv", "Resize"]))
  }

  @Test(arguments: [ElementType.u8, .f32], [0, 1, 2, 3])
  func nearestNeighboursAreCopied(_ type: ElementType, _ first: Int) throws {
    var b = Builder(seed: 9, .u8)
    let shape = [2, 3, 4, 5]
    let x = b.input(shape)
    let codes = type == .u8 ? try b.quantized(x) : x
    let factors = shape.indices.map { Float($0 < first ? 1 : 2) }
    let scales = b.weight(try Tensor(factors, shape: [4]))
    let large = b.node(
      "Resize", [codes, nil, scales],
      [
        Attribute("coordinate_transformation_mode", .string("asymmetric")),
        Attribute("nearest_mode", .string("floor")),
      ])
    let output = type == .u8 ? try b.dequantized(large) : large
    b.model.main.outputs = [output]
    let values = b.numbers.floats(120)
    let name = b.model[output].name
    let got = try Session(b.model).run(["x": try Tensor(values, shape: shape)])[name]!
    let extents = shape.enumerated().map { $0.offset < first ? $0.element : $0.element * 2 }
    #expect(got.shape == extents)
    for (index, value) in try got.array(of: Float.self).enumerated() {
      var (rest, from, stride) = (index, 0, 1)
      for axis in shape.indices.reversed() {
        let place = rest % extents[axis]
        from += (axis < first ? place : place / 2) * stride
        rest /= extents[axis]
        stride *= shape[axis]
      }
      let near = type == .u8 ? (values[from] / 0.05).rounded(.toNearestOrEven) * 0.05 : values[from]
      #expect(abs(value - near) <= 1e-6)
    }
  }

  @Test(arguments: [false, true])
  func productsGiveRealNumbersWhereTheyAreNotRounded(_ isGemm: Bool) throws {
    var b = Builder(seed: 5, .u8)
    let x = try b.rounded(b.input([7, 33]))
    let bias = b.weight(try Tensor(b.numbers.floats(17), shape: [17]))
    let y: ValueID
    if isGemm {
      let weights = try b.weights([17, 33])
      y = b.node("Gemm", [x, weights, bias], [Attribute("transB", .int(1))])
    } else {
      let weights = try b.weights([33, 17], axis: 1)
      y = b.node("Gelu", [b.node("Add", [b.node("MatMul", [x, weights]), bias])])
    }
    try b.expect(
      y, [7, 33], within: 1e-4, types: ["QuantizeLinear", "QuantizedMatMul"])
  }

  @Test func functionsOfOneElementBecomeTables() throws {
    var b = Builder(seed: 6, .i8)
    let x = try b.rounded(b.input([3, 50]))
    let half = b.weight(try Tensor(scalar: Float(0.5)))
    let y = try b.rounded(b.node("Mul", [b.node("Sigmoid", [x]), half]), 1 / 500)
    try b.expect(
      y, [3, 50], within: 0, types: ["QuantizeLinear", "DequantizeLinear", "TableLookup"])
  }

  /// As quantizers write it that round between all operators, and quantize numbers, too.
  @Test(arguments: [ElementType.u8, .i8])
  func hardSwishInPartsBecomesATable(_ type: ElementType) throws {
    var b = Builder(seed: 12, type)
    let x = try b.rounded(b.input([3, 50]))
    func number(_ code: UInt8, _ scale: Float) throws -> ValueID {
      b.node(
        "DequantizeLinear",
        [b.weight(try Tensor([code], shape: [1])), b.weight(try Tensor(scalar: scale))])
    }
    let shifted = try b.rounded(b.node("Add", [x, try number(100, 0.03)]), 0.06, zero: 90)
    let bounds = [b.weight(try Tensor(scalar: Float(0))), b.weight(try Tensor(scalar: Float(6)))]
    let clipped = try b.rounded(b.node("Clip", [shifted] + bounds), 6 / 255, zero: 0)
    let product = try b.rounded(b.node("Mul", [x, clipped]), 0.3, zero: 20)
    let y = try b.rounded(b.node("Div", [product, try number(200, 0.03)]), 0.05, zero: 20)
    try b.expect(
      y, [3, 50], within: 0.05, types: ["QuantizeLinear", "DequantizeLinear", "TableLookup"])
  }

  /// Sums and products of the operators that ONNX Runtime's quantizer writes instead.
  @Test func functionsOfTheSameCodesInQLinearBecomeATable() throws {
    var b = Builder(seed: 13, .u8)
    let codes = try b.quantized(b.input([3, 50]))
    func form(_ scale: Float, _ zero: UInt8) throws -> [ValueID] {
      [b.weight(try Tensor(scalar: scale)), b.weight(try Tensor(scalar: zero))]
    }
    func join(_ type: String, _ inputs: [ValueID]) -> ValueID {
      let value = b.node(type, inputs)
      b.model.main.nodes[b.model.main.nodes.count - 1].domain = "com.microsoft"
      return value
    }
    b.model.opsets.append(OpsetImport("com.microsoft", 1))
    let number = b.weight(try Tensor([UInt8(70)], shape: [1, 1]))
    let own = try form(0.05, 128)
    let sum = join(
      "QLinearAdd", [codes] + own + [number] + (try form(0.03, 3)) + (try form(0.06, 90)))
    let product = join(
      "QLinearMul", [codes] + own + [sum] + (try form(0.06, 90)) + (try form(0.3, 100)))
    try b.expect(
      try b.dequantized(product, 0.3, zero: 100), [3, 50], within: 0,
      types: ["QuantizeLinear", "DequantizeLinear", "TableLookup"])
  }

  /// Byte instructions want unsigned activations.
  @Test func signedCodesThatAreOnlyDequantizedBecomeUnsigned() throws {
    var b = Builder(seed: 14, .i8)
    let x = try b.rounded(b.input([1, 8, 6, 6]))
    let middle = try b.rounded(b.conv(x, [8, 8, 3, 3]), 0.06, zero: 50)
    let y = try b.rounded(b.conv(middle, [8, 8, 1, 1]), 0.07)
    try b.expect(y, [1, 8, 6, 6], within: 0.07, types: Self.ends.union(["QuantizedConv"]))
    var options = Session.Options()
    options.passes = passes(codes: .bytes)
    let nodes = try Session(b.model, options: options).model.main.nodes
    let types = nodes.compactMap { node -> Int? in
      node.opType == "QuantizedConv" ? node.int("y_type") : nil
    }
    #expect(types == Array(repeating: Int(ElementType.u8.rawValue), count: 2))
  }

  /// As ONNX Runtime's dynamic quantizer writes products.
  @Test(arguments: [true, false])
  func productsOfRoundedTensorsTakeOverWhatFollows(_ isPerChannel: Bool) throws {
    var b = Builder(seed: 7, .u8)
    let y = try roundedProduct(&b, isPerChannel: isPerChannel)
    try b.expect(
      y, [3, 5, 24], within: 1e-4, types: ["DynamicQuantizeLinear", "DynamicQuantizedMatMul"])
  }

  /// An operator that only has the name of a standard one means something else.
  @Test func productsOfOtherDomainsStay() throws {
    var b = Builder(seed: 7, .u8)
    b.model.main.outputs = [try roundedProduct(&b, isPerChannel: false)]
    b.model.opsets.append(OpsetImport("mine", 10))
    for index in b.model.main.nodes.indices
    where b.model.main.nodes[index].opType == "MatMulInteger" {
      b.model.main.nodes[index].domain = "mine"
    }
    var options = Session.Options()
    let standard = try #require(options.registry.entry("MatMulInteger", domain: ""))
    try options.registry.register(
      OperatorEntry("MatMulInteger", domain: "mine", [10], standard.make))
    let types = try Session(b.model, options: options).model.main.nodes.map(\.qualifiedType)
    #expect(types.contains("mine.MatMulInteger"))
  }

  private func roundedProduct(_ b: inout Builder, isPerChannel: Bool) throws -> ValueID {
    let x = b.input([3, 5, 24])
    let codes = ["codes", "scale", "zero"].map { b.model.addValue($0) }
    b.model.main.nodes.append(Node("DynamicQuantizeLinear", inputs: [x], outputs: codes))
    let count = isPerChannel ? 24 : 1
    let bytes = b.numbers.bytes(24 * 24).map { Int8(bitPattern: $0) }
    let weights = b.weight(try Tensor(bytes, shape: [24, 24]))
    let zeros = b.weight(try Tensor([Int8](repeating: 3, count: count), shape: [count]))
    let scales = b.weight(
      try Tensor(b.numbers.floats(count).map { abs($0) / 300 + 0.001 }, shape: [count]))
    let sums = b.node("MatMulInteger", [codes[0], weights, codes[2], zeros])
    let reals = b.node("Cast", [sums], [Attribute("to", .int(1))])
    let scaled = b.node("Mul", [reals, b.node("Mul", [codes[1], scales])])
    let bias = b.weight(try Tensor(b.numbers.floats(24), shape: [24]))
    return b.node("Relu", [b.node("Add", [b.node("Add", [bias, scaled]), x])])
  }

  @Test(arguments: [ElementType.u4, .i4], [1, 6])
  func weightsOfFourBitsStayAsTheyAre(_ type: ElementType, _ rows: Int) throws {
    var b = Builder(seed: 8, .u8)
    let x = b.input([rows, 70])
    let bytes = b.numbers.bytes(70 * 20 / 2)
    let packed = try Tensor(type, shape: [70, 20]) { $0.copyBytes(from: bytes) }
    let zeroBytes = b.numbers.bytes(5 * 20 / 2)
    let zeros = try Tensor(type, shape: [5, 20]) { $0.copyBytes(from: zeroBytes) }
    let scales = try Tensor(b.numbers.floats(100).map { $0 / 20 }, shape: [5, 20])
    let weights = b.node(
      "DequantizeLinear", [b.weight(packed), b.weight(scales), b.weight(zeros)],
      [Attribute("axis", .int(0)), Attribute("block_size", .int(16))])
    let bias = b.weight(try Tensor(b.numbers.floats(20), shape: [20]))
    let y = b.node("Gelu", [b.node("Add", [b.node("MatMul", [x, weights]), bias])])
    try b.expect(y, [rows, 70], within: 1e-4, types: ["BlockQuantizedMatMul"])
  }
}
