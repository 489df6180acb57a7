import CKernels
import ModelFormat

/// A node over 8-bit images that can have them as bytes or in channel blocks, ``CodeBlocks``.
struct CodeNode {
  enum Kind {
    case conv(zoo_conv_shape, isSwish: Bool)
    case join
    case average
    case max(taps: Int)
    case concat
    /// From and to real numbers that are in blocks anyway, and so in blocks always: convolutions of real numbers then
    /// compute the same, whichever form the codes around them have.
    case quantize(QuantizedMatcher.Codes)
    case dequantize(QuantizedMatcher.Codes)
  }

  /// Whether it is in blocks whatever it costs.
  var isAlwaysInBlocks: Bool {
    switch kind {
    case .quantize, .dequantize: true
    default: false
    }
  }

  /// Codes that a node takes or gives.
  struct Codes: Hashable {
    let value: ValueID
    let zero: Int
  }

  let index: Int
  let kind: Kind
  /// The codes that it takes, by position.
  let inputs: [(position: Int, codes: Codes)]
  /// What it gives: codes, or real numbers.
  let output: ValueID
  let codes: Codes?
  /// Channels of the output.
  let channels: Int

  /// `nil` if the node is none of these, or would not give the same results in blocks.
  /// - Parameter zeros: The zero points of codes that earlier nodes give.
  init?(_ index: Int, _ graph: QuantizedMatcher, zeros: [ValueID: Int]) {
    guard let node = graph.context.editor.nodes[index], node.outputs.count == 1,
      let output = node.outputs[0], let shape = graph.context.type(output)?.shape, shape.rank == 4,
      let channels = shape[1].value, channels > 0,
      let parts = Self.parts(of: node, graph, zeros)
    else { return nil }
    (self.index, self.output, self.channels) = (index, output, channels)
    (kind, inputs) = (parts.kind, parts.inputs)
    codes = parts.zero.map { Codes(value: output, zero: $0) }
    let areImages = inputs.allSatisfy { input in
      graph.context.type(input.codes.value)?.shape?.rank == 4
        && graph.context.type(input.codes.value)?.shape?[1].value != nil
    }
    guard areImages else { return nil }
  }

  private typealias Parts = (kind: Kind, inputs: [(position: Int, codes: Codes)], zero: Int?)

  private static func parts(
    of node: Node, _ graph: QuantizedMatcher, _ zeros: [ValueID: Int]
  ) -> Parts? {
    switch (node.domain, node.opType) {
    case ("zoo", "QuantizedConv"): return conv(node, graph)
    case ("zoo", "QuantizedJoin"):
      guard let a = taken(node, 0, "a_zero"), let b = taken(node, 1, "b_zero"),
        joinsInBlocks(node, graph)
      else { return nil }
      return (.join, [a, b], node.int("c_zero", default: 0))
    case ("zoo", "QuantizedPool"): return pool(node, graph, zeros)
    case ("", "Concat"): return concat(node, graph, zeros)
    case ("", "QuantizeLinear"):
      guard let codes = graph.codes(of: node), comesFromBlocks(node.inputs[0], graph) else {
        return nil
      }
      return (.quantize(codes), [], codes.zero)
    case ("", "DequantizeLinear"):
      guard let codes = graph.codes(node.outputs[0]), graph.constant(codes.value) == nil,
        entersBlocks(node.outputs[0], graph)
      else { return nil }
      return (.dequantize(codes), [(0, Codes(value: codes.value, zero: codes.zero))], nil)
    default: return nil
    }
  }

  private static func taken(
    _ node: Node, _ position: Int, _ zero: String
  ) -> (position: Int, codes: Codes)? {
    node.inputs[position].map { (position, Codes(value: $0, zero: node.int(zero, default: 0))) }
  }

  private static func givesReals(_ node: Node) -> Bool {
    let real = Int(ElementType.f32.rawValue)
    return node.int("y_type", default: real) == real
  }

  // MARK: Real numbers

  private static let convolutions: Set = [
    "Conv", "ConvTranspose", "MaxPool", "AveragePool", "GlobalAveragePool",
  ]

  /// Operators that pass blocks on, and how many of them may stand between a convolution and codes.
  private static let passing = BlockRewriter.elementwise.union([
    "Add", "Sum", "Mul", "Sub", "Div", "BatchNormalization", "Concat",
  ])
  private static let mostPassing = 8

