import ModelFormat

/// A convolution or matrix product of dequantized codes, with what an integer kernel needs of it.
struct QuantizedLayer {
  let node: Node
  let isConvolution: Bool
  let x: QuantizedMatcher.Codes
  let weight: ValueID
  let scales: ValueID
  let zeros: ValueID?
  /// In units of x's scale times the weights'; as real numbers.
  private(set) var sumBias: Tensor?
  private(set) var bias: Tensor?
  /// The value that the layer gives: its node's, or that of the addition of its bias.
  private(set) var output: ValueID
  /// The nodes that it replaces.
  private(set) var nodes: [Int]
  private let channels: Int

  /// - Returns: `nil` if node `index` is no such layer, or why it cannot be one.
  static func match(_ index: Int, _ graph: QuantizedMatcher) -> Result<QuantizedLayer, Refusal>? {
    guard let node = graph.graph.standard(index), ["Conv", "MatMul", "Gemm"].contains(node.opType),
      node.inputs.count > 1, let x = graph.codes(node.inputs[0]),
      let (_, weights) = graph.producer(node.inputs[1], "DequantizeLinear"),
      let output = node.outputs.first ?? nil
    else { return nil }
    do {
      return .success(try QuantizedLayer(index, node, x, weights, output, graph))
    } catch { return .failure(error) }
  }

  struct Refusal: Error {
    let reason: String
  }

  private init(
    _ index: Int, _ node: Node, _ x: QuantizedMatcher.Codes, _ weights: Node, _ output: ValueID,
    _ graph: QuantizedMatcher
  ) throws(Refusal) {
    (self.node, self.x, self.output, nodes) = (node, x, output, [index])
    isConvolution = node.opType == "Conv"
    let isTransposed = node.int("transB", default: 0) != 0
    guard let weight = weights.inputs[0], let tensor = graph.constant(weight),
      tensor.elementType == .i8 || tensor.elementType == .u8,
      isConvolution ? tensor.shape.count > 2 : tensor.shape.count == 2
    else { throw Refusal(reason: "its weights are no 8-bit constants") }
    let axis = isConvolution || isTransposed ? 0 : 1
    channels = tensor.shape[axis]
    guard let scales = weights.inputs[1], let scale = graph.constant(scales),
      scale.elementType == .f32, weights.int("block_size", default: 0) == 0,
      scale.count == 1 || scale.shape == [channels],
      scale.count == 1 || weights.int("axis", default: 1) == axis
        || weights.int("axis", default: 1) == axis - tensor.shape.count
    else { throw Refusal(reason: "its weights have other scales than one per output channel") }
    (self.weight, self.scales) = (weight, scales)
    zeros = weights.inputs.count > 2 ? weights.inputs[2] : nil
    if let zeros {
      guard let zero = graph.constant(zeros), zero.count == scale.count else {
        throw Refusal(reason: "its weights' zero points are no constants")
      }
    }
    if node.opType == "Gemm" {
      guard node.int("transA", default: 0) == 0, node.number("alpha") ?? 1 == 1,
        node.number("beta") ?? 1 == 1
      else { throw Refusal(reason: "it scales or transposes its operands") }
    }
    try takeBias(scale, graph)
  }

  private mutating func takeBias(_ scale: Tensor, _ graph: QuantizedMatcher) throws(Refusal) {
    if node.inputs.count > 2, let value = node.inputs[2] {
      guard take(value, scale, graph) else { throw Refusal(reason: "its bias is no constant list") }
      return
    }
    guard node.opType == "MatMul", let next = graph.context.editor.soleConsumer(of: output),
      let add = graph.graph.standard(next), add.opType == "Add", add.inputs.count == 2,
      let other = add.inputs[0] == output ? add.inputs[1] : add.inputs[0],
      let result = add.outputs.first ?? nil, take(other, scale, graph)
    else { return }
    output = result
    nodes.append(next)
  }

  /// Takes a constant bias, one number per channel.
  private mutating func take(
    _ value: ValueID, _ scale: Tensor, _ graph: QuantizedMatcher
  ) -> Bool {
    guard graph.producer(value, "DequantizeLinear") != nil else {
      guard let tensor = graph.constant(value), tensor.elementType == .f32,
        tensor.shape == [channels]
      else { return false }
      bias = tensor
      return true
    }
    guard let (_, node) = graph.producer(value, "DequantizeLinear"),
      let codes = graph.constant(node.inputs[0]), codes.shape == [channels],
      node.inputs.count < 3 || node.inputs[2] == nil
        || graph.constant(node.inputs[2]).flatMap(QuantizedMatcher.integers)?
          .allSatisfy({ $0 == 0 }) == true,
      let steps = graph.constant(node.inputs[1]), steps.count == 1 || steps.count == channels,
      let numbers = QuantizedMatcher.integers(codes), let step = try? steps.array(of: Float.self),
      let scales = try? scale.array(of: Float.self)
    else { return false }
    func at(_ list: [Float], _ i: Int) -> Float { list[list.count == 1 ? 0 : i] }
    let isInSteps = numbers.indices.allSatisfy { i in
      let own = x.scale * at(scales, i)
      return abs(at(step, i) - own) <= 1e-6 * own
    }
    if isInSteps, codes.elementType == .i32 {
      sumBias = codes
    } else {
      bias = try? Tensor(
        numbers.indices.map { Float(numbers[$0]) * at(step, $0) }, shape: [channels])
    }
    return sumBias != nil || bias != nil
  }
}
