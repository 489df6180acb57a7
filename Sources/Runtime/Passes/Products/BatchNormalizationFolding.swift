import ModelFormat

/// Folds `BatchNormalization` with constant statistics into the convolution before it.
///
///     w′ = w · s,  b′ = (b − mean) · s + bias,  s = scale / √(variance + ε), per output channel
///
/// Requires constant weights of `f32`; ensures that the convolution gives the normalised value.
struct BatchNormalizationFolding: Pass {
  let name = "fold-batch-normalization"

  func run(_ context: inout PassContext) throws(ModelError) -> Bool {
    var changed = false
    for index in context.editor.indices {
      guard let conv = GraphMatcher(context).standard(index), conv.opType == "Conv",
        let output = conv.outputs.first ?? nil,
        let next = context.editor.soleConsumer(of: output),
        let norm = GraphMatcher(context).standard(next), norm.opType == "BatchNormalization",
        norm.inputs.first == output
      else { continue }
      if try fold(index, conv, next, norm, &context) {
        context.applied(norm, "folded into the convolution before it")
        changed = true
      } else {
        context.declined(norm, "its statistics or the convolution's weights are no f32 constants")
      }
    }
    return changed
  }

  private func fold(
    _ index: Int, _ conv: Node, _ next: Int, _ norm: Node, _ context: inout PassContext
  ) throws(ModelError) -> Bool {
    let graph = GraphMatcher(context)
    guard norm.inputs.count == 5, norm.outputs.dropFirst().allSatisfy({ $0 == nil }),
      !isTraining(norm, context), conv.inputs.count >= 2, let w = graph.weight(conv.inputs[1]),
      let channels = w.shape.first, channels > 0,
      let scale = graph.weight(norm.inputs[1]), let bias = graph.weight(norm.inputs[2]),
      let mean = graph.weight(norm.inputs[3]), let variance = graph.weight(norm.inputs[4]),
      [scale, bias, mean, variance].allSatisfy({ $0.count == channels })
    else { return false }
    var before = [Float](repeating: 0, count: channels)
    if conv.inputs.count > 2, let value = conv.inputs[2] {
      guard let b = graph.weight(value), b.count == channels else { return false }
      before = try b.array(of: Float.self)
    }
    let epsilon = norm.number("epsilon") ?? 1e-5
    let (s, v) = (try scale.array(of: Float.self), try variance.array(of: Float.self))
    let (m, shift) = (try mean.array(of: Float.self), try bias.array(of: Float.self))
    let factors = (0..<channels).map { s[$0] / (v[$0] + epsilon).squareRoot() }
    let folded = (0..<channels).map { (before[$0] - m[$0]) * factors[$0] + shift[$0] }
    var weights = try w.array(of: Float.self)
    let size = weights.count / channels
    for i in weights.indices { weights[i] *= factors[i / size] }
    var fused = conv
    let name = conv.inputs[1].map { context.editor.name(of: $0) } ?? "weights"
    fused.inputs = [
      conv.inputs[0],
      context.editor.addWeight(name + "/normalized", try Tensor(weights, shape: w.shape)),
      context.editor.addWeight(name + "/bias", try Tensor(folded, shape: [channels])),
    ]
    fused.outputs = [norm.outputs[0]]
    context.editor.remove(index)
    context.editor.replace(next, with: fused)
    return true
  }

  /// Whether the statistics are those of the batch itself.
  private func isTraining(_ norm: Node, _ context: PassContext) -> Bool {
    let opset = context.editor.opset("")
    if opset >= 14 {
      if case .int(1)? = norm.attribute("training_mode") { return true }
      return false
    }
    guard opset < 7 else { return false }
    if case .int(1)? = norm.attribute("is_test") { return false }
    return true
  }
}
