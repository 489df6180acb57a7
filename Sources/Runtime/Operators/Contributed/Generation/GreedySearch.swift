import LibC
import ModelFormat

/// `GreedySearch` and `Sampling` of `com.microsoft`: texts that go on with the likeliest token, or with one that is drawn
/// from the likeliest.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `input_ids` | `[batch, time]` | `i32` |
/// | input  | `max_length` | one | `i32` |
/// | input  | `min_length`, `repetition_penalty`, optional | one | `i32`, `f32` |
/// | input  | `vocab_mask`, `prefix_vocab_mask`, `attention_mask`, optional | `[tokens]`, `[batch, tokens]`, `[batch, time]` | `i32` |
/// | input  | `presence_mask`, `seed` (`Sampling`), optional | `[batch, tokens]`, one | `i32` |
/// | output | `sequences` | `[batch, max_length]`, `pad_token_id` behind the end | `i32` |
/// | output | `filtered_logits` (`Sampling`) | `[batch, tokens]`: those that the last tokens were drawn from | `f32` |
/// | attr   | see ``SearchSettings`` | | |
/// | attr   | `temperature`, `top_p`, `filter_value`, `min_tokens_to_keep`, `presence_penalty`, `custom` (`Sampling`) | | 1, 0, −1e20, 0, 0, 0 |
///
/// Source: ONNX Runtime's contributed operators, version 1; Holtzman et al., "The Curious Case of Neural Text
/// Degeneration", 2019.
struct GreedySearch: ValueOperator {
  private let settings: SearchSettings
  private let sampling: TokenSampling?
  private let temperature: Float
  private let presencePenalty: Float

  init(greedy node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...7)
    settings = try Self.settings(node)
    (sampling, temperature, presencePenalty) = (nil, 1, 0)
  }

  init(sampling node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...9, outputs: 1...2)
    settings = try Self.settings(node)
    sampling = try TokenSampling(node)
    temperature = try node.float("temperature", default: 1)
    presencePenalty = try node.float("presence_penalty", default: 0)
    guard temperature > 0 else {
      throw ModelError(.invalidAttribute, "temperature is \(temperature)", expected: "above 0")
    }
  }

  private static func settings(_ node: NodeReader) throws(ModelError) -> SearchSettings {
    let settings = try SearchSettings(node)
    guard settings.encoder == nil else {
      throw ModelError(.invalidAttribute, "model_type is 1", expected: "0")
    }
    return settings
  }

  var isVolatile: Bool { sampling != nil }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let ids = try inputs.tensor(0, of: [.i32]).shape
    for index in [1, 2, 4, 5, 6, 7, 8] where inputs.has(index) {
      _ = try inputs.tensor(index, of: [.i32])
    }
    if inputs.has(3) { _ = try inputs.tensor(3, of: [.f32]) }
    let length = inputs.integers(1)?.first.map { Dimension.fixed($0) } ?? .unknown
    let batch = ids?[0] ?? .unknown
    return [.tensor(.i32, [batch, length]), .tensor(.f32, [batch, .unknown])]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    let prompts = try call.rows(0)
    guard !prompts.isEmpty else {
      throw ModelError(.shapeMismatch, "no text to go on with", expected: "one or more")
    }
    let length = try call.maximumLength(1, above: prompts[0].count)
    let rules = try rules(call)
    let mask = call.has(6) ? try call.rows(6) : nil
    var decoder = try CachedDecoder(call, settings, prompts, mask: mask)
    var random = MinimalRandom(seed: try call.number(8, default: Int32(0)))
    var (texts, filtered) = (prompts, [[Float]]())
    var isDone = [Bool](repeating: false, count: texts.count)
    while texts[0].count < length {
      var scores = try decoder.scores()
      try rules.apply(
        &scores, texts, beams: 1, isFirst: texts[0].count == prompts[0].count)
      if let sampling { scores = scores.map(sampling.filtered) }
      filtered = scores
      var tokens: [Int32] = []
      for row in scores.indices {
        let token =
          sampling == nil ? scores[row].firstGreatest : random.index(byLogits: scores[row])
        isDone[row] = isDone[row] || token == settings.end
        tokens.append(isDone[row] ? settings.padding : token)
        texts[row].append(tokens[row])
      }
      if !isDone.contains(false) { break }
      try decoder.advance(tokens, from: Array(texts.indices), texts)
    }
    return try results(texts, filtered, length)
  }

  private func rules(_ call: ValueCall) throws(ModelError) -> ScoreRules {
    var rules = ScoreRules()
    rules.repetitionPenalty = try call.number(3, default: Float(1))
    rules.repeatedSize = settings.repeatedSize
    rules.vocabularyMask = try call.optionalTensor(4)?.array(of: Int32.self)
    rules.prefixMask = try call.optionalTensor(5)?.array(of: Int32.self)
    rules.minimumLength = Int(try call.number(2, default: Int32(0)))
    rules.end = settings.end
    rules.temperature = temperature
    rules.presenceMask = try call.optionalTensor(7)?.array(of: Int32.self)
    rules.presencePenalty = presencePenalty
    return rules
  }

  private func results(
    _ texts: [[Int32]], _ filtered: [[Float]], _ length: Int
  ) throws(ModelError) -> [Value] {
    let all = texts.flatMap { text in
      text + Array(repeating: settings.padding, count: length - text.count)
    }
    let sequences = Value.tensor(try Tensor(all, shape: [texts.count, length]))
    guard sampling != nil else { return [sequences] }
    let width = filtered.first?.count ?? 0
    let logits = try Tensor(filtered.flatMap { $0 }, shape: [filtered.count, width])
    return [sequences, .tensor(logits)]
  }
}

