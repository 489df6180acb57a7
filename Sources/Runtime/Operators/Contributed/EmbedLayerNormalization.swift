import ModelFormat

/// `EmbedLayerNormalization` and `QEmbedLayerNormalization`: the embeddings of words, positions and segments, added and
/// normalised.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `input_ids`, `segment_ids` | `[batch, time]`; segments optional | `i32` |
/// | input  | `word_embedding`, `position_embedding`, `segment_embedding` | `[rows, size]` | `f32`; quantized `u8`, `i8` |
/// | input  | `gamma`, `beta` | `[size]` | as the embeddings |
/// | input  | `mask`, optional | `[batch, time]` | `i32` |
/// | input  | `position_ids`, optional | `[batch, time]` or `[1, time]` | `i32` |
/// | output | `output` | `[batch, time, size]` | `f32` |
/// | output | `mask_index` | `[batch]`: how many elements of a row of `mask` are 1; 0 without one | `i32` |
/// | output | `embedding_sum` | `[batch, time, size]`; not quantized only | `f32` |
///
/// The quantized form has five scales and five zero points behind its mask, and no positions. Source: ONNX Runtime's
/// contributed operators, version 1.
struct EmbedLayerNormalization: ComposedOperator {
  let epsilon: Float
  let isQuantized: Bool

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 7...9, outputs: 1...3, optional: [1, 4])
    epsilon = try node.float("epsilon", default: 1e-12)
    isQuantized = false
  }

  init(quantized node: NodeReader) throws(ModelError) {
    try node.require(inputs: 18...18, outputs: 1...2, optional: [1, 4, 7, 10, 15])
    epsilon = try node.float("epsilon", default: 1e-12)
    isQuantized = true
  }

  /// Rows of a table by number.
  private func rows(
    _ parts: inout Composition, _ table: Int, _ scale: Int, _ ids: Composition.Value
  ) throws(ModelError) -> Composition.Value {
    let found = try parts("Gather", try parts.input(table), ids)
    return try real(&parts, found, scale)
  }

  /// A quantized operand as `f32`.
  private func real(
    _ parts: inout Composition, _ x: Composition.Value, _ scale: Int
  ) throws(ModelError) -> Composition.Value {
    guard isQuantized else { return x }
    return try parts.dequantized(x, try parts.input(scale), parts.optional(scale + 5))
  }

  func compose(_ parts: inout Composition) throws(ModelError) -> [Composition.Value?] {
    let ids = try parts.input(0, of: [.i32], rank: 2)
    var width = Dimension.unknown
    for index in 2...6 where parts.optional(index) != nil {
      let elements = isQuantized ? QuantizedProduct.elements : [.f32]
      let table = try parts.input(index, of: elements, rank: index < 5 ? 2 : 1)
      guard let columns = table.shape?.dimensions.last else { continue }
      if index == 2 { width = columns }
      guard columns.canBe(width) else {
        throw ModelError(
          .shapeMismatch, "input \(index) is \(table.type)", expected: "rows of \(width)")
      }
    }
    let words = try rows(&parts, 2, 8, ids)
    var sum = try parts("Add", words, try positions(&parts, ids))
    for index in [1, 7] {
      guard let other = try parts.optional(index, of: [.i32])?.shape, let shape = ids.shape,
        other.rank != 2 || !other[0].canBe(shape[0]) || !other[1].canBe(shape[1])
      else { continue }
      throw ModelError(
        .shapeMismatch, "input \(index) is \(other)", expected: "\(shape), as that of the words")
    }
    if let segments = parts.optional(1), parts.optional(4) != nil {
      sum = try parts("Add", sum, try rows(&parts, 4, 10, segments))
    }
    let y = try parts(
      "LayerNormalization", sum, try real(&parts, try parts.input(5), 11),
      try real(&parts, try parts.input(6), 12), attributes: ["epsilon": .float(epsilon)])
    return [y, parts.wants(1) ? try counts(&parts, ids) : nil, sum]
  }

  private func positions(
    _ parts: inout Composition, _ ids: Composition.Value
  ) throws(ModelError) -> Composition.Value {
    if !isQuantized, let given = parts.optional(8) { return try rows(&parts, 3, 9, given) }
    // The first rows, one for each place in time.
    let time = try parts("Shape", ids, attributes: ["start": .int(1)])
    let first = try parts(
      "Slice", try parts.input(3), try parts.integers([0]), time, try parts.integers([0]))
    return try real(&parts, first, 9)
  }

  private func counts(
    _ parts: inout Composition, _ ids: Composition.Value
  ) throws(ModelError) -> Composition.Value {
    let axes = try parts.integers([1])
    let keeps: KeyValuePairs<String, AttributeValue> = ["keepdims": .int(0)]
    guard let mask = parts.optional(7) else {
      let zeros = try parts("Mul", ids, try parts.scalar(Int32(0)))
      return try parts("ReduceSum", zeros, axes, attributes: keeps)
    }
    let ones = try parts("Equal", mask, try parts.scalar(Int32(1)))
    return try parts("ReduceSum", try parts.cast(ones, .i32), axes, attributes: keeps)
  }
}
