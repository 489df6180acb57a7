import ZooRuntime

/// Weights as integers, activations as they are: files become small, accuracy suffers least, speed stays.
///
/// A weight becomes `DequantizeLinear(integers, scales)`: `int8` with one scale per output channel, or 4-bit integers
/// with one scale for each block of 32 along the axis of summation. Tables that `Gather` reads row by row are gathered
/// as `int8` with their scales; those of 4 bits are turned back as a whole, as `Gather` takes no 4-bit elements.
///
/// 4-bit ranges are clipped, block by block, where that makes the squared error smaller.
public struct WeightQuantization: CompressionRecipe {
  public let name = "weight-only"
  public let summary = "int8 weights, or 4-bit weights in blocks; activations as they are"
  public var selection = LayerSelection()
  /// 8 or 4.
  public var bits: Int
  /// Elements that share a scale, 4 bits only: 16, 32, 64, 128 or 256.
  public var blockSize = 32
  /// Whether 4-bit blocks have a zero point each: half a byte more for each, and less error.
  public var hasZeroPoints = true

  public init(bits: Int = 8) { self.bits = bits }

  public func apply(
    to model: Model, samples: [[String: Value]], options: Session.Options
  ) throws(ModelError) -> (Model, CompressionReport) {
    try check()
    let recipe = bits == 8 ? "int8 weights" : "\(range) weights in blocks of \(blockSize)"
    var run = try RecipeRun(
      model, recipe: recipe, selection: selection, opset: bits == 8 ? 13 : 21,
      options: options)
    for index in run.model.graphs.indices {
      let graph = GraphID(index)
      var rewriter = WeightRewriter(
        NodeWriter(run.model, graph), range, blockSize: bits == 8 ? nil : blockSize)
      for layer in run.layers where layer.graph == graph {
        if let reason = refusal(layer) {
          run.report.leave(layer, reason)
        } else if let values = try run.elements(layer) {
          try rewriter.rewrite(layer, values, &run.report)
        }
      }
      run.model = rewriter.writer.finish()
    }
    return try run.finish(samples: samples)
  }

  private var range: IntegerRange { bits == 8 ? .int8 : hasZeroPoints ? .uint4 : .int4 }

  private func check() throws(ModelError) {
    guard bits == 8 || bits == 4 else {
      throw ModelError(.invalidRequest, "weights of \(bits) bits", expected: "8 or 4 bits")
    }
    guard [16, 32, 64, 128, 256].contains(blockSize) else {
      throw ModelError(
        .invalidRequest, "blocks of \(blockSize)", expected: "16, 32, 64, 128 or 256")
    }
  }

  private func refusal(_ layer: WeightedLayer) -> String? {
    if bits == 8 { return nil }
    let extent = layer.weight.shape[layer.reductionAxis]
    if extent >= blockSize { return nil }
    return "its sums of \(extent) products are shorter than a block of \(blockSize)"
  }
}
