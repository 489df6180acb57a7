import ModelFormat

/// What the operators that search for text have in common: attributes, and inputs of one element.
///
/// | attribute | meaning |
/// |-----------|---------|
/// | `decoder` | the graph of a step: (ids, positions, mask, pasts …) → (logits, presents …) |
/// | `init_decoder` | the same for the first step; `decoder` by default |
/// | `encoder` | for `model_type` 1: (ids, mask, start) → (logits, state, presents …); its decoder: (ids, mask, state?, pasts …) → (logits, presents …) |
/// | `eos_token_id`, `pad_token_id`, `decoder_start_token_id` | tokens |
/// | `no_repeat_ngram_size` | 0 (default), or the length of n-grams that occur once |
/// | `vocab_size` | the tokens that count, by default all that the logits are of |
struct SearchSettings: Sendable {
  let decoder: GraphID
  let first: GraphID?
  let encoder: GraphID?
  let end: Int32
  let padding: Int32
  let start: Int32
  let repeatedSize: Int
  let vocabulary: Int?

  init(_ node: NodeReader) throws(ModelError) {
    decoder = try node.graph("decoder")
    first = node.has("init_decoder") ? try node.graph("init_decoder") : nil
    let type = try node.int("model_type", default: 0)
    guard type == 0 || (type == 1 && node.has("encoder")) else {
      throw ModelError(
        .invalidAttribute, "model_type is \(type)",
        expected: "0 for a decoder, or 1 with an attribute 'encoder'")
    }
    encoder = type == 1 ? try node.graph("encoder") : nil
    end = Int32(clamping: try node.int("eos_token_id"))
    padding = Int32(clamping: try node.int("pad_token_id"))
    start = Int32(clamping: try node.int("decoder_start_token_id", default: -1))
    repeatedSize = max(0, try node.int("no_repeat_ngram_size", default: 0))
    let size = try node.int("vocab_size", default: -1)
    vocabulary = size > 0 ? size : nil
  }
}

extension ValueCall {
  /// The number in input `index`, `value` if it is left out.
  func number<T: TensorElement>(_ index: Int, default value: T) throws(ModelError) -> T {
    guard let tensor = try optionalTensor(index) else { return value }
    guard let first = try tensor.array(of: T.self).first else {
      throw ModelError(.shapeMismatch, "input \(index) is empty", expected: "one element")
    }
    return first
  }

  /// Input `index`, `[rows, columns]`, row by row.
  func rows(_ index: Int) throws(ModelError) -> [[Int32]] {
    let tensor = try tensor(index)
    guard tensor.shape.count == 2, tensor.shape[1] > 0 else {
      throw ModelError(
        .shapeMismatch, "input \(index) is \(tensor.shape)", expected: "[batch, time], time > 0")
    }
    let values = try tensor.array(of: Int32.self)
    return stride(from: 0, to: values.count, by: tensor.shape[1]).map {
      Array(values[$0..<$0 + tensor.shape[1]])
    }
  }

  /// How long a text may get.
  ///
  /// - Throws: `.outOfRange` unless it is more than `least`, and below a million.
  func maximumLength(_ index: Int, above least: Int) throws(ModelError) -> Int {
    let length = Int(try number(index, default: Int32(0)))
    guard length > least, length <= 1 << 20 else {
      throw ModelError(
        .outOfRange, "a text of up to \(length) tokens",
        expected: "more than the \(least) that there are, and at most \(1 << 20)")
    }
    return length
  }
}
