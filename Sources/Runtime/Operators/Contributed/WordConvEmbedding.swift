import LibC
import ModelFormat

/// `WordConvEmbedding` of `com.microsoft`: a vector for each word from windows over its characters.
///
///     Y[word, f] = max_t tanh(B[f] + Σ_{i, e} W[f, 0, i, e] · C[Sequence[word, t + i], e])
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `Sequence` | `[words, characters]`: 0 where a word has ended | `i32` |
/// | input  | `W`  | `[filters, 1, window, size]` | `f32` |
/// | input  | `B`  | `[filters]` | `f32` |
/// | input  | `C`  | `[alphabet, size]` | `f32` |
/// | output | `Y`  | `[words, filters]` | `f32` |
/// | attr   | `embedding_size`, `conv_window_size`, `char_embedding_size` | filters, window, size | |
///
/// A word shorter than the window is read as far as the window reaches; one without characters has zeros. Source: ONNX
/// Runtime's contributed operator, version 1.
struct WordConvEmbedding: TensorOperator {
  /// Filters, window and size, if they are given.
  private let expected: [Int?]

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 4...4)
    var expected: [Int?] = []
    for name in ["embedding_size", "conv_window_size", "char_embedding_size"] {
      let value = try node.int(name, default: -1)
      expected.append(value == -1 ? nil : value)
    }
    self.expected = expected
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let words = try inputs.tensor(0, of: [.i32]).shape
    for index in 1..<4 { _ = try inputs.tensor(index, of: [.f32]) }
    guard let words, let w = try inputs.tensor(1).shape, let b = try inputs.tensor(2).shape,
      let c = try inputs.tensor(3).shape
    else { return [.tensor(.f32, nil)] }
    guard words.rank == 2, w.rank == 4, w[1].canBe(1), b.canBe([w[0]]), c.rank == 2,
      c[1].canBe(w[3]), w[2] != .fixed(0),
      zip(expected, [w[0], w[2], w[3]]).allSatisfy({ given, found in
        given == nil || found.value == nil || given == found.value
      })
    else {
      throw ModelError(
        .shapeMismatch, "words \(words), filters \(w), a bias \(b) and characters \(c)",
        expected: "[words, characters], [filters, 1, window, size], [filters], [alphabet, size]")
    }
    if let characters = words[1].value, let window = w[2].value, window > characters {
      throw ModelError(
        .shapeMismatch, "a window of \(window) over words of \(characters) characters",
        expected: "a window that is no longer")
    }
    return [.tensor(.f32, [words[0], w[0]])]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let (words, w) = (try io.input(0).shape, try io.input(1).shape)
    let alphabet = try io.input(3).shape[0]
    let (length, filters, window, size) = (words[1], w[0], w[2], w[3])
    return Kernel("word_conv_embedding") { (context) throws(ModelError) in
      nonisolated(unsafe) let text = context.input(0, as: Int32.self)
      for place in 0..<words[0] * length where text[place] < 0 || Int(text[place]) >= alphabet {
        throw ModelError(
          .outOfRange, "character \(text[place])", expected: "0 ..< \(alphabet)")
      }
      nonisolated(unsafe) let weights = context.input(1, as: Float.self)
      nonisolated(unsafe) let bias = context.input(2, as: Float.self)
      nonisolated(unsafe) let vectors = context.input(3, as: Float.self)
      nonisolated(unsafe) let y = context.output(0, as: Float.self)
      let grain = max(1, 8192 / max(1, length * filters * window * size))
      context.parallel(words[0], grain: grain) { range in
        for word in range {
          let characters = text + word * length
          let to = y + word * filters
          to.update(repeating: 0, count: filters)
          guard length > 0, characters[0] > 0 else { continue }
          let count = (0..<length).reduce(0) { $0 + (characters[$1] > 0 ? 1 : 0) }
          for f in 0..<filters {
            var greatest = -Float.infinity
            for t in 0...max(count, window) - window {
              var sum: Float = 0
              for i in 0..<window {
                let vector = vectors + Int(characters[t + i]) * size
                let row = weights + (f * window + i) * size
                for e in 0..<size { sum += row[e] * vector[e] }
              }
              greatest = max(greatest, sum + bias[f])
            }
            to[f] = tanhf(greatest)
          }
        }
      }
    }
  }
}
