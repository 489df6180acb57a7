import ModelFormat

/// Multiplies by 4-bit weights as they are, block by block, instead of turning them into f32 when a model is loaded:
///
///     MatMul(x, DequantizeLinear(w, scales, zeros; axis 0, block_size))          BlockQuantizedMatMul
///
/// Requires that dequantized weights have not been folded. What is computed is the same but for rounding.
struct BlockProductFusion: Pass {
  let name = "fuse-block-products"

  func run(_ context: inout PassContext) throws(ModelError) -> Bool {
    var changed = false
    for index in context.editor.indices {
      let graph = QuantizedMatcher(context)
      guard let node = graph.graph.standard(index), node.opType == "MatMul",
        context.type(node.inputs[0])?.element == .f32,
        let (_, weights) = graph.producer(node.inputs[1], "DequantizeLinear"),
        let codes = graph.constant(weights.inputs[0]), codes.shape.count == 2,
        codes.elementType == .u4 || codes.elementType == .i4
      else { continue }
      guard let block = Self.block(weights, codes, graph) else {
        context.declined(node, "its 4-bit weights are not in blocks along the sums")
        continue
      }
      var product = node
      product.opType = "BlockQuantizedMatMul"
      product.domain = "zoo"
      product.inputs = [node.inputs[0]] + weights.inputs
      product.attributes = [Attribute("block_size", .int(Int64(block)))]
      context.editor.replace(index, with: product)
      context.applied(node, "its weights stay 4-bit")
      changed = true
    }
    return changed
  }

  /// The rows that share a scale.
  private static func block(
    _ weights: Node, _ codes: Tensor, _ graph: QuantizedMatcher
  ) -> Int? {
    let block = weights.int("block_size", default: 0)
    let axis = weights.int("axis", default: 1)
    // Weights are packed in whole blocks, so one that is longer than the sums would only take memory.
    guard block > 0, block % 2 == 0, block <= codes.shape[0], axis == 0 || axis == -2,
      let scales = graph.constant(weights.inputs[1]), scales.elementType == .f32,
      scales.shape == [(codes.shape[0] + block - 1) / block, codes.shape[1]],
      weights.inputs.count < 3 || weights.inputs[2] == nil
        || graph.constant(weights.inputs[2])?.shape == scales.shape
    else { return nil }
    return block
  }
}
