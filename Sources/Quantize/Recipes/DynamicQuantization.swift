import ZooRuntime

/// Weights as `int8`, activations as `uint8` with a scale and zero point for each row, found while the model runs.
///
/// Products of `MatMul` and `Gemm` with a constant right operand become integer products, with `x [m, k]` and
/// `w [k, n]`:
///
///     lo = min(x, 0), hi = max(x, 0) along each row;   s = (hi − lo) / 255;   z = round(−lo / s)
///     q  = clamp(round(x / s) + z, 0, 255)                                     u8  [m, k]
///     y  = (q · wq − z · Σₖ wq) · (s · ws)                                     f32 [m, n]
///
/// in standard operators (`ReduceMin`, …, `MatMulInteger`): `MatMulInteger` takes no zero point per row in ONNX
/// Runtime, hence the column sums Σₖ wq (`MatMulInteger` of ones and wq), which make the same number exactly. The runtime recognises the whole as one
/// integer kernel. Tables that `Gather` reads row by row become `int8` with a scale for each row. Weights of convolutions
/// and of `LSTM`, `GRU` and `RNN` become `int8` with `DequantizeLinear` behind them: files become small, their sums stay
/// in f32, because an integer convolution pays with static ranges only.
///
/// A scale per row is what keeps the accuracy: one row with an outlier does not coarsen the others (`MiniLM`: cosine
/// 0.9985 to the f32 embeddings; with one scale per tensor 0.993).
public struct DynamicQuantization: CompressionRecipe {
  public let name = "dynamic"
  public let summary = "int8 weights; activations rounded row by row while the model runs"
  public var selection = LayerSelection()
  /// Keeps weights within 7 bits, for other runtimes on CPUs with AVX2 and without VNNI: their 8-bit kernels add pairs
  /// of products in 16 bits, which saturate. This library's kernels are exact on all CPUs.
  public var reducesRange = false

  public init() {}

  private static let operators: Set = ["MatMul", "Gemm", "Gather"]
  /// Operators of which only the weights are rounded.
  private static let weightOnly: Set = ["Conv", "ConvTranspose", "LSTM", "GRU", "RNN"]
  /// Sums of that many products of 255 · 127 fit 32 bits.
  static let maximumDepth = Int(Int32.max) / (255 * 127)

  public func apply(
    to model: Model, samples: [[String: Value]], options: Session.Options
  ) throws(ModelError) -> (Model, CompressionReport) {
    // `DequantizeLinear` has an axis since opset 13.
    let hasWeightsOnly = model.graphs.contains { graph in
      graph.nodes.contains { Self.weightOnly.contains($0.opType) }
    }
    var run = try RecipeRun(
      model, recipe: "dynamic int8", selection: selection, opset: hasWeightsOnly ? 13 : 11,
      options: options)
    let quantizer = WeightQuantizer(reducesRange ? .int7 : .int8)
    for index in run.model.graphs.indices {
      let graph = GraphID(index)
      var rewriter = DynamicRewriter(NodeWriter(run.model, graph), quantizer)
      var weights = WeightRewriter(rewriter.writer, .int8, blockSize: nil)
      for layer in run.layers where layer.graph == graph {
        if let reason = refusal(layer) {
          run.report.leave(layer, reason)
        } else if let values = try run.elements(layer) {
          if Self.weightOnly.contains(layer.node.opType) {
            weights.writer = rewriter.writer
            try weights.rewrite(layer, values, &run.report)
            rewriter.writer = weights.writer
          } else {
            try rewriter.rewrite(layer, values, &run.report)
          }
        }
      }
      run.model = rewriter.writer.finish()
    }
    return try run.finish(samples: samples)
  }

  private func refusal(_ layer: WeightedLayer) -> String? {
    let node = layer.node
    if Self.weightOnly.contains(node.opType) { return nil }
    guard Self.operators.contains(node.opType) else {
      return "activations are quantized per row for MatMul and Gemm only"
    }
    guard layer.weight.elementType == .f32 else {
      return "its weight is \(layer.weight.elementType), not f32"
    }
    if node.opType == "Gather" { return nil }
    if layer.input == 0 { return "its left operand is the weight" }
    if layer.weight.shape.count != 2 { return "its weight is no matrix" }
    if node.int("transA") != 0 { return "its left operand is transposed" }
    let depth = layer.weight.shape[layer.reductionAxis]
    if depth > Self.maximumDepth {
      return "sums of \(depth) products do not fit 32 bits"
    }
    return nil
  }
}
