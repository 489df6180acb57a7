import ModelFormat

/// A cache of keys or values that is kept as integers: number = code · scale.
///
/// | bits | elements of the cache | codes |
/// |------|-----------------------|-------|
/// | 8    | `i8`, `[batch, heads, room, size]` | −128 … 127 |
/// | 4    | `u8`, `[batch, heads, room, size / 2]`: code + 8, the first of two in the low bits | −8 … 7 |
///
/// A scale is one number (`PER_TENSOR`), or `[1, heads, 1, size]` (`PER_CHANNEL`). What arrives is rounded before it is
/// looked at.
struct QuantizedCache {
  private let bits: Int
  private let isPerChannel: (keys: Bool, values: Bool)

  /// - Returns: `nil` if the node's cache is one of floats.
  init?(_ node: NodeReader) throws(ModelError) {
    let kinds = try ["k_quant_type", "v_quant_type"].map { (name) throws(ModelError) in
      try node.choice(name, of: ["NONE", "PER_TENSOR", "PER_CHANNEL"], default: "NONE")
    }
    bits = try node.int("kv_cache_bit_width", default: 8)
    isPerChannel = (kinds[0] == "PER_CHANNEL", kinds[1] == "PER_CHANNEL")
    if kinds == ["NONE", "NONE"] {
      for index in [12, 13] where node.hasInput(index) {
        throw ModelError(
          .arityMismatch, "input \(index), the scale of a cache of floats", expected: "none")
      }
      return nil
    }
    guard !kinds.contains("NONE"), bits == 4 || bits == 8 else {
      throw ModelError(
        .invalidAttribute, "keys \(kinds[0]), values \(kinds[1]), of \(bits) bits",
        expected: "both quantized, to 4 or 8 bits")
    }
    for index in [3, 4, 12, 13] where !node.hasInput(index) {
      throw ModelError(
        .missingInput, "input \(index) is left out", expected: "a cache and its scale")
    }
  }

  /// A cache with what is new behind its own: as numbers, and as it is kept.
  ///
  /// - Parameters:
  ///   - new: `[batch, heads, time, size]`, of `f32`.
  ///   - past: The input that is the cache so far: 3 for keys, 4 for values.
  func extended(
    _ parts: inout Composition, _ new: Composition.Value, past: Int, by cache: KeyValueCache,
    _ last: Composition.Value, _ total: Composition.Value
  ) throws(ModelError) -> (numbers: Composition.Value, codes: Composition.Value) {
    let scale = try scale(&parts, past == 3 ? 12 : 13, new, past == 3)
    let low: Float = bits == 8 ? -128 : -8
    let codes = try parts(
      "Clip", try parts("Round", try parts("Div", new, scale)), try parts.scalar(low),
      try parts.scalar(-low - 1))
    // What is not written is 0 as it is kept.
    let shift = try parts.scalar(Float(bits == 8 ? 0 : 8))
    let before = try unpacked(&parts, past, new)
    let all = try parts.apply(cache, try parts("Add", codes, shift), before, last, total)
    let numbers = try parts("Mul", try parts("Sub", all, shift), scale)
    return (numbers, try packed(&parts, all))
  }

  private func scale(
    _ parts: inout Composition, _ index: Int, _ new: Composition.Value, _ isKeys: Bool
  ) throws(ModelError) -> Composition.Value {
    let scale = try parts.input(index, of: [.f32])
    let isSpread = isKeys ? isPerChannel.keys : isPerChannel.values
    guard let shape = scale.shape, let extents = new.shape else { return scale }
    if isSpread {
      guard shape.canBe([1, extents[1], 1, extents[3]]) else {
        throw ModelError(
          .shapeMismatch, "input \(index) is \(shape)",
          expected: "[1, \(extents[1]), 1, \(extents[3])]")
      }
      return scale
    }
    guard shape.count.canBe(1) else {
      throw ModelError(.shapeMismatch, "input \(index) is \(shape)", expected: "one number")
    }
    return try parts("Reshape", scale, try parts.integers([1]))
  }

  /// The cache in `f32`, as it is kept.
  private func unpacked(
    _ parts: inout Composition, _ index: Int, _ new: Composition.Value
  ) throws(ModelError) -> Composition.Value {
    let kept = try parts.input(index, of: [bits == 8 ? .i8 : .u8], rank: 4)
    guard bits == 4 else { return try parts.cast(kept, .f32) }
    guard let size = new.shape?[3].value else { return parts.undetermined(.f32) }
    if let width = kept.shape?[3], size % 2 != 0 || !width.canBe(.fixed(size / 2)) {
      throw ModelError(
        .shapeMismatch, "\(width) bytes for \(size) codes", expected: "two codes in each byte")
    }
    let axis = try parts.integers([4])
    let low = try parts("BitwiseAnd", kept, try parts.scalar(UInt8(15)))
    let high = try parts(
      "BitShift", kept, try parts.scalar(UInt8(4)), attributes: ["direction": .string("RIGHT")])
    let pairs = try parts.joined(
      [try parts("Unsqueeze", low, axis), try parts("Unsqueeze", high, axis)], axis: 4)
    let codes = try parts("Reshape", pairs, try parts.integers([0, 0, 0, size]))
    return try parts.cast(codes, .f32)
  }

  private func packed(
    _ parts: inout Composition, _ codes: Composition.Value
  ) throws(ModelError) -> Composition.Value {
    guard bits == 4 else { return try parts.cast(codes, .i8) }
    guard let size = codes.shape?[3].value else { return parts.undetermined(.u8) }
    let pairs = try parts("Reshape", codes, try parts.integers([0, 0, 0, size / 2, 2]))
    let weights = parts.constant(try Tensor([Float(1), 16], shape: [2]))
    let bytes = try parts(
      "ReduceSum", try parts("Mul", pairs, weights), try parts.integers([4]),
      attributes: ["keepdims": .int(0)])
    return try parts.cast(bytes, .u8)
  }
}
