import ModelFormat

/// `QLinearConv` and `NhwcMaxPool` of `com.microsoft`: operators of the standard on images whose channels come last.
///
/// `NhwcMaxPool` pools `[n, …, c]` of `u8` or `i8`; `QLinearConv` does so with `channels_last`. Weights are as the standard has
/// them. Source: ONNX Runtime's contributed operators, version 1.
struct ChannelsLast: ComposedOperator {
  private let part: any TensorOperator
  private let isChannelsLast: Bool
  private let isConvolution: Bool

  init(conv node: NodeReader) throws(ModelError) {
    isChannelsLast = try node.bool("channels_last", default: false)
    isConvolution = true
    part = try QLinearConv(node)
  }

  init(maxPool node: NodeReader) throws(ModelError) {
    (isChannelsLast, isConvolution) = (true, false)
    part = try Pool(max: NodeReader(node.node, opset: 22))
  }

  func compose(_ parts: inout Composition) throws(ModelError) -> [Composition.Value?] {
    let x = try parts.input(0, of: QuantizedProduct.elements)
    let planar = isChannelsLast ? try parts.channelsFirst(x) : x
    let others = isConvolution ? (1..<9).map { parts.optional($0) } : []
    let y = try parts.apply(part, [planar] + others, wants: [true])[0]
    return [isChannelsLast ? try parts.channelsLast(y) : y]
  }
}

/// `ConvTransposeWithDynamicPads`: ``ConvTranspose`` whose pads are an operand.
///
/// |        | name   | shape | element types |
/// |--------|--------|-------|---------------|
/// | input  | `X`, `W` | as ``ConvTranspose`` | `f32` |
/// | input  | `Pads`, optional | `[2·spatial axes]` | `i64` |
/// | input  | `B`, optional | `[m]` | `f32` |
///
/// Source: ONNX Runtime's contributed operator, version 1.
struct ConvTransposeWithDynamicPads: ComposedOperator {
  private let node: Node

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...4)
    var part = node.node
    part.inputs = [ValueID(0), ValueID(1), node.hasInput(3) ? ValueID(2) : nil]
    self.node = part
    _ = try ConvTranspose(NodeReader(part, opset: 11))
  }

  func compose(_ parts: inout Composition) throws(ModelError) -> [Composition.Value?] {
    let x = try parts.input(0, of: [.f32])
    var node = node
    if let pads = parts.optional(2) {
      guard let values = pads.constant?.integers else { return [parts.undetermined(.f32)] }
      node.attributes.append(Attribute("pads", .ints(values.map(Int64.init))))
    }
    let op = try ConvTranspose(NodeReader(node, opset: 11))
    return [try parts.apply(op, x, try parts.input(1), parts.optional(3))]
  }
}
