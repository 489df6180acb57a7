import ModelFormat

// The format of the `tokenizers` package: one object with a member for each stage.
extension WordPieceTokenizer {
  /// A tokenizer from the contents of a `tokenizer.json`.
  ///
  /// Read are the normalizer `BertNormalizer`, the pre-tokenizer `BertPreTokenizer`, the model `WordPiece`, the
  /// post-processors `BertProcessing` and `TemplateProcessing`, truncation, padding and added tokens.
  ///
  /// - Throws: `.malformed` if a member is missing or wrong, `.invalidRequest` if a stage is of another kind.
  public init(json: JSON, path: String = "tokenizer.json") throws(ModelError) {
    let root = try JSONReader(json, path: path)
    let model = try Self.model(root.requiredObject("model"))
    var normalizer: BertNormalizer?
    if let settings = try root.object("normalizer") {
      normalizer = try Self.normalizer(settings)
    }
    try Self.kind(root.requiredObject("pre_tokenizer"), ["BertPreTokenizer"])
    self.init(normalizer: normalizer, model: model)
    if let settings = try root.object("post_processor") {
      template = try Self.template(settings)
    }
    if let settings = try root.object("truncation") {
      truncation = try Self.truncation(settings)
    }
    if let settings = try root.object("padding") { padding = try Self.padding(settings) }
    try addTokens(root)
  }

  @discardableResult
  private static func kind(
    _ settings: JSONReader, _ supported: [String]
  ) throws(ModelError) -> String {
    let kind = try settings.string("type")
    if supported.contains(kind) { return kind }
    throw ModelError(
      .invalidRequest, "a stage of type '\(kind)', which is not supported",
      expected: supported.joined(separator: " or "), at: .init(operand: settings.path))
  }

  private static let ids = 0...Int(Int32.max)

  private static func model(_ settings: JSONReader) throws(ModelError) -> WordPiece {
    // Older files leave out the type of the model.
    if settings.value("type") != nil { try kind(settings, ["WordPiece"]) }
    let vocab = try settings.requiredObject("vocab")
    var vocabulary = Vocabulary(capacity: vocab.members.count)
    for member in vocab.members {
      guard case .int(let id) = member.value, ids.contains(id) else {
        throw vocab.error(member.name, "no id", expected: "an integer from 0 on")
      }
      vocabulary.insert(member.name.utf8, id: Int32(id))
    }
    do {
      return try WordPiece(
        vocabulary: vocabulary, unknown: settings.string("unk_token", default: "[UNK]"),
        continuation: settings.string("continuing_subword_prefix", default: "##"),
        longestWord: settings.int("max_input_chars_per_word", in: ids, default: 100))
    } catch {
      throw error.at(operand: settings.path)
    }
  }

  private static func normalizer(_ settings: JSONReader) throws(ModelError) -> BertNormalizer {
    try kind(settings, ["BertNormalizer"])
    let lowercases = try settings.bool("lowercase", default: true)
    return BertNormalizer(
      cleansText: try settings.bool("clean_text", default: true),
      separatesChinese: try settings.bool("handle_chinese_chars", default: true),
      stripsAccents: try settings.bool("strip_accents", default: lowercases),
      lowercases: lowercases)
  }

  private static func truncation(_ settings: JSONReader) throws(ModelError) -> TextTruncation {
    let direction = try settings.string("direction", default: "Right")
    guard direction == "Right" || direction == "Left" else {
      throw settings.error("direction", "'\(direction)'", expected: "Right or Left")
    }
    let strategy = try settings.string("strategy", default: "LongestFirst")
    guard strategy == "LongestFirst" else {
      throw ModelError(
        .invalidRequest, "the strategy '\(strategy)', which is not supported",
        expected: "LongestFirst", at: .init(operand: settings.path))
    }
    return TextTruncation(
      length: try settings.int("max_length", in: ids), keepsStart: direction == "Right")
  }

