import CKernels
import ModelFormat

/// A convolution that kernels over channel blocks could compute.
struct BlockableConv {
  let node: Node
  let channels: Int
  let inputChannels: Int
  private let shape: zoo_conv_shape

  /// `nil` unless it is one of `f32` over two spatial axes with constant weights and bias.
  init?(_ node: Node, _ context: PassContext) {
    let isStandard = Model.canonical(node.domain).isEmpty && node.opType == "Conv"
    guard isStandard || (node.domain == "zoo" && node.opType == "FusedConv"),
      node.inputs.count >= 2, node.inputs[0] != nil,
      let w = GraphMatcher(context).weight(node.inputs[1]), w.shape.count == 4, w.count > 0,
      context.type(node.inputs[0])?.element == .f32,
      let geometry = try? ConvGeometry(
        NodeReader(node, opset: context.editor.opset(of: node))),
      (try? geometry.check(spatialRank: 2)) != nil
    else { return nil }
    if node.inputs.count > 2, let bias = node.inputs[2] {
      guard GraphMatcher(context).weight(bias)?.count == w.shape[0] else { return nil }
    }
    self.node = node
    channels = w.shape[0]
    inputChannels = w.shape[1] * geometry.groups
    guard channels % geometry.groups == 0 else { return nil }
    // Any spatial extents: what kernels take does not depend on them.
    let image = [1, inputChannels, 64, 64]
    shape = geometry.kernelShape(x: image, w: w.shape, y: [1, channels, 64, 64])
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
    let groups = Int(shape.groups)
    if groups == 1 { return channels >= 4 }
    return groups == inputChannels ? groups == channels && channels >= 8 : channels / groups >= 8
  }
}
