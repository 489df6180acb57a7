import ModelFormat

/// `RotaryEmbedding` of `com.microsoft`: ``RotaryEmbedding`` with the positions before the caches.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `input` | `[batch, heads, time, size]`, or `[batch, time, heads·size]` | `f32`, `f16`, `bf16` |
/// | input  | `position_ids` | `[batch, time]`, or one: the position of the first | `i64` |
/// | input  | `cos_cache`, `sin_cache` | `[positions, d/2]` | type of `input` |
/// | output | `output` | of `input` | type of `input` |
/// | attr   | `interleaved`, `num_heads`, `rotary_embedding_dim` | | |
///
/// Without `num_heads` the caches tell the size of a head of an input of three axes. Source: ONNX Runtime's contributed
/// operator, version 1.
struct ContributedRotaryEmbedding: ComposedOperator {
  let isInterleaved: Bool
  let heads: Int
  let turned: Int

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 4...4)
    isInterleaved = try node.bool("interleaved", default: false)
    heads = try node.int("num_heads", default: 0)
    guard heads >= 0 else {
      throw ModelError(.invalidAttribute, "num_heads is \(heads)", expected: "0 or more")
    }
    turned = try node.int("rotary_embedding_dim", default: 0)
    guard turned == 0 || heads > 0 else {
      throw ModelError(
        .invalidAttribute, "rotary_embedding_dim is \(turned) without num_heads",
        expected: "num_heads")
    }
  }

  func compose(_ parts: inout Composition) throws(ModelError) -> [Composition.Value?] {
    let x = try parts.input(0, of: [.f32, .f16, .bf16])
    guard x.rank == nil || x.rank == 3 || x.rank == 4 else {
      throw ModelError(
        .shapeMismatch, "input 0 is \(x.type)",
        expected: "[batch, time, heads·size] or [batch, heads, time, size]")
    }
    let positions = try parts.input(1, of: [.i64])
    let cosines = try parts.input(2, of: [x.element], rank: 2)
    let sines = try parts.input(3, of: [x.element], rank: 2)
    var count = heads
    if count == 0, let shape = x.shape, shape.rank == 3 {
      // While extents are open any number will do: no shape depends on it.
      let half = max(1, cosines.shape?[1].value ?? 1)
      count = max(1, (shape[2].value ?? 0) / (2 * half))
    }
    return [
      try parts(
        "RotaryEmbedding", x, cosines, sines, try spread(&parts, positions, x),
        attributes: [
          "interleaved": .int(isInterleaved ? 1 : 0), "num_heads": .int(Int64(count)),
          "rotary_embedding_dim": .int(Int64(turned)),
        ])
    ]
  }

  /// One position for each element of batch and time.
  private func spread(
    _ parts: inout Composition, _ positions: Composition.Value, _ x: Composition.Value
  ) throws(ModelError) -> Composition.Value {
    guard positions.rank == 1, let shape = x.shape else { return positions }
    guard positions.shape?[0].canBe(1) == true else {
      throw ModelError(
        .shapeMismatch, "positions \(positions.type)", expected: "[batch, time], or one")
    }
    let time = shape[shape.rank == 4 ? 2 : 1]
    guard let batch = shape[0].value, let time = time.value else {
      return try parts("Reshape", positions, try parts.integers([1, 1]))
    }
    let steps = parts.constant(try Tensor((0..<Int64(time)).map { $0 }, shape: [1, time]))
    return try parts(
      "Expand", try parts("Add", steps, positions), try parts.integers([batch, time]))
  }
}