/// Which tokens may be drawn.
struct TokenSampling: Sendable {
  private let share: Float
  private let filter: Float
  private let least: Int
  private let isCustom: Bool

  init(_ node: NodeReader) throws(ModelError) {
    share = try node.float("top_p", default: 0)
    filter = try node.float("filter_value", default: -1e20)
    least = max(0, try node.int("min_tokens_to_keep", default: 0))
    isCustom = try node.bool("custom", default: false)
  }

  /// The scores with `filter_value` where a token is not among the likeliest that have `top_p` of the probability
  /// together.
  func filtered(_ scores: [Float]) -> [Float] {
    let order = scores.indices.sorted {
      isCustom ? scores[$0] > scores[$1] : scores[$0] < scores[$1]
    }
    let greatest = scores.max() ?? 0
    let weights = order.map { expf(scores[$0] - greatest) }
    let total = weights.reduce(0, +)
    var (result, sum) = (scores, Float(0))
    for (place, token) in order.enumerated() {
      let before = sum
      sum += weights[place] / total
      if isCustom {
        if place > 0, before > share { result[token] = filter }
      } else if sum <= 1 - share, place == 0 || place < order.count - least {
        result[token] = filter
      }
    }
    return result
  }
}

/// The generator of the C++ standard that is called minimal: xᵢ₊₁ = 16807 · xᵢ mod (2³¹ − 1).
///
/// Source: Park and Miller, 1988.
struct MinimalRandom {
  private var state: UInt64

  init(seed: Int32) {
    state = UInt64(UInt32(bitPattern: seed)) % 2_147_483_647
    if state == 0 { state = 1 }
  }

  /// A number from 0 to below 1, of two steps.
  private mutating func uniform() -> Double {
    let range = 2_147_483_646.0
    var (sum, factor) = (0.0, 1.0)
    for _ in 0..<2 {
      state = state * 16_807 % 2_147_483_647
      sum += Double(state - 1) * factor
      factor *= range
    }
    return min(sum / factor, 1.0.nextDown)
  }

  /// An index drawn by the exponentials of `logits`.
  mutating func index(byLogits logits: [Float]) -> Int32 {
    let greatest = logits.filter(\.isFinite).max() ?? 0
    var (sums, total) = ([Double](), 0.0)
    for logit in logits {
      if logit.isFinite { total += exp(Double(logit) - Double(greatest)) }
      sums.append(total)
    }
    let place = uniform() * total
    return Int32(sums.firstIndex { $0 > place } ?? logits.count - 1)
  }
}

extension [Float] {
  fileprivate var firstGreatest: Int32 {
    var best = 0
    for index in indices where self[index] > self[best] { best = index }
    return Int32(best)
  }
}
