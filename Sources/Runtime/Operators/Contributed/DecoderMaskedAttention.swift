import ModelFormat

/// `DecoderMaskedMultiHeadAttention` of `com.microsoft`: attention of one query to a cache that it adds itself to.
///
/// |        | name    | shape | element types |
/// |--------|---------|-------|---------------|
/// | input  | `query` | `[batch, 1, hidden]`, or with key and value `[batch, 1, 3·hidden]` | `f32` |
/// | input  | `key`, `value`, optional | `[batch, 1, hidden]`, or without a past `[batch, heads, keys, size]` | `f32` |
/// | input  | `mask_index`, optional | `[batch, keys]`: 0 hides a key | `i32` |
/// | input  | `attention_bias`, optional | `[1 or batch, 1 or heads, 1, keys]` | `f32` |
/// | input  | `past_key`, `past_value`, optional | `[batch, heads, room, size]` | `f32` |
/// | input  | `past_sequence_length` | one: how many keys there are already | `i32` |
/// | input  | `beam_width`, optional | one | `i32` |
/// | input  | `cache_indirection`, optional | `[batch / beams, beams, room]`: the beam that each key of a beam is in | `i32` |
/// | input  | `bias`, optional | `[3·hidden]` | `f32` |
/// | output | `output` | `[batch, 1, hidden]` | `f32` |
/// | output | `present_key`, `present_value` | `[batch, heads, room, size]` | `f32` |
/// | output | `qk`    | `[batch, heads, 1, keys]`: scores before softmax | `f32` |
/// | attr   | `num_heads`, `mask_filter_value`, `scale`, `past_present_share_buffer`, `output_qk` | | |
///
/// Source: ONNX Runtime's contributed operator, version 1.
struct DecoderMaskedAttention: ComposedOperator {
  private let heads: Int
  private let filter: Float
  private let scale: Float

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...11, outputs: 1...4)
    heads = try node.int("num_heads")
    filter = try node.float("mask_filter_value", default: -10_000)
    scale = try node.float("scale", default: 0)
    let shares = try node.bool("past_present_share_buffer", default: false)
    guard heads > 0, shares || !node.hasInput(5) else {
      throw ModelError(
        .invalidAttribute, "num_heads \(heads), past_present_share_buffer \(shares ? 1 : 0)",
        expected: "1 or more heads, and 1 for a past")
    }
  }

  func compose(_ parts: inout Composition) throws(ModelError) -> [Composition.Value?] {
    let query = try parts.input(0, of: [.f32], rank: 3)
    if let time = query.shape?[1], !time.canBe(1) {
      throw ModelError(.shapeMismatch, "\(time) queries", expected: "one")
    }
    var presents: [Composition.Value?] = [nil, nil]
    let (q, keys, values): (Composition.Value, Composition.Value, Composition.Value)
    if parts.optional(5) == nil {
      q = try parts.heads(try biased(&parts, query, 0), heads)
      keys = try parts.input(1, of: [.f32], rank: 4)
      values = try parts.input(2, of: [.f32], rank: 4)
    } else {
      let sides = try projections(&parts, query)
      guard let past = try parts.input(7, of: [.i32]).constant?.integers?.first else {
        let (key, value) = (try parts.input(5), try parts.input(6))
        return [sides[0], key, value, parts.undetermined(.f32)]
      }
      q = try parts.heads(sides[0], heads)
      let key = try cached(&parts, 5, try parts.heads(sides[1], heads), past)
      let value = try cached(&parts, 6, try parts.heads(sides[2], heads), past)
      (keys, values, presents) = (key.seen, value.seen, [key.all, value.all])
    }
    let scale = self.scale == 0 ? 1 / Float(q.shape?[3].value ?? 1).squareRoot() : self.scale
    let (mask, bias) = (parts.optional(3), parts.optional(4))
    let limits = AttentionBias(isCausal: false, filter: filter)
    let y = try parts.attended(
      q, keys, values, timeFirst: (false, false), scale: scale, limits: limits, mask: mask,
      bias: bias)
    guard parts.wants(3) else { return [y] + presents }
    var scores = try parts.scores(q, keys, scale: scale)
    if mask != nil || bias != nil {
      scores = try parts("Add", scores, try parts.apply(limits, q, keys, mask, bias))
    }
    return [y] + presents + [scores]
  }

  /// Query, key and value, each `[batch, 1, hidden]`, with their biases.
  private func projections(
    _ parts: inout Composition, _ query: Composition.Value
  ) throws(ModelError) -> [Composition.Value] {
    var sides = [query]
    if parts.optional(1) != nil {
      for index in [1, 2] { sides.append(try parts.input(index, of: [.f32], rank: 3)) }
    } else {
      guard let width = query.shape?[2].value else { return [query, query, query] }
      guard width % 3 == 0 else {
        throw ModelError(
          .shapeMismatch, "a query \(query.type) without a key", expected: "[batch, 1, 3·hidden]")
      }
      let size = width / 3
      sides = try parts.pieces(query, axis: 2, sizes: [size, size, size])
    }
    for index in sides.indices { sides[index] = try biased(&parts, sides[index], index) }
    return sides
  }

  private func biased(
    _ parts: inout Composition, _ x: Composition.Value, _ part: Int
  ) throws(ModelError) -> Composition.Value {
    guard let bias = try parts.optional(10, of: [.f32]), let size = x.shape?[2].value else {
      return x
    }
    if let shape = bias.shape, !shape.canBe([.fixed(3 * size)]) {
      throw ModelError(.shapeMismatch, "a bias \(shape)", expected: "[\(3 * size)]")
    }
    let piece = try parts(
      "Slice", bias, try parts.integers([part * size]), try parts.integers([(part + 1) * size]))
    return try parts("Add", x, piece)
  }

  /// The keys that count, those of the past and the new one; and the whole cache with it.
  private func cached(
    _ parts: inout Composition, _ index: Int, _ new: Composition.Value, _ past: Int
  ) throws(ModelError) -> (seen: Composition.Value, all: Composition.Value) {
    let cache = try parts.input(index, of: [.f32], rank: 4)
    if let room = cache.shape?[2].value, past < 0 || past >= room {
      throw ModelError(
        .outOfRange, "\(past) keys before this one in a cache of \(room)",
        expected: "0 ..< \(room)")
    }
    let (axis, place) = (try parts.integers([2]), try parts.integers([past]))
    var before = try parts("Slice", cache, try parts.integers([0]), place, axis)
    let own = before
    if let places = try parts.optional(9, of: [.i32]) {
      before = try parts.apply(BeamGather(past: past), cache, places)
    }
    let behind = try parts(
      "Slice", cache, try parts.integers([past + 1]), try parts.integers([Int(Int32.max)]), axis)
    return (
      try parts.joined([before, new], axis: 2), try parts.joined([own, new, behind], axis: 2)
    )
  }
}

