import ModelFormat

/// Splits text into words and symbols that a list of words numbers: a `tokenizer.json` of type `words`.
///
/// A word is a run of letters, marks, digits and apostrophes, without apostrophes at its ends; any other punctuation
/// or symbol is a token by itself; everything else separates.
public struct WordTokenizer: TextTokenizer {
  public let padding: TextPadding?
  /// The most tokens of a text; what follows is dropped.
  public var maximum: Int?
  private let vocabulary: Vocabulary
  private let unknown: Int32
  private let lowercases: Bool
  private let replacements: [Unicode.Scalar: String]

  public init(json: JSON, path: String = "tokenizer.json") throws(ModelError) {
    let settings = try JSONReader(json, path: path)
    let ids = 0...1 << 30
    let words = try settings.strings("vocabulary")
    let first = try settings.int("first", in: ids, default: 0)
    var vocabulary = Vocabulary(capacity: words.count)
    for (index, word) in words.enumerated() {
      vocabulary.insert(word.utf8, id: Int32(first + index))
    }
    self.vocabulary = vocabulary
    unknown = Int32(try settings.int("unknown", in: ids))
    lowercases = try settings.bool("lowercase", default: true)
    var padding = TextPadding()
    padding.id = Int32(try settings.int("padding", in: ids, default: 0))
    self.padding = padding
    var replacements: [Unicode.Scalar: String] = [:]
    if let entries = try settings.object("replace") {
      for entry in entries.members {
        let scalars = Array(entry.name.unicodeScalars)
        guard scalars.count == 1, case .string(let text) = entry.value else {
          throw settings.error("replace", "'\(entry.name)'", expected: "one character and a text")
        }
        replacements[scalars[0]] = text
      }
    }
    self.replacements = replacements
  }

  /// The ids of the tokens; of a text without any, that of unknown words.
  public func encode(_ text: String) throws(ModelError) -> TextEncoding {
    var ids = tokens(text).map { vocabulary.id($0) ?? unknown }
    if ids.isEmpty { ids = [unknown] }
    if let maximum { ids = Array(ids.prefix(maximum)) }
    let zeros = [Int32](repeating: 0, count: ids.count)
    return TextEncoding(ids: ids, typeIDs: zeros, attentionMask: zeros.map { $0 + 1 })
  }

  func tokens(_ text: String) -> [String] {
    var tokens: [String] = []
    var word = String.UnicodeScalarView()
    func endWord() {
      while word.first == "'" { word.removeFirst() }
      while word.last == "'" { word.removeLast() }
      if !word.isEmpty { tokens.append(String(word)) }
      word.removeAll(keepingCapacity: true)
    }
    for scalar in replaced(lowercases ? text.lowercased() : text).unicodeScalars {
      switch scalar.properties.generalCategory {
      case _ where scalar == "'": word.append(scalar)
      case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter,
        .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .letterNumber, .otherNumber:
        word.append(scalar)
      case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation,
        .initialPunctuation, .finalPunctuation, .otherPunctuation, .mathSymbol, .currencySymbol,
        .modifierSymbol, .otherSymbol:
        endWord()
        tokens.append(String(scalar))
      default: endWord()
      }
    }
    endWord()
    return tokens
  }

  private func replaced(_ text: String) -> String {
    if replacements.isEmpty { return text }
    var result = ""
    for scalar in text.unicodeScalars {
      if let text = replacements[scalar] {
        result += text
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
