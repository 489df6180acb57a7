import ModelFormat

/// `GroupQueryAttention` of `com.microsoft`: causal attention of many query heads to fewer heads of keys and values, which
/// are kept in a cache.
///
/// |        | name    | shape | element types |
/// |--------|---------|-------|---------------|
/// | input  | `query` | `[batch, time, heads·size]`, or with keys and values `[batch, time, (heads + 2·kv heads)·size]` | `f32`, `f16` |
/// | input  | `key`, `value`, optional | `[batch, time, kv heads·size]` | type of `query` |
/// | input  | `past_key`, `past_value`, optional | `[batch, kv heads, room, size]`, or see ``QuantizedCache`` | type of `query`, `i8`, `u8` |
/// | input  | `seqlens_k` | `[batch]`: the number of keys in all, less one | `i32` |
/// | input  | `total_sequence_length` | one | `i32` |
/// | input  | `cos_cache`, `sin_cache`, optional | `[positions, d/2]` | type of `query` |
/// | input  | `position_ids`, optional | `[batch, time]` | `i64` |
/// | input  | `attention_bias`, optional | `[1 or batch, 1 or heads, time, keys]` | type of `query` |
/// | input  | `head_sink`, optional | `[heads]`: the score of a key without a value | type of `query` |
/// | input  | `k_scale`, `v_scale`, optional | see ``QuantizedCache`` | `f32` |
/// | output | `output` | `[batch, time, heads·size]` | type of `query` |
/// | output | `present_key`, `present_value` | as the past | as the past |
/// | attr   | `num_heads`, `kv_num_heads`, `scale`, `softcap`, `local_window_size`, `do_rotary`, `rotary_interleaved`, `smooth_softmax`, `k_quant_type`, `v_quant_type`, `kv_cache_bit_width` | | |
///
/// Computed in `f32`. Source: ONNX Runtime's contributed operator, version 1; Ainslie et al., 2023.
struct GroupQueryAttention: ComposedOperator {
  let heads: Int
  let sharedHeads: Int
  let scale: Float
  let softcap: Float
  let window: Int
  let turns: Bool
  let isInterleaved: Bool
  let isSmooth: Bool
  private let quantized: QuantizedCache?

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 7...14, outputs: 1...4, optional: [1, 2, 3, 4])
    heads = try node.int("num_heads")
    sharedHeads = try node.int("kv_num_heads")
    scale = try node.float("scale", default: 0)
    softcap = try node.float("softcap", default: 0)
    window = max(0, try node.int("local_window_size", default: -1))
    turns = try node.bool("do_rotary", default: false)
    isInterleaved = try node.bool("rotary_interleaved", default: false)
    isSmooth = try node.bool("smooth_softmax", default: false)
    try Self.check(heads, sharedHeads)
    quantized = try QuantizedCache(node)
    guard try node.int("sliding_window_cache", default: 0) == 0 else {
      throw ModelError(
        .unsupportedOperator, "a cache as long as the window", expected: "one of all keys")
    }
    guard node.outputCount < 4 || !node.hasOutput(3) else {
      throw ModelError(.unsupportedOperator, "output 3, the scores", expected: "three outputs")
    }
  }

  /// The parts that ``SparseAttention`` has in common with this.
  init(sparse node: NodeReader) throws(ModelError) {
    heads = try node.int("num_heads")
    sharedHeads = try node.int("kv_num_heads")
    scale = try node.float("scale", default: 0)
    turns = try node.bool("do_rotary", default: false)
    isInterleaved = try node.bool("rotary_interleaved", default: false)
    (softcap, window, isSmooth, quantized) = (0, 0, false, nil)
    try Self.check(heads, sharedHeads)
  }

  private static func check(_ heads: Int, _ shared: Int) throws(ModelError) {
    guard heads > 0, shared > 0, heads % shared == 0 else {
      throw ModelError(
        .invalidAttribute, "\(heads) heads of queries for \(shared) of keys",
        expected: "a multiple of them")
    }
  }

  /// The factor of the scores of queries `[batch, heads, time, size]`.
  func scale(of q: Composition.Value) -> Float {
    scale == 0 ? 1 / Float(q.shape?[3].value ?? 1).squareRoot() : scale
  }

  func compose(_ parts: inout Composition) throws(ModelError) -> [Composition.Value?] {
    let element = try parts.input(0, of: [.f32, .f16], rank: 3).element
    var (q, k, v) = try operands(&parts)
    let last = try parts.input(5, of: [.i32])
    let total = try parts.input(6, of: [.i32])
    let isFirst = Self.isFirst(q, total)
    if turns {
      var positions = parts.optional(9)
      if positions == nil { positions = try parts.apply(QueryPositions(isFirst: isFirst), q, last) }
      q = try turned(&parts, q, positions)
      k = try turned(&parts, k, positions)
    }
    let cache = KeyValueCache(isFirst: isFirst)
    let (keys, values): (Composition.Value, Composition.Value)
    let presents: [Composition.Value]
    if let quantized {
      let key = try quantized.extended(&parts, k, past: 3, by: cache, last, total)
      let value = try quantized.extended(&parts, v, past: 4, by: cache, last, total)
      (keys, values, presents) = (key.numbers, value.numbers, [key.codes, value.codes])
    } else {
      keys = try parts.apply(cache, k, try past(&parts, 3), last, total)
      values = try parts.apply(cache, v, try past(&parts, 4), last, total)
      presents = [try parts.cast(keys, element), try parts.cast(values, element)]
    }
    let scale = scale(of: q)
    let bias = try parts.optional(10, of: [element]).map { (bias) throws(ModelError) in
      try parts.cast(bias, .f32)
    }
    let limits = AttentionBias(isCausal: true, filter: 0, window: window, isFirst: isFirst)
    let added = try parts.apply(limits, q, keys, nil, bias, last)
    let y: Composition.Value
    if let sink = try sink(&parts) {
      var scores = try parts.scores(q, keys, scale: scale)
      if softcap > 0 {
        let cap = try parts.scalar(softcap)
        scores = try parts("Mul", try parts("Tanh", try parts("Div", scores, cap)), cap)
      }
      let weights = try parts.softmax(try parts("Add", scores, added), sink: sink)
      y = try parts.weighted(weights, values)
    } else {
      y = try parts(
        "Attention", q, keys, values, added,
        attributes: ["scale": .float(scale), "softcap": .float(softcap)])
    }
    return [try parts.cast(try parts.merged(y), element)] + presents
  }

  /// Whether there is nothing in the cache: as many keys in all as come with this call.
  static func isFirst(_ q: Composition.Value, _ total: Composition.Value) -> Bool {
    guard let time = q.shape?[2].value, let count = total.constant?.integers?.first else {
      return false
    }
    return time == count
  }

  private func sink(_ parts: inout Composition) throws(ModelError) -> Composition.Value? {
    if let sink = try parts.optional(11, of: [try parts.input(0).element]) {
      return try parts.cast(sink, .f32)
    }
    return isSmooth ? try parts.constant(Tensor([Float(0)], shape: [1])) : nil
  }

  func past(
    _ parts: inout Composition, _ index: Int
  ) throws(ModelError) -> Composition.Value? {
    guard let past = parts.optional(index) else { return nil }
    return try parts.cast(try parts.input(index, of: [.f32, .f16], rank: past.rank ?? 4), .f32)
  }

  func operands(
    _ parts: inout Composition
  ) throws(ModelError) -> (Composition.Value, Composition.Value, Composition.Value) {
    let query = try parts.cast(try parts.input(0), .f32)
    if parts.optional(1) != nil {
      var sides: [Composition.Value] = []
      for index in [1, 2] {
        let side = try parts.input(index, of: [try parts.input(0).element], rank: 3)
        if let shape = side.shape, let q = query.shape,
          !shape[0].canBe(q[0]) || !shape[1].canBe(q[1])
        {
          throw ModelError(
            .shapeMismatch, "input \(index) is \(shape)", expected: "[\(q[0]), \(q[1]), size]")
        }
        sides.append(try parts.heads(try parts.cast(side, .f32), sharedHeads))
      }
      return (try parts.heads(query, heads), sides[0], sides[1])
    }
    let all = try parts.heads(query, heads + 2 * sharedHeads)
    let pieces = try parts.pieces(all, axis: 1, sizes: [heads, sharedHeads, sharedHeads])
    return (pieces[0], pieces[1], pieces[2])
  }

  func turned(
    _ parts: inout Composition, _ x: Composition.Value, _ positions: Composition.Value?,
    caches: (cosines: Int, sines: Int) = (7, 8)
  ) throws(ModelError) -> Composition.Value {
    let elements: Set<ElementType> = [try parts.input(0).element]
    let cosines = try parts.cast(try parts.input(caches.cosines, of: elements, rank: 2), .f32)
    let sines = try parts.cast(try parts.input(caches.sines, of: elements, rank: 2), .f32)
    let turned = (cosines.shape?[1].value ?? 0) * 2
    return try parts(
      "RotaryEmbedding", x, cosines, sines, positions,
      attributes: [
        "interleaved": .int(isInterleaved ? 1 : 0), "rotary_embedding_dim": .int(Int64(turned)),
      ])
  }
}
