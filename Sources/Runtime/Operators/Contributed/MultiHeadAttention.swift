import ModelFormat

/// `MultiHeadAttention` of `com.microsoft`: attention of projected queries to projected keys.
///
/// |        | name    | shape | element types |
/// |--------|---------|-------|---------------|
/// | input  | `query` | `[batch, queries, heads·size]`, or all three as `[batch, queries, heads, 3, size]` | `f32` |
/// | input  | `key`, optional | `[batch, keys, heads·size]`, `[batch, heads, keys, size]`, or with the values `[batch, keys, heads, 2, size]` | `f32` |
/// | input  | `value`, optional | as the first two forms of `key` | `f32` |
/// | input  | `bias`, optional | `[sizes of q, k and v]` | `f32` |
/// | input  | `key_padding_mask`, `attention_bias`, optional | see ``AttentionBias`` | `i32`, `f32` |
/// | input  | `past_key`, `past_value`, optional | `[batch, heads, past, size]` | `f32` |
/// | output | `output` | `[batch, queries, heads·size]` | `f32` |
/// | output | `present_key`, `present_value` | `[batch, heads, keys, size]` | `f32` |
/// | output | `qk`    | `[batch, heads, queries, keys]`: scores before softmax | `f32` |
/// | attr   | `num_heads`, `unidirectional`, `mask_filter_value`, `scale` | | |
///
/// Source: ONNX Runtime's contributed operator, version 1.
struct MultiHeadAttention: ComposedOperator {
  let heads: Int
  let isCausal: Bool
  let filter: Float
  let scale: Float

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...10, outputs: 1...4)
    heads = try node.int("num_heads")
    isCausal = try node.bool("unidirectional", default: false)
    filter = try node.float("mask_filter_value", default: -10_000)
    scale = try node.float("scale", default: 0)
    guard heads > 0 else {
      throw ModelError(.invalidAttribute, "num_heads is \(heads)", expected: "1 or more")
    }
    for index in [8, 9] where node.hasInput(index) {
      throw ModelError(
        .unsupportedOperator, "input \(index), for a past that is shared",
        expected: "a past of its own length")
    }
  }

  func compose(_ parts: inout Composition) throws(ModelError) -> [Composition.Value?] {
    var (q, k, v) = try operands(&parts)
    var before = 0
    if let batch = q.shape?[0] {
      for side in [k, v] {
        guard let other = side.shape?[0], !other.canBe(batch) else { continue }
        throw ModelError(
          .shapeMismatch, "queries of \(batch) sequences, and keys or values of \(other)",
          expected: "as many of each")
      }
    }
    if let past = try parts.optional(6, of: [.f32]) {
      before = past.shape.flatMap { $0.rank == 4 ? $0[2].value : nil } ?? 0
      k = try parts.joined([past, k], axis: 2)
      v = try parts.joined([try parts.input(7, of: [.f32]), v], axis: 2)
    }
    let size = Float(q.shape?[3].value ?? 1)
    let scale = self.scale == 0 ? 1 / size.squareRoot() : self.scale
    let (mask, bias) = (parts.optional(4), parts.optional(5))
    let limits = AttentionBias(isCausal: isCausal, filter: filter, past: before)
    let y = try parts.attended(
      q, k, v, timeFirst: (false, false), scale: scale, limits: limits, mask: mask, bias: bias)
    guard parts.wants(3) else { return [y, k, v] }
    var scores = try parts.scores(q, k, scale: scale)
    if isCausal || mask != nil || bias != nil {
      scores = try parts("Add", scores, try parts.apply(limits, q, k, mask, bias))
    }
    return [y, k, v, scores]
  }

  private typealias Heads = (
    q: Composition.Value, k: Composition.Value, v: Composition.Value
  )

  private func operands(_ parts: inout Composition) throws(ModelError) -> Heads {
    let query = try parts.input(0, of: [.f32])
    guard let key = try parts.optional(1, of: [.f32]) else { return try packed(&parts, query) }
    if key.rank == 5 {
      let both = try unpacked(&parts, key, 2)
      let bias = try biases(&parts, query, nil, nil)
      return (try split(&parts, query, bias[0]), both[0], both[1])
    }
    let value = try parts.input(2, of: [.f32])
    let bias = try biases(&parts, query, key, value)
    return (
      try split(&parts, query, bias[0]), try split(&parts, key, bias[1]),
      try split(&parts, value, bias[2])
    )
  }

  /// The parts of the bias for queries, keys and values; none while their widths are open, since no shape depends on them.
  private func biases(
    _ parts: inout Composition, _ q: Composition.Value, _ k: Composition.Value?,
    _ v: Composition.Value?
  ) throws(ModelError) -> [Composition.Value?] {
    guard let bias = try parts.optional(3, of: [.f32]) else { return [nil, nil, nil] }
    func width(_ x: Composition.Value?) -> Int? {
      guard let shape = x?.shape else { return nil }
      return shape.rank == 4 ? (shape[1] * shape[3]).value : shape[shape.rank - 1].value
    }
    guard let total = bias.shape?.count.value, let first = width(q),
      let third = v == nil ? first : width(v)
    else { return [nil, nil, nil] }
    guard bias.rank == 1, total == 2 * first + third else {
      throw ModelError(
        .shapeMismatch, "a bias \(bias.type)",
        expected: "one element for each of queries, keys and values")
    }
    return try parts.pieces(bias, axis: 0, sizes: [first, first, third]).map { $0 }
  }

  private func split(
    _ parts: inout Composition, _ x: Composition.Value, _ bias: Composition.Value?
  ) throws(ModelError) -> Composition.Value {
    if let shape = x.shape, shape.rank == 4 {
      guard shape[1].canBe(.fixed(heads)) else {
        throw ModelError(
          .shapeMismatch, "a tensor \(shape)", expected: "[batch, \(heads), keys, size]")
      }
      return x
    }
    let sum = try bias.map { (bias) throws(ModelError) in try parts("Add", x, bias) } ?? x
    return try parts.heads(sum, heads)
  }

  private func packed(
    _ parts: inout Composition, _ query: Composition.Value
  ) throws(ModelError) -> Heads {
    guard let rank = query.rank else {
      let unknown = parts.undetermined(.f32)
      return (unknown, unknown, unknown)
    }
    guard rank == 5 else {
      throw ModelError(
        .shapeMismatch, "a query \(query.type) without a key",
        expected: "[batch, queries, heads, 3, size]")
    }
    var all = query
    if let bias = try parts.optional(3, of: [.f32]), let size = query.shape?[4].value {
      // [3, heads, size] → [heads, 3, size]
      let shaped = try parts("Reshape", bias, try parts.integers([3, heads, size]))
      all = try parts("Add", query, try parts.transposed(shaped, [1, 0, 2]))
    }
    let heads = try unpacked(&parts, all, 3)
    return (heads[0], heads[1], heads[2])
  }

  /// `[batch, time, heads, count, size]` as heads.
  private func unpacked(
    _ parts: inout Composition, _ x: Composition.Value, _ count: Int
  ) throws(ModelError) -> [Composition.Value] {
    if let shape = x.shape, !shape[3].canBe(.fixed(count)) || !shape[2].canBe(.fixed(heads)) {
      throw ModelError(
        .shapeMismatch, "a tensor \(shape)",
        expected: "[batch, time, \(heads), \(count), size]")
    }
    let turned = try parts.transposed(x, [3, 0, 2, 1, 4])
    let axis = try parts.integers([0])
    var result: [Composition.Value] = []
    for piece in try parts.pieces(turned, axis: 0, sizes: Array(repeating: 1, count: count)) {
      result.append(try parts("Squeeze", piece, axis))
    }
    return result
  }
}
