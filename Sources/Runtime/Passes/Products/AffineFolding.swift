import ModelFormat

/// Folds what scales and shifts channels by constants into the convolution before it.
///
///     w′ = w · scale,  b′ = b · scale + shift, per output channel
///
/// Requires constant weights of `f32`; ensures that the convolution gives the result of the ``AffineChain`` behind it.
package struct AffineFolding: Pass {
  package let name = "fold-affine"
  private let staysStandard: Bool

  /// - Parameter staysStandard: Whether the convolution stays ONNX's, with scaled weights. Otherwise it becomes
  ///   `FusedConv` of domain `zoo`, which scales its weights when it packs them, so that no scaled copy stays in memory.
  package init(staysStandard: Bool = false) { self.staysStandard = staysStandard }

  package func run(_ context: inout PassContext) throws(ModelError) -> Bool {
    var changed = false
    for index in context.editor.indices {
      guard let conv = GraphMatcher(context).standard(index), conv.opType == "Conv",
        conv.inputs.count >= 2, let output = conv.outputs.first ?? nil,
        let w = GraphMatcher(context).weight(conv.inputs[1]), w.shape.count > 2,
        let channels = w.shape.first, channels > 0,
        let chain = AffineChain(after: output, channels: channels, rank: w.shape.count, context)
      else { continue }
      if try fold(index, conv, chain, &context) {
        context.applied(conv, "takes over scales and shifts of its channels")
        changed = true
      } else {
        context.declined(conv, "its bias is no f32 constant, so scales cannot be folded into it")
      }
    }
    return changed
  }

  private func fold(
    _ index: Int, _ conv: Node, _ chain: AffineChain, _ context: inout PassContext
  ) throws(ModelError) -> Bool {
    let channels = chain.scale.count
    var bias = [Float](repeating: 0, count: channels)
    if conv.inputs.count > 2, let value = conv.inputs[2] {
      guard let b = GraphMatcher(context).weight(value), b.count == channels else { return false }
      bias = try b.array(of: Float.self)
    }
    for channel in bias.indices {
      bias[channel] = bias[channel] * chain.scale[channel] + chain.shift[channel]
    }
    var fused = conv
    let name = conv.inputs[1].map { context.editor.name(of: $0) } ?? "weights"
    let shifted = context.editor.addWeight(name + "/bias", try Tensor(bias, shape: [channels]))
    fused.inputs = [conv.inputs[0], conv.inputs[1], shifted]
    if chain.scale.contains(where: { $0 != 1 }) {
      try scale(&fused, chain.scale, name, &context)
    }
    fused.outputs = [chain.result]
    let last = chain.nodes[chain.nodes.count - 1]
    context.editor.remove(index)
    for removed in chain.nodes.dropLast() { context.editor.remove(removed) }
    context.editor.replace(last, with: fused)
    return true
  }

  private func scale(
    _ conv: inout Node, _ scale: [Float], _ name: String, _ context: inout PassContext
  ) throws(ModelError) {
    guard staysStandard, let w = GraphMatcher(context).weight(conv.inputs[1]) else {
      conv.opType = "FusedConv"
      conv.domain = "zoo"
      let gain = try Tensor(scale, shape: [scale.count])
      conv.inputs += [nil, context.editor.addWeight(name + "/gain", gain)]
      return
    }
    var scaled = try w.array(of: Float.self)
    let size = scaled.count / scale.count
    for i in scaled.indices { scaled[i] *= scale[i / size] }
    conv.inputs[1] = context.editor.addWeight(
      name + "/scaled", try Tensor(scaled, shape: w.shape))
  }
}
