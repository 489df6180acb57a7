import ModelFormat

/// `NGramHashMapping` of `com.microsoft`: hashes of the last tokens up to each place.
///
///     mix_n[t] = id[t] · m₀ ⊕ id[t − 1] · m₁ ⊕ … ⊕ id[t − n + 1] · mₙ₋₁;   y[t, head] = mix_n[t] mod size[head] + offset[head]
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `input_ids` | `[batch, time]` | `i32`, `i64` |
/// | input  | `multipliers` | at least `[N]`, N the longest n-gram | type of `input_ids` |
/// | input  | `vocab_sizes` | `[(N − 1)·heads]`, above 0 | type of `input_ids` |
/// | input  | `past_ids`, optional | `[batch, N − 1]`: what came before; default `pad_id` | type of `input_ids` |
/// | input  | `head_offsets`, optional | of `vocab_sizes` | type of `input_ids` |
/// | input  | `eos_token_id`, optional | one; stands for what is not there, instead of `pad_id` | type of `input_ids` |
/// | input  | `segment_ids`, optional | of `input_ids`: nothing is seen beyond a change | `i32` |
/// | output | `hash_ids` | `[batch, time, (N − 1)·heads]`: the pairs' heads first | type of `input_ids` |
/// | output | `present_ids` | `[batch, N − 1]` | type of `input_ids` |
/// | attr   | `max_ngram_size`, `n_head_per_ngram`, `pad_id`, `reset_on_eos` | | – , –, –, 0 |
///
/// Products wrap around in the element type; the remainder has the divisor's sign. With `reset_on_eos` nothing is seen at
/// or before the last end of a sequence before the place. Source: ONNX Runtime's contributed operator, version 1.
struct NGramHashMapping: TensorOperator {
  private let longest: Int
  private let heads: Int
  private let padding: Int
  private let resets: Bool

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 3...7, outputs: 1...2)
    longest = try node.int("max_ngram_size")
    heads = try node.int("n_head_per_ngram")
    padding = try node.int("pad_id")
    resets = try node.int("reset_on_eos", default: 0) != 0
    guard (2...1024).contains(longest), (1...65_536).contains(heads) else {
      throw ModelError(
        .invalidAttribute, "n-grams of up to \(longest) with \(heads) heads",
        expected: "2 to 1024 tokens, and 1 to 65536 heads")
    }
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let ids = try inputs.tensor(0, of: [.i32, .i64])
    guard ids.element == .i64 || Int32(exactly: padding) != nil else {
      throw ModelError(
        .invalidAttribute, "pad_id is \(padding)", expected: "a number of \(ids.element)")
    }
    for index in 1..<6 where inputs.has(index) { _ = try inputs.tensor(index, of: [ids.element]) }
    if inputs.has(6) { _ = try inputs.tensor(6, of: [.i32]) }
    let columns = (longest - 1) * heads
    guard let shape = ids.shape else {
      return [.tensor(ids.element, nil), .tensor(ids.element, nil)]
    }
    guard shape.rank == 2 else {
      throw ModelError(.shapeMismatch, "ids \(shape)", expected: "[batch, time]")
    }
    let state: Shape = [shape[0], .fixed(longest - 1)]
    let expected: [(Int, Shape)] = [
      (2, [.fixed(columns)]), (3, state), (4, [.fixed(columns)]), (6, shape),
    ]
    for (index, wanted) in expected where inputs.has(index) {
      guard let found = try inputs.tensor(index).shape, !found.canBe(wanted) else { continue }
      throw ModelError(.shapeMismatch, "input \(index) is \(found)", expected: "\(wanted)")
    }
    return [
      .tensor(ids.element, [shape[0], shape[1], .fixed(columns)]), .tensor(ids.element, state),
    ]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    guard try io.input(1).count >= longest else {
      throw ModelError(
        .shapeMismatch, "\(try io.input(1).count) multipliers", expected: "\(longest) or more")
    }
    if io.has(5), try io.input(5).count != 1 {
      throw ModelError(
        .shapeMismatch, "input 5 is \(try io.input(5).shape)", expected: "one token")
    }
    return try io.input(0).element == .i32
      ? kernel(io, Int32.self) : kernel(io, Int64.self)
  }

  private func kernel<T: FixedWidthInteger & SignedInteger & Sendable>(
    _ io: NodeIO, _ type: T.Type
  ) throws(ModelError) -> Kernel {
    let shape = try io.input(0).shape
    let (time, before) = (shape[1], longest - 1)
    let given = (0..<7).map { io.has($0) }
    let wanted = (0..<2).map { $0 < io.outputs.count && io.outputs[$0] != nil }
    let op = self
    return Kernel("ngram_hash") { (context) throws(ModelError) in
      let sizes = context.input(2, as: T.self)
      for head in 0..<before * op.heads where sizes[head] <= 0 {
        throw ModelError(
          .outOfRange, "a vocabulary of \(sizes[head])", expected: "1 token or more")
      }
      let end: T? = given[5] ? context.input(5, as: T.self)[0] : nil
      let missing = end ?? T(truncatingIfNeeded: op.padding)
      for b in 0..<shape[0] {
        let ids = context.input(0, as: T.self) + b * time
        let past = given[3] ? context.input(3, as: T.self) + b * before : nil
        let segments = given[6] ? context.input(6, as: Int32.self) + b * time : nil
        /// The token at a place, which may lie before this call.
        func token(_ place: Int) -> T {
          place >= 0 ? ids[place] : past?[before + place] ?? missing
        }
        if wanted[1] {
          let state = context.output(1, as: T.self) + b * before
          for slot in 0..<before { state[slot] = token(time - before + slot) }
        }
        guard wanted[0] else { continue }
        for t in 0..<time {
          let first = op.firstSeen(t, end: op.resets ? end : nil, segments, token)
          let y = context.output(0, as: T.self) + (b * time + t) * before * op.heads
          var mix: T = 0
          for shift in 0...before {
            let seen = t - shift >= first ? token(t - shift) : missing
            mix ^= seen &* context.input(1, as: T.self)[shift]
            for head in 0..<op.heads where shift > 0 {
              let column = (shift - 1) * op.heads + head
              let rest = mix % sizes[column]
              let offset = given[4] ? context.input(4, as: T.self)[column] : 0
              y[column] = (rest < 0 ? rest + sizes[column] : rest) &+ offset
            }
          }
        }
      }
    }
  }

  /// The first place that an n-gram that ends at `t` may see.
  private func firstSeen<T: FixedWidthInteger>(
    _ t: Int, end: T?, _ segments: UnsafePointer<Int32>?, _ token: (Int) -> T
  ) -> Int {
    var place = t
    while place > t - longest + 1 {
      if let end, token(place - 1) == end { break }
      if let segments, place > 0, segments[place] != segments[place - 1] { break }
      place -= 1
    }
    return place
  }
}
