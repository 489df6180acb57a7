import LibC
import ModelFormat

/// `BeamSearch` of `com.microsoft`: the likeliest of several texts that are followed at once.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `input_ids` | `[batch, time]` | `i32` |
/// | input  | `max_length`, `min_length` (optional), `num_beams`, `num_return_sequences` | one | `i32` |
/// | input  | `length_penalty`, `repetition_penalty`, optional | one | `f32` |
/// | input  | `vocab_mask`, `prefix_vocab_mask`, `attention_mask`, optional | `[tokens]`, `[batch, tokens]`, `[batch, time]` | `i32` |
/// | output | `sequences` | `[batch, returned, max_length]`, `pad_token_id` behind the end | `i32` |
/// | output | `sequences_scores` | `[batch, returned]` | `f32` |
/// | output | `scores` | `[max_length − time, batch, beams, tokens]`: sums of logarithms at each step | `f32` |
/// | attr   | `early_stopping`, and see ``SearchSettings`` | | |
///
/// The score of a text is its sum of logarithms over its length to the power of the length penalty. Source: ONNX
/// Runtime's contributed operator, version 1.
struct BeamSearch: ValueOperator {
  private let settings: SearchSettings
  private let stopsEarly: Bool

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 5...12, outputs: 1...3, optional: [2])
    settings = try SearchSettings(node)
    stopsEarly = try node.bool("early_stopping", default: false)
    for index in [10, 11] where node.hasInput(index) {
      throw ModelError(
        .unsupportedOperator, "input \(index), for one kind of model", expected: "none")
    }
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let ids = try inputs.tensor(0, of: [.i32]).shape
    for index in [1, 2, 3, 4, 7, 8, 9] where inputs.has(index) {
      _ = try inputs.tensor(index, of: [.i32])
    }
    for index in [5, 6] where inputs.has(index) { _ = try inputs.tensor(index, of: [.f32]) }
    func number(_ index: Int) -> Dimension {
      inputs.integers(index)?.first.map { .fixed($0) } ?? .unknown
    }
    let batch = ids?[0] ?? .unknown
    return [
      .tensor(.i32, [batch, number(4), number(1)]), .tensor(.f32, [batch, number(4)]),
      .tensor(.f32, [.unknown, batch, number(3), .unknown]),
    ]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    let prompts = try call.rows(0)
    let (beams, returned) = (
      Int(try call.number(3, default: Int32(1))), Int(try call.number(4, default: Int32(1)))
    )
    guard !prompts.isEmpty, (1...1024).contains(beams), (1...beams).contains(returned) else {
      throw ModelError(
        .outOfRange, "\(prompts.count) texts, \(beams) beams, \(returned) of them returned",
        expected: "a text or more, 1 to 1024 beams, and at most as many returned")
    }
    let mask = call.has(9) ? try call.rows(9) : nil
    var texts = prompts.flatMap { Array(repeating: $0, count: beams) }
    if settings.encoder != nil { texts = texts.map { _ in [settings.start] } }
    let length = try call.maximumLength(1, above: texts[0].count)
    var run = BeamRun(
      beams: beams, length: length, texts: texts, end: settings.end, padding: settings.padding,
      penalty: try call.number(5, default: Float(1)), stopsEarly: stopsEarly)
    let rules = try rules(call)
    if let encoder = settings.encoder {
      var decoder = try EncodedDecoder(
        call, settings, encoder: encoder, prompts, mask: mask, beams: beams)
      try run.search(&decoder, rules)
    } else {
      let rows = mask.map { $0.flatMap { Array(repeating: $0, count: beams) } }
      var decoder = try CachedDecoder(call, settings, texts, mask: rows)
      try run.search(&decoder, rules)
    }
    return try run.results(returned)
  }

  private func rules(_ call: ValueCall) throws(ModelError) -> ScoreRules {
    var rules = ScoreRules()
    rules.repetitionPenalty = try call.number(6, default: Float(1))
    rules.repeatedSize = settings.repeatedSize
    rules.vocabularyMask = try call.optionalTensor(7)?.array(of: Int32.self)
    rules.prefixMask = try call.optionalTensor(8)?.array(of: Int32.self)
    rules.minimumLength = Int(try call.number(2, default: Int32(0)))
    rules.end = settings.end
    return rules
  }
}

/// A search under way.
private struct BeamRun {
  let beams: Int
  let length: Int
  /// Row by row: beams of one text are neighbours.
  var texts: [[Int32]]
  let end: Int32
  let padding: Int32
  let penalty: Float
  let stopsEarly: Bool
  private let time: Int
  private var sums: [Float]
  /// Of each text, those that have ended, the best first.
  private var ended: [[(text: [Int32], score: Float)]]
  private var isDone: [Bool]
  private var history: [Float] = []
  private var width = 0