  /// Whether real numbers come from a convolution or a pool.
  private static func comesFromBlocks(_ value: ValueID?, _ graph: QuantizedMatcher) -> Bool {
    var values = [value]
    for _ in 0..<mostPassing {
      let nodes = values.compactMap { value in
        graph.context.editor.producer(of: value).flatMap { graph.context.editor.nodes[$0] }
      }
      if nodes.contains(where: isConvolution) { return true }
      guard let node = nodes.first(where: { passing.contains($0.opType) }) else { return false }
      values = node.opType == "Concat" ? Array(node.inputs.prefix(mostPassing)) : [node.inputs[0]]
    }
    return false
  }

  private static func isConvolution(_ node: Node) -> Bool {
    node.domain == "zoo"
      ? ["QuantizedConv", "QuantizedPool"].contains(node.opType)
      : convolutions.contains(node.opType)
  }

  /// Whether a convolution or a pool takes real numbers, perhaps behind operators that pass blocks on.
  private static func entersBlocks(_ value: ValueID?, _ graph: QuantizedMatcher) -> Bool {
    var waiting = value.map { [$0] } ?? []
    var looked = 0
    while let value = waiting.popLast(), looked < mostLooked {
      for index in graph.context.editor.consumers(of: value).prefix(mostPassing) {
        guard let node = graph.graph.standard(index) else { continue }
        looked += 1
        if convolutions.contains(node.opType), node.inputs[0] == value { return true }
        if passing.contains(node.opType), let next = node.outputs[0] { waiting.append(next) }
      }
    }
    return false
  }

  /// How many nodes that question is worth.
  private static let mostLooked = 32

  // MARK: Convolutions

  private static func conv(_ node: Node, _ graph: QuantizedMatcher) -> Parts? {
    typealias Input = QuantizedEpilogue.Input
    guard let x = taken(node, 0, "x_zero"), let shape = ConvolvedCodes(node, graph)?.shape else {
      return nil
    }
    var inputs = [x]
    if node.inputs.count > Input.residual, node.inputs[Input.residual] != nil {
      guard node.attribute("residual_scale") != nil,
        let residual = taken(node, Input.residual, "residual_zero")
      else { return nil }
      inputs.append(residual)
    }
    var isSwish = false
    if case .string("hard-swish")? = node.attribute("activation") { isSwish = true }
    return (
      .conv(shape, isSwish: isSwish), inputs,
      givesReals(node) ? nil : node.int("y_zero", default: 0)
    )
  }

  // MARK: What stands between them

  /// Whether both operands have all pixels, or one of them has one for each image.
  private static func joinsInBlocks(_ node: Node, _ graph: QuantizedMatcher) -> Bool {
    guard let a = graph.shape(node.inputs[0]), let b = graph.shape(node.inputs[1]),
      a.rank == 4, b.rank == 4, a[0] == b[0], a[1] == b[1]
    else { return false }
    func isPixel(_ shape: Shape) -> Bool { shape[2] == .fixed(1) && shape[3] == .fixed(1) }
    return a == b || isPixel(a) || isPixel(b)
  }

  private static func pool(
    _ node: Node, _ graph: QuantizedMatcher, _ zeros: [ValueID: Int]
  ) -> Parts? {
    guard let value = node.inputs[0], case .string(let kind)? = node.attribute("pool") else {
      return nil
    }
    switch kind {
    case "global":
      guard let x = taken(node, 0, "x_zero") else { return nil }
      return (.average, [x], givesReals(node) ? nil : node.int("y_zero", default: 0))
    case "max":
      guard let zero = zeros[value], case .ints(let kernel)? = node.attribute("kernel_shape"),
        kernel.count == 2, kernel.allSatisfy({ (1...64).contains($0) }), isSmall(node)
      else { return nil }
      let taps = Int(kernel[0] * kernel[1])
      return (.max(taps: taps), [(0, Codes(value: value, zero: zero))], zero)
    default: return nil
    }
  }

  private static func isSmall(_ node: Node) -> Bool {
    ["strides", "dilations", "pads"].allSatisfy { name in
      guard case .ints(let values)? = node.attribute(name) else { return true }
      return values.allSatisfy { (0...4096).contains($0) }
    }
  }

