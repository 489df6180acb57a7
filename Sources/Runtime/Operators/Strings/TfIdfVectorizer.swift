/// `TfIdfVectorizer`: how often each n-gram of a pool occurs in a list.
///
/// |        | name | shape | types |
/// |--------|------|-------|-------|
/// | input  | `X`  | `[C]` or `[N, C]` | `string`, `i32`, `i64` |
/// | output | `Y`  | `[F]` or `[N, F]` | `f32` |
/// | attr   | `pool_strings` or `pool_int64s` | | all n-grams, first those of one word, then of two, … |
/// | attr   | `ngram_counts`, `ngram_indexes` | | where each length begins in the pool; the column of each n-gram |
/// | attr   | `min_gram_length`, `max_gram_length`, `max_skip_count` | | |
/// | attr   | `mode`, `weights` | | `TF`: the count; `IDF`: the weight if it occurs; `TFIDF`: both multiplied |
///
/// With skips, n-grams of words that stand at equal distances up to `max_skip_count` + 1 count, too. Source: ONNX
/// `TfIdfVectorizer`, opset 9.
struct TfIdfVectorizer: ValueOperator {
  /// Column and weight of each n-gram, by its words.
  private let grams: [[String]: Int]
  private let columns: [Int]
  private let weights: [Float]?
  private let mode: String
  private let lengths: ClosedRange<Int>
  private let skips: Int
  private let width: Int
  private let takesStrings: Bool

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    mode = try node.choice("mode", of: ["TF", "IDF", "TFIDF"], default: "TF")
    let (shortest, longest) = (
      try node.int("min_gram_length"), try node.int("max_gram_length")
    )
    skips = try node.int("max_skip_count")
    let counts = try node.ints("ngram_counts")
    columns = try node.ints("ngram_indexes")
    takesStrings = node.has("pool_strings")
    let pool =
      takesStrings
      ? try node.strings("pool_strings") : try node.ints("pool_int64s").map { "\($0)" }
    weights = node.has("weights") ? try node.floats("weights") : nil
    guard shortest >= 1, shortest <= longest, skips >= 0, longest <= counts.count,
      columns.allSatisfy({ $0 >= 0 && $0 < 1 << 28 }),
      weights?.count ?? columns.count == columns.count
    else {
      throw ModelError(
        .invalidAttribute,
        "n-grams of \(shortest) to \(longest) words with \(skips) skips in \(counts.count) lists",
        expected: "lengths from 1 on that the pool has, and columns ≥ 0")
    }
    lengths = shortest...longest
    var grams: [[String]: Int] = [:]
    var number = 0
    for (index, start) in counts.enumerated() {
      let end = index + 1 < counts.count ? counts[index + 1] : pool.count
      guard start >= 0, start <= end, end <= pool.count, (end - start) % (index + 1) == 0 else {
        throw ModelError(
          .invalidAttribute, "n-grams of \(index + 1) words at \(start) ..< \(end) of the pool",
          expected: "whole n-grams inside \(pool.count) words")
      }
      for place in stride(from: start, to: end, by: index + 1) {
        grams[Array(pool[place..<place + index + 1])] = number
        number += 1
      }
    }
    guard number == columns.count else {
      throw ModelError(
        .invalidAttribute, "\(columns.count) columns for \(number) n-grams", expected: "one each")
    }
    self.grams = grams
    width = (columns.max() ?? -1) + 1
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let shape = try inputs.tensor(0, of: takesStrings ? [.string] : [.i32, .i64]).shape
    guard let shape else { return [.tensor(.f32, nil)] }
    guard shape.rank == 1 || shape.rank == 2 else {
      throw ModelError(.shapeMismatch, "a tensor \(shape)", expected: "[C] or [N, C]")
    }
    return [.tensor(.f32, Shape(shape.dimensions.dropLast() + [.fixed(width)]))]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    let x = try call.tensor(0)
    let words = x.strings ?? x.integers?.map { "\($0)" } ?? []
    let length = x.shape.last ?? 0
    let rows = x.shape.count == 1 ? 1 : x.shape[0]
    let shape = Array(x.shape.dropLast()) + [width]
    try TensorMemory.require(.f32, shape: shape)
    var result = [Float](repeating: 0, count: rows * width)
    // Rows without words may be any number.
    for row in 0..<(words.isEmpty || width == 0 ? 0 : rows) {
      for (gram, count) in occurrences(words[row * length..<(row + 1) * length]) {
        let weight = weights?[gram] ?? 1
        let value: Float =
          switch mode {
          case "TF": Float(count)
          case "IDF": weight
          default: Float(count) * weight
          }
        result[row * width + columns[gram]] = value
      }
    }
    return [.tensor(try Tensor(result, shape: shape))]
  }

  private func occurrences(_ words: ArraySlice<String>) -> [Int: Int] {
    var counts: [Int: Int] = [:]
    for length in lengths {
      // Single words have nothing between them to skip.
      for distance in 1...(length == 1 ? 1 : min(skips, words.count) + 1) {
        let span = (length - 1) * distance
        guard span < words.count else { break }
        for start in words.startIndex..<words.endIndex - span {
          let gram = (0..<length).map { words[start + $0 * distance] }
          if let number = grams[gram] { counts[number, default: 0] += 1 }
        }
      }
    }
    return counts
  }
}