  init(
    beams: Int, length: Int, texts: [[Int32]], end: Int32, padding: Int32, penalty: Float,
    stopsEarly: Bool
  ) {
    (self.beams, self.length, self.texts) = (beams, length, texts)
    (self.end, self.padding, self.penalty, self.stopsEarly) = (end, padding, penalty, stopsEarly)
    time = texts[0].count
    // All beams of a text begin alike: only the first of them counts in the first step.
    sums = texts.indices.map { $0 % beams == 0 ? 0 : -1e9 }
    ended = Array(repeating: [], count: texts.count / beams)
    isDone = Array(repeating: false, count: texts.count / beams)
  }

  mutating func search(
    _ decoder: inout some TokenDecoder, _ rules: ScoreRules
  ) throws(ModelError) {
    while texts[0].count < length {
      var scores = try decoder.scores().map(\.logSoftmax)
      let isSame = width == 0 || width == scores[0].count
      width = scores[0].count
      guard width > 1, isSame else {
        throw ModelError(
          .shapeMismatch, "a vocabulary of \(width)",
          expected: "two tokens or more, the same in each step")
      }
      try rules.apply(&scores, texts, beams: beams, isFirst: texts[0].count == time)
      for row in scores.indices { for token in 0..<width { scores[row][token] += sums[row] } }
      history += scores.flatMap { $0 }
      let (tokens, rows) = step(scores)
      texts = zip(rows, tokens).map { texts[$0] + [$1] }
      if !isDone.contains(false) { break }
      if texts[0].count < length { try decoder.advance(tokens, from: rows, texts) }
    }
  }

  /// The next token of each row, and the row that it goes on from.
  private mutating func step(_ scores: [[Float]]) -> (tokens: [Int32], rows: [Int]) {
    var (tokens, rows, next) = ([Int32](), [Int](), [Float]())
    for text in isDone.indices {
      let first = text * beams
      if isDone[text] {
        tokens += Array(repeating: padding, count: beams)
        rows += Array(repeating: 0, count: beams)
        next += Array(repeating: 0, count: beams)
        continue
      }
      let best = candidates(scores[first..<first + beams])
      var found = 0
      for (rank, place) in best.enumerated() where found < beams {
        let (row, token) = (first + place / width, Int32(place % width))
        if token == end {
          if rank < beams { add(texts[row], scores[row][Int(token)], to: text) }
          continue
        }
        tokens.append(token)
        rows.append(row)
        next.append(scores[row][Int(token)])
        found += 1
      }
      // Of twice as many candidates as beams, no more than one of each beam ends it.
      finishIfDone(text, best: scores[first + best[0] / width][best[0] % width])
    }
    sums = next
    return (tokens, rows)
  }

  /// Places of the best scores of the beams of a text, twice as many as these, the best first.
  private func candidates(_ scores: ArraySlice<[Float]>) -> [Int] {
    let all = scores.flatMap { $0 }
    let count = min(2 * beams, all.count)
    var best: [Int] = []
    for place in all.indices {
      guard best.count < count || all[place] > all[best[best.count - 1]] else { continue }
      let at = best.firstIndex { all[place] > all[$0] } ?? best.count
      best.insert(place, at: at)
      if best.count > count { best.removeLast() }
    }
    return best
  }

  private mutating func add(_ text: [Int32], _ sum: Float, to index: Int) {
    let score = sum / powf(Float(text.count), penalty)
    guard ended[index].count < beams || score > ended[index][beams - 1].score else { return }
    let at = ended[index].firstIndex { score > $0.score } ?? ended[index].count
    ended[index].insert((text, score), at: at)
    if ended[index].count > beams { ended[index].removeLast() }
  }

  private mutating func finishIfDone(_ text: Int, best: Float) {
    guard ended[text].count >= beams, let worst = ended[text].last?.score else { return }
    let current = best / powf(Float(texts[text * beams].count), penalty)
    isDone[text] = stopsEarly || worst >= current
  }

  mutating func results(_ returned: Int) throws(ModelError) -> [Value] {
    for row in texts.indices where !isDone[row / beams] {
      add(texts[row], sums[row], to: row / beams)
    }
    var (tokens, scores) = ([Int32](), [Float]())
    for text in ended {
      for (sequence, score) in text.prefix(returned) {
        tokens += sequence + Array(repeating: padding, count: length - sequence.count)
        scores.append(score)
      }
    }
    let batch = ended.count
    let steps = length - time
    history += Array(repeating: 0, count: steps * texts.count * width - history.count)
    return [
      .tensor(try Tensor(tokens, shape: [batch, returned, length])),
      .tensor(try Tensor(scores, shape: [batch, returned])),
      .tensor(try Tensor(history, shape: [steps, batch, beams, width])),
    ]
  }
}