/// The first keys of each beam from the beams in which they are.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `cache` | `[batch·beams, heads, room, size]` | `f32` |
/// | input  | `places` | `[batch, beams, room or more]` | `i32` |
/// | output | `y`  | `[batch·beams, heads, past, size]` | `f32` |
private struct BeamGather: TensorOperator {
  let past: Int

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    _ = try inputs.tensor(1, of: [.i32])
    guard var shape = try inputs.tensor(0, of: [.f32]).shape else { return [.tensor(.f32, nil)] }
    shape[2] = .fixed(past)
    return [.tensor(.f32, shape)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let (cache, places) = (try io.input(0).shape, try io.input(1).shape)
    guard places.count == 3, places[0] * places[1] == cache[0], places[2] >= past else {
      throw ModelError(
        .shapeMismatch, "places \(places) in a cache \(cache)",
        expected: "[batch, beams, room] of \(cache[0]) beams")
    }
    let past = past
    return Kernel("beam_gather") { (context) throws(ModelError) in
      let indices = context.input(1, as: Int32.self)
      let plane = cache[2] * cache[3]
      for row in 0..<cache[0] {
        for t in 0..<past {
          let beam = Int(indices[row * places[2] + t])
          guard beam >= 0, beam < places[1] else {
            throw ModelError(.outOfRange, "beam \(beam)", expected: "0 ..< \(places[1])")
          }
          let source = row / places[1] * places[1] + beam
          for h in 0..<cache[1] {
            let from = context.input(0, as: Float.self) + (source * cache[1] + h) * plane
            let to = context.output(0, as: Float.self) + (row * cache[1] + h) * past * cache[3]
            (to + t * cache[3]).update(from: from + t * cache[3], count: cache[3])
          }
        }
      }
    }
  }
}
