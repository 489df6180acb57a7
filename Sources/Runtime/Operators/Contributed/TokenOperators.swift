import ModelFormat

/// `NGramRepeatBlock`: forbids tokens that would repeat an n-gram of the text so far.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `input_ids` | `[batch, time]` | `i64` |
/// | input  | `scores` | `[batch, vocabulary]` | `f32` |
/// | output | `scores_out` | of `scores`, −∞ at what is forbidden | `f32` |
/// | attr   | `ngram_size` | | |
///
/// Source: ONNX Runtime's contributed operator, version 1.
struct NGramRepeatBlock: TensorOperator {
  let size: Int

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...2)
    size = try node.int("ngram_size")
    guard size > 0 else {
      throw ModelError(.invalidAttribute, "ngram_size is \(size)", expected: "1 or more")
    }
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let ids = try inputs.tensor(0, of: [.i64]).shape
    let scores = try inputs.tensor(1, of: [.f32])
    if let ids, let shape = scores.shape,
      ids.rank != 2 || shape.rank != 2 || !ids[0].canBe(shape[0])
    {
      throw ModelError(
        .shapeMismatch, "ids \(ids), scores \(shape)",
        expected: "[batch, time] and [batch, vocabulary]")
    }
    return [.tensor(scores)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let (ids, scores) = (try io.input(0).shape, try io.input(1).shape)
    let size = size
    return Kernel("ngram_repeat_block") { (context) throws(ModelError) in
      let (tokens, y) = (context.input(0, as: Int.self), context.output(0, as: Float.self))
      y.update(from: context.input(1), count: scores[0] * scores[1])
      let time = ids[1]
      for b in 0..<ids[0] where time >= size {
        let row = tokens + b * time
        for start in 0...(time - size) {
          let isSame = (0..<size - 1).allSatisfy { row[start + $0] == row[time - size + 1 + $0] }
          guard isSame else { continue }
          let token = row[start + size - 1]
          guard token >= 0, token < scores[1] else {
            throw ModelError(
              .outOfRange, "token \(token)", expected: "0 ..< \(scores[1])")
          }
          y[b * scores[1] + token] = -.infinity
        }
      }
    }
  }
}

/// `BifurcationDetector`: takes over predicted tokens as far as they agree with a source, and finds where to go on in it.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `src_tokens`, `cur_tokens` | lists | `i64` |
/// | input  | `prev_suffix_match_idx` | one | `i64` |
/// | input  | `pred_tokens`, optional | list | `i64` |
/// | output | `tokens` | list: the current ones, then the predicted up to the first that differs, that one included | `i64` |
/// | output | `suffix_match_idx` | one: behind the only place in the source of an n-gram that ends `tokens`; −1 without one | `i64` |
/// | attr   | `min_ngram_size`, `max_ngram_size` | | defaults 1, 3 |
///
/// Source: ONNX Runtime's contributed operator, version 1; Ge et al., "Lossless Acceleration for Seq2seq Generation with
/// Aggressive Decoding", 2022.
struct BifurcationDetector: ValueOperator {
  let least: Int
  let most: Int

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 3...4, outputs: 2...2)
    least = try node.int("min_ngram_size", default: 1)
    most = try node.int("max_ngram_size", default: 3)
    guard least > 0, most >= least else {
      throw ModelError(
        .invalidAttribute, "n-grams of \(least) to \(most)", expected: "1 or more, in order")
    }
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    for index in 0..<4 where index < 3 || inputs.has(index) {
      _ = try inputs.tensor(index, of: [.i64])
    }
    return [.tensor(.i64, [.unknown]), .tensor(try inputs.tensor(2))]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    let source = try call.tensor(0).array(of: Int.self)
    var tokens = try call.tensor(1).array(of: Int.self)
    let previous = try call.tensor(2).array(of: Int.self).first ?? 0
    if let predicted = try call.optionalTensor(3)?.array(of: Int.self) {
      guard previous >= 0, source.count - previous >= 0,
        predicted.count == source.count + 1 - previous
      else {
        throw ModelError(
          .shapeMismatch, "\(predicted.count) predicted tokens",
          expected: "one more than the \(source.count - previous) that the source has left")
      }
      var agreed = 0
      while agreed < source.count - previous, predicted[agreed] == source[previous + agreed] {
        agreed += 1
      }
      tokens += predicted[...agreed]
    }
    return [
      .tensor(try Tensor(tokens, shape: [tokens.count])),
      .tensor(
        try Tensor(scalar: suffixMatch(source, tokens)).reshaped(to: call.tensor(2).shape)),
    ]
  }

  /// Of the n-grams that end `tokens`, from the shortest on as far as they occur, the last one's place.
  private func suffixMatch(_ source: [Int], _ tokens: [Int]) -> Int {
    var match = -1
    for size in least...max(least, min(most, tokens.count, source.count)) {
      guard size <= tokens.count, size <= source.count else { break }
      let suffix = tokens[(tokens.count - size)...]
      let places = (0...(source.count - size)).filter {
        source[$0..<$0 + size].elementsEqual(suffix)
      }
      guard let first = places.first else { break }
      match = first + size
      if match >= source.count { break }
      if places.count > 1 { match = -1 }
    }
    return match
  }
}