  private static func padding(_ settings: JSONReader) throws(ModelError) -> TextPadding {
    var padding = TextPadding()
    switch settings.value("strategy") {
    case .object:
      padding.length = try settings.requiredObject("strategy").int("Fixed", in: 0...1 << 20)
    case .string("BatchLongest"), nil: break
    default:
      throw settings.error("strategy", "another strategy", expected: "BatchLongest or Fixed")
    }
    if settings.value("pad_to_multiple_of") != nil {
      padding.multiple = try settings.int("pad_to_multiple_of", in: 0...1 << 20)
    }
    padding.id = Int32(try settings.int("pad_id", in: ids, default: 0))
    padding.typeID = Int32(try settings.int("pad_type_id", in: ids, default: 0))
    padding.isAtEnd = try settings.string("direction", default: "Right") != "Left"
    return padding
  }

  private mutating func addTokens(_ root: JSONReader) throws(ModelError) {
    var raw: [AddedTokens.Token] = []
    var normalized: [AddedTokens.Token] = []
    for (index, element) in try root.elements("added_tokens").enumerated() {
      let settings = try JSONReader(element, path: root.place("added_tokens[\(index)]"))
      var token = AddedTokens.Token(
        content: Array(try settings.string("content").utf8),
        id: Int32(try settings.int("id", in: Self.ids)))
      token.isSingleWord = try settings.bool("single_word", default: false)
      token.stripsLeft = try settings.bool("lstrip", default: false)
      token.stripsRight = try settings.bool("rstrip", default: false)
      if try settings.bool("normalized", default: true) {
        if let normalizer { token.content = normalizer.normalize(token.content[...]) }
        normalized.append(token)
      } else {
        raw.append(token)
      }
    }
    rawTokens = AddedTokens(raw)
    normalizedTokens = AddedTokens(normalized)
  }
}

// Post-processing.
extension WordPieceTokenizer {
  private static func template(_ settings: JSONReader) throws(ModelError) -> TextTemplate {
    if try kind(settings, ["BertProcessing", "TemplateProcessing"]) == "BertProcessing" {
      return .bert(start: try special(settings, "cls"), end: try special(settings, "sep"))
    }
    let tokens = try settings.object("special_tokens")
    let single = try parts(settings, "single", texts: ["A"], tokens)
    let pair = try parts(settings, "pair", texts: ["A", "B"], tokens)
    return TextTemplate(single: single, pair: pair)
  }

  /// The id of `["[SEP]", 102]`.
  private static func special(_ settings: JSONReader, _ name: String) throws(ModelError) -> Int32 {
    let elements = try settings.elements(name)
    guard elements.count == 2, case .int(let id) = elements[1], ids.contains(id) else {
      throw settings.error(name, "no token with its id", expected: "[\"[SEP]\", 102]")
    }
    return Int32(id)
  }

  private static func parts(
    _ settings: JSONReader, _ name: String, texts: [String], _ tokens: JSONReader?
  ) throws(ModelError) -> [TextTemplate.Part] {
    var parts: [TextTemplate.Part] = []
    for (index, element) in try settings.elements(name).enumerated() {
      let step = try JSONReader(element, path: settings.place("\(name)[\(index)]"))
      if let sequence = try step.object("Sequence") {
        let id = try sequence.string("id")
        guard let text = texts.firstIndex(of: id) else {
          throw sequence.error("id", "'\(id)'", expected: texts.joined(separator: " or "))
        }
        let type = Int32(try sequence.int("type_id", in: ids, default: 0))
        parts.append(TextTemplate.Part(text: text, typeID: type))
      } else {
        let special = try step.requiredObject("SpecialToken")
        let type = Int32(try special.int("type_id", in: ids, default: 0))
        for id in try specialIDs(special.string("id"), settings, tokens) {
          parts.append(TextTemplate.Part(id: id, typeID: type))
        }
      }
    }
    return parts
  }

  private static func specialIDs(
    _ name: String, _ settings: JSONReader, _ tokens: JSONReader?
  ) throws(ModelError) -> [Int32] {
    guard let entry = try tokens?.object(name) else {
      throw settings.error(
        "special_tokens", "no token '\(name)'", expected: "all tokens that the template names")
    }
    var result: [Int32] = []
    for element in try entry.elements("ids") {
      guard case .int(let id) = element, ids.contains(id) else {
        throw entry.error("ids", element.kind, expected: "integers from 0 on")
      }
      result.append(Int32(id))
    }
    return result
  }
}
