import LibC
import ModelFormat

/// What changes the scores of the next token, in the order in which it is applied.
struct ScoreRules {
  /// Scores of tokens that have occurred are divided by it, negative ones multiplied.
  var repetitionPenalty: Float = 1
  /// n-grams of this length occur once; 0: any number of times.
  var repeatedSize = 0
  /// By token: 0 forbids it.
  var vocabularyMask: [Int32]?
  /// By row of the batch and token, for the first step.
  var prefixMask: [Int32]?
  /// Below this length a text does not end.
  var minimumLength = 0
  var end: Int32 = 0
  var temperature: Float = 1
  /// By row and token: what is subtracted for each.
  var presenceMask: [Int32]?
  var presencePenalty: Float = 0

  /// - Parameters:
  ///   - scores: Those of each row, one for each token.
  ///   - texts: The tokens of each row so far.
  ///   - beams: Neighbouring rows that belong to one row of the batch.
  ///   - isFirst: Whether no token has been found yet.
  func apply(
    _ scores: inout [[Float]], _ texts: [[Int32]], beams: Int, isFirst: Bool
  ) throws(ModelError) {
    for row in scores.indices {
      let count = scores[row].count
      if let mask = vocabularyMask, mask.count != count {
        throw Self.misfit("vocab_mask", mask.count, count)
      }
      if let mask = prefixMask, mask.count != scores.count / beams * count {
        throw Self.misfit("prefix_vocab_mask", mask.count, scores.count / beams * count)
      }
      if let mask = presenceMask, mask.count != scores.count * count {
        throw Self.misfit("presence_mask", mask.count, scores.count * count)
      }
      penalize(&scores[row], texts[row])
      forbidRepeats(&scores[row], texts[row])
      for token in 0..<count {
        let isHidden =
          vocabularyMask?[token] == 0
          || (isFirst && prefixMask?[row / beams * count + token] == 0)
        if isHidden { scores[row][token] = -.greatestFiniteMagnitude }
      }
      if texts[row].count < minimumLength, scores[row].indices.contains(Int(end)) {
        scores[row][Int(end)] = -.greatestFiniteMagnitude
      }
      if temperature != 1 { for token in 0..<count { scores[row][token] /= temperature } }
      if let presenceMask, presencePenalty != 0 {
        for token in 0..<count {
          scores[row][token] -= Float(presenceMask[row * count + token]) * presencePenalty
        }
      }
    }
  }

  private static func misfit(_ name: String, _ found: Int, _ expected: Int) -> ModelError {
    ModelError(.shapeMismatch, "'\(name)' has \(found) elements", expected: "\(expected)")
  }

  private func penalize(_ scores: inout [Float], _ text: [Int32]) {
    guard repetitionPenalty != 1 else { return }
    for token in Set(text) where scores.indices.contains(Int(token)) {
      let score = scores[Int(token)]
      scores[Int(token)] = score < 0 ? score * repetitionPenalty : score / repetitionPenalty
    }
  }

  private func forbidRepeats(_ scores: inout [Float], _ text: [Int32]) {
    guard repeatedSize > 0, repeatedSize <= text.count else { return }
    let suffix = text.suffix(repeatedSize - 1)
    for start in 0...(text.count - repeatedSize) {
      let token = Int(text[start + repeatedSize - 1])
      guard text[start..<start + repeatedSize - 1].elementsEqual(suffix),
        scores.indices.contains(token)
      else { continue }
      scores[token] = -.greatestFiniteMagnitude
    }
  }
}

extension [Float] {
  /// Logarithms of the softmax.
  var logSoftmax: [Float] {
    let greatest = self.max() ?? 0
    let sum = reduce(Float(0)) { $0 + expf($1 - greatest) }
    return map { $0 - greatest - logf(sum) }
  }
}