  private static func concat(
    _ node: Node, _ graph: QuantizedMatcher, _ zeros: [ValueID: Int]
  ) -> Parts? {
    let values = node.inputs.compactMap { $0 }
    guard values.count == node.inputs.count, [1, -3].contains(node.int("axis", default: 0)),
      let zero = values.first.flatMap({ zeros[$0] }), values.allSatisfy({ zeros[$0] == zero }),
      [.u8, .i8].contains(graph.context.type(values[0])?.element)
    else { return nil }
    return (
      .concat, values.enumerated().map { ($0.offset, Codes(value: $0.element, zero: zero)) }, zero
    )
  }
}

/// A convolution of codes that kernels over channel blocks compute to the bit.
private struct ConvolvedCodes {
  /// Over any spatial extents.
  let shape: zoo_conv_shape

  init?(_ node: Node, _ graph: QuantizedMatcher) {
    typealias Input = QuantizedEpilogue.Input
    guard let w = graph.constant(node.inputs[Input.weight]), w.shape.count == 4, w.count > 0,
      let geometry = try? ConvGeometry(NodeReader(node, opset: 1)),
      (try? geometry.check(spatialRank: 2)) != nil, w.shape[0] % geometry.groups == 0
    else { return nil }
    let image = [1, w.shape[1] * geometry.groups, 64, 64]
    let shape = geometry.kernelShape(x: image, w: w.shape, y: [1, w.shape[0], 64, 64])
    let isTaken = [ZOO_BLOCKED_DEPTHWISE, ZOO_BLOCKED_DIRECT].contains { form in
      withUnsafePointer(to: shape) { zoo_blocked_conv_takes($0, form) } != 0
    }
    let constants = [Input.scale, Input.zero, Input.sumBias, Input.bias]
    guard isTaken,
      constants.allSatisfy({ index in
        guard index < node.inputs.count, let value = node.inputs[index] else { return true }
        return graph.constant(value) != nil
      }), Self.isExact(w, node, graph)
    else { return nil }
    self.shape = shape
  }

  /// Depths at which numbers would have to be small for sums to be exact.
  private static let mostSummands = 4096

  /// Whether all sums of products stay below the limit.
  private static func isExact(_ w: Tensor, _ node: Node, _ graph: QuantizedMatcher) -> Bool {
    typealias Input = QuantizedEpilogue.Input
    func constant(_ index: Int) -> [Int]? {
      guard index < node.inputs.count, let tensor = graph.constant(node.inputs[index]) else {
        return nil
      }
      return QuantizedMatcher.integers(tensor)
    }
    let summands = w.count / w.shape[0]
    guard summands <= mostSummands, let element = graph.context.type(node.inputs[0])?.element
    else { return false }
    let range = QuantizedEpilogue.Codes.range(element)
    let zero = node.int("x_zero", default: 0)
    let most = max(abs(range.upperBound - zero), abs(range.lowerBound - zero))
    let zeros = constant(Input.zero) ?? [0]
    let bias = (constant(Input.sumBias) ?? [0]).map(abs).max() ?? 0
    let limit = CodeBlocks.exactLimit - 1 - bias
    if zeros.allSatisfy({ $0 == 0 }), summands * 255 * most <= limit { return true }
    guard let sums = try? magnitudes(w, zeros) else { return false }
    return sums.allSatisfy { $0 * most <= limit }
  }

  /// The sum over |w − zero| of each output channel.
  private static func magnitudes(_ w: Tensor, _ zeros: [Int]) throws -> [Int] {
    let line = w.count / w.shape[0]
    func sums<T: TensorElement & FixedWidthInteger>(_ type: T.Type) throws -> [Int] {
      try w.withElements(of: T.self) { codes in
        (0..<w.shape[0]).map { channel in
          let zero = Int32(zeros[zeros.count == 1 ? 0 : channel])
          var sum: Int32 = 0
          for code in codes[channel * line..<(channel + 1) * line] {
            sum &+= abs(Int32(truncatingIfNeeded: code) &- zero)
          }
          return Int(sum)
        }
      }
    }
    return try w.elementType == .i8 ? sums(Int8.self) : sums(UInt8.self)
  }
}