/// `DynamicTimeWarping`: the cheapest path through a matrix of costs, from its first element to its last.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `input` | `[m, n]` or `[1, m, n]` | `f32` |
/// | output | `output` | `[2, steps]`: rows and columns of the path | `i32` |
///
/// A step goes down, to the right, or both. Source: ONNX Runtime's contributed operator, version 1.
struct DynamicTimeWarping: ValueOperator {
  init(_ node: NodeReader) throws(ModelError) { try node.require(inputs: 1...1) }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: [.f32])
    if let shape = x.shape, shape.rank != 2 && (shape.rank != 3 || !shape[0].canBe(1)) {
      throw ModelError(.shapeMismatch, "costs \(shape)", expected: "[m, n] or [1, m, n]")
    }
    return [.tensor(.i32, [2, .unknown])]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    let x = try call.tensor(0)
    let extents = Array(x.shape.suffix(2))
    let (rows, columns) = (extents[0], extents[1])
    let costs = try x.array(of: Float.self)
    guard rows > 0, columns > 0 else {
      return [.tensor(try Tensor([Int32](), shape: [2, 0]))]
    }
    // best[i, j] is the cost of reaching (i − 1, j − 1); moves say whence: 0 diagonal, 1 above, 2 left.
    let width = columns + 1
    var best = [Float](repeating: .infinity, count: (rows + 1) * width)
    var moves = [UInt8](repeating: 2, count: (rows + 1) * width)
    best[0] = 0
    for j in 1...columns {
      for i in 1...rows {
        let (diagonal, above, left) = (
          best[(i - 1) * width + j - 1], best[(i - 1) * width + j], best[i * width + j - 1]
        )
        var (cost, move): (Float, UInt8) = (left, 2)
        if diagonal < above, diagonal < left {
          (cost, move) = (diagonal, 0)
        } else if above < diagonal, above < left {
          (cost, move) = (above, 1)
        }
        best[i * width + j] = costs[(i - 1) * columns + j - 1] + cost
        moves[i * width + j] = move
      }
    }
    return [.tensor(try Self.path(moves, rows, columns))]
  }

  private static func path(
    _ moves: [UInt8], _ rows: Int, _ columns: Int
  ) throws(ModelError) -> Tensor {
    var (i, j) = (rows, columns)
    var path: [(Int32, Int32)] = []
    while i > 0 || j > 0 {
      path.append((Int32(i - 1), Int32(j - 1)))
      let move = i == 0 ? 2 : j == 0 ? 1 : moves[i * (columns + 1) + j]
      if move != 2 { i -= 1 }
      if move != 1 { j -= 1 }
    }
    path.reverse()
    return try Tensor(path.map(\.0) + path.map(\.1), shape: [2, path.count])
  }
}
