import CKernels
import ModelFormat

/// A convolution that kernels over channel blocks could compute.
///
/// One over a single axis is one over images of one row.
struct BlockableConv {
  /// As a convolution over two axes, weights aside.
  let node: Node
  /// Of the images as the graph has them: 3 or 4.
  let rank: Int
  /// The weights over two axes, if they are not so already.
  let widened: Tensor?
  let channels: Int
  let inputChannels: Int
  private let shape: zoo_conv_shape
  /// Whether its outputs are so few that vectors had better run over the weights.
  private let isShort: Bool

  /// `nil` unless it is one of `f32` over one or two spatial axes with constant weights and bias.
  init?(_ node: Node, _ context: PassContext) {
    let isStandard = Model.canonical(node.domain).isEmpty && node.opType == "Conv"
    guard isStandard || (node.domain == "zoo" && node.opType == "FusedConv"),
      node.inputs.count >= 2, node.inputs[0] != nil,
      let w = GraphMatcher(context).weight(node.inputs[1]), (3...4).contains(w.shape.count),
      w.count > 0,
      context.type(node.inputs[0])?.element == .f32,
      let given = try? ConvGeometry(NodeReader(node, opset: context.editor.opset(of: node))),
      (try? given.check(spatialRank: w.shape.count - 2)) != nil
    else { return nil }
    rank = w.shape.count
    let images = rank == 3 ? node.asImages : node
    let weights = w.shape[..<2] + (rank == 3 ? [1] : []) + w.shape[2...]
    widened = rank == 3 ? try? w.reshaped(to: Array(weights)) : nil
    guard let geometry = try? ConvGeometry(NodeReader(images, opset: 1)) else { return nil }
    if node.inputs.count > 2, let bias = node.inputs[2] {
      guard GraphMatcher(context).weight(bias)?.count == w.shape[0] else { return nil }
    }
    self.node = images
    channels = w.shape[0]
    // With at most as many groups as channels this is no more than the weights have elements.
    guard channels % geometry.groups == 0 else { return nil }
    inputChannels = w.shape[1] * geometry.groups
    // Any spatial extents: what kernels take does not depend on them.
    let image = [1, inputChannels, 64, 64]
    shape = geometry.kernelShape(x: image, w: Array(weights), y: [1, channels, 64, 64])
    if rank == 3, let extent = context.type(node.outputs.first ?? nil)?.shape?[2].value {
      isShort = extent < ChannelBlocks.lanes
    } else {
      isShort = false
    }
  }

  /// - Parameter planes: Whether the input would be read from planes.
  func takes(planes: Bool) -> Bool {
    let forms = planes ? [ZOO_BLOCKED_PLANES] : [ZOO_BLOCKED_DIRECT, ZOO_BLOCKED_DEPTHWISE]
    return forms.contains { form in
      withUnsafePointer(to: shape) { zoo_blocked_conv_takes($0, form) } != 0
    }
  }

  /// Whether blocks of 16 channels waste less than the kernels over them gain.
  var isWorthConverting: Bool {
    if isShort { return false }
    let groups = Int(shape.groups)
    if groups == 1 { return channels >= 4 }
    return groups == inputChannels ? groups == channels && channels >= 8 : channels / groups >= 8
  }
}

extension Node {
  /// A convolution or pooling over one axis as one over images of one row.
  var asImages: Node {
    var node = self
    for (index, attribute) in attributes.enumerated() {
      guard case .ints(let values) = attribute.value else { continue }
      switch (attribute.name, values.count) {
      case ("kernel_shape", 1), ("strides", 1), ("dilations", 1):
        node.attributes[index] = Attribute(attribute.name, .ints([1] + values))
      case ("pads", 2):
        node.attributes[index] = Attribute("pads", .ints([0, values[0], 0, values[1]]))
      default: continue
      }
    }
    return node
  }
}
