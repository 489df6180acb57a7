import ModelFormat

/// `QAttention`: ``ContributedAttention`` whose product with the weights is one of 8-bit numbers.
///
/// |        | name      | shape | element types |
/// |--------|-----------|-------|---------------|
/// | input  | `input`   | `[batch, queries, input size]` | `u8`, `i8` |
/// | input  | `weight`  | `[input size, sizes of q, k and v]` | `u8`, `i8` |
/// | input  | `bias`    | `[sizes of q, k and v]` | `f32` |
/// | input  | `input_scale`, `weight_scale` | one; one or one per column | `f32` |
/// | input  | `mask_index`, optional | see ``AttentionBias`` | `i32` |
/// | input  | `input_zero_point`, `weight_zero_point`, optional | as their scales | as `input`, `weight` |
/// | input  | `past`, optional | `[2, batch, heads, past, size]` | `f32` |
/// | outputs, attr | as ``ContributedAttention`` | | |
///
/// Source: ONNX Runtime's contributed operator, version 1.
struct QAttention: ComposedOperator {
  let settings: AttentionSettings

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 5...9, outputs: 1...2)
    settings = try AttentionSettings(node)
  }

  func compose(_ parts: inout Composition) throws(ModelError) -> [Composition.Value?] {
    let x = try parts.input(0, of: QuantizedProduct.elements, rank: 3)
    let weights = try parts.input(1, of: QuantizedProduct.elements, rank: 2)
    let all = try parts.call(
      "MatMulIntegerToFloat", domain: "com.microsoft",
      [
        x, weights, try parts.input(3), try parts.input(4), parts.optional(6), parts.optional(7),
        parts.optional(2),
      ])
    return try settings.attend(
      &parts, all, width: weights.shape?[1].value, mask: 5, past: 8, bias: -1)
  }
}
