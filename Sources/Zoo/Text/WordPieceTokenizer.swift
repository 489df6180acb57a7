import ModelFormat

/// BERT's tokenizer: normalize, split at white space and punctuation, cut words into pieces, put special tokens
/// around them.
///
///     let tokenizer = try WordPieceTokenizer(json: JSON(parsing: bytes))   // tokenizer.json
///     try tokenizer.encode("Hello, world!").ids                           // [101, 7592, 1010, 2088, 999, 102]
///
/// Gives the same ids as the `tokenizers` package for every text.
public struct WordPieceTokenizer: TextTokenizer {
  /// `nil` leaves the text as it is.
  public var normalizer: BertNormalizer?
  public var truncation: TextTruncation?
  public var padding: TextPadding?
  let model: WordPiece
  /// Looked for before and after normalizing.
  var rawTokens = AddedTokens([])
  var normalizedTokens = AddedTokens([])
  var template = TextTemplate.plain

  /// The number of tokens in the vocabulary.
  public var vocabularyCount: Int { model.vocabulary.count }

  /// A tokenizer with the vocabulary of a `vocab.txt`: one token a line, whose number counts from 0.
  ///
  /// Special tokens are those of BERT: `[UNK]`, `[CLS]` before and `[SEP]` behind the text, `[PAD]`, `[MASK]`.
  ///
  /// - Throws: `.malformed` if one of `[UNK]`, `[CLS]` and `[SEP]` is missing.
  public init(
    vocabulary text: String, normalizer: BertNormalizer? = BertNormalizer(),
    truncation: TextTruncation? = TextTruncation(length: 512)
  ) throws(ModelError) {
    let lines = Self.lines(text)
    var vocabulary = Vocabulary(capacity: lines.count)
    for (id, line) in lines.enumerated() { vocabulary.insert(line, id: Int32(id)) }
    model = try WordPiece(vocabulary: vocabulary)
    self.normalizer = normalizer
    self.truncation = truncation
    guard let start = vocabulary.id("[CLS]"), let end = vocabulary.id("[SEP]") else {
      throw ModelError(
        .malformed, "a vocabulary without '[CLS]' or '[SEP]'",
        expected: "both among its \(lines.count) lines")
    }
    template = .bert(start: start, end: end)
    rawTokens = AddedTokens(
      ["[UNK]", "[SEP]", "[CLS]", "[PAD]", "[MASK]"].compactMap { token in
        vocabulary.id(token).map { AddedTokens.Token(content: Array(token.utf8), id: $0) }
      })
    if let id = vocabulary.id("[PAD]") {
      padding = TextPadding()
      padding?.id = id
    }
  }

  init(normalizer: BertNormalizer?, model: WordPiece) {
    self.normalizer = normalizer
    self.model = model
  }

  /// Lines without their ends and trailing white space.
  private static func lines(_ text: String) -> [ArraySlice<UInt8>] {
    var lines = Array(text.utf8).split(separator: 0x0A, omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    return lines.map { line in
      var line = line
      while let last = line.last, last <= 0x20 { line.removeLast() }
      return line
    }
  }

  public func encode(_ text: String) throws(ModelError) -> TextEncoding {
    try encode(text, and: nil)
  }

  /// The ids of a text, or of a pair of texts.
  ///
  /// - Throws: `.invalidRequest` if the length to truncate to has no room for the special tokens.
  public func encode(_ text: String, and second: String?) throws(ModelError) -> TextEncoding {
    let parts = second == nil ? template.single : template.pair
    var limit = Int.max
    if let truncation {
      limit = truncation.length - parts.count { $0.text == nil }
      if limit < 0 {
        throw ModelError(
          .invalidRequest, "\(truncation.length) tokens to truncate to",
          expected: "at least \(truncation.length - limit), the number of special tokens")
      }
    }
    // A single text that keeps its start needs no pieces beyond the limit.
    let stop = second == nil && truncation?.keepsStart ?? true ? limit : .max
    var texts = [pieces(text, limit: stop)]
    if let second { texts.append(pieces(second, limit: stop)) }
    truncate(&texts, to: limit)
    return TextTemplate.fill(parts, texts)
  }

  /// The longer of two texts is cut first; if both are too long, each gets half.
  private func truncate(_ texts: inout [[Int32]], to limit: Int) {
    var lengths = texts.map(\.count)
    if lengths.reduce(0, +) <= limit { return }
    if lengths.count == 1 {
      lengths = [limit]
    } else {
      let shorter = lengths[0] <= lengths[1] ? 0 : 1
      lengths[1 - shorter] = max(lengths[shorter], limit - min(lengths[shorter], limit))
      if lengths[0] + lengths[1] > limit {
        lengths[shorter] = limit / 2
        lengths[1 - shorter] = limit - limit / 2
      }
    }
    for (index, length) in lengths.enumerated() {
      let keepsStart = truncation?.keepsStart ?? true
      texts[index] = Array(
        keepsStart ? texts[index].prefix(length) : texts[index].suffix(length))
    }
  }

  /// The ids of the pieces of a text; it may stop once there are `limit` of them.
  private func pieces(_ text: String, limit: Int) -> [Int32] {
    var ids: [Int32] = []
    var hashes: [UInt64] = []
    let bytes = Array(text.utf8)
    for piece in rawTokens.split(bytes[...]) where ids.count < limit {
      guard case .text(let range) = piece else {
        if case .token(let id) = piece { ids.append(id) }
        continue
      }
      let normal = normalizer.map { $0.normalize(bytes[range])[...] } ?? bytes[range]
      for piece in normalizedTokens.split(normal) where ids.count < limit {
        switch piece {
        case .token(let id): ids.append(id)
        case .text(let range): words(normal[range], limit, &ids, &hashes)
        }
      }
    }
    return ids
  }

  /// Words end at white space; each punctuation character is a word of its own.
  private func words(
    _ text: ArraySlice<UInt8>, _ limit: Int, _ ids: inout [Int32], _ hashes: inout [UInt64]
  ) {
    let characters = BertCharacters.shared
    var start = text.startIndex
    var position = start
    while position < text.endIndex, ids.count < limit {
      let before = position
      let flags = characters[UTF8Scalar.decode(text, &position)]
      guard !flags.isDisjoint(with: [.space, .punctuation]) else { continue }
      if start < before { model.append(text[start..<before], to: &ids, &hashes) }
      if flags.contains(.punctuation) { model.append(text[before..<position], to: &ids, &hashes) }
      start = position
    }
    if start < position, position == text.endIndex {
      model.append(text[start..<position], to: &ids, &hashes)
    }
  }
}
