import ModelFormat

/// Turns text into the ids that a model reads.
public protocol TextTokenizer: Sendable {
  /// The ids of one text, cut to the tokenizer's length, not padded.
  func encode(_ text: String) throws(ModelError) -> TextEncoding

  /// What makes texts of one batch equally long; `nil` if the tokenizer does not say.
  var padding: TextPadding? { get }
}

extension TextTokenizer {
  /// The ids of several texts, padded to equal length: to that of the longest, unless the tokenizer says otherwise.
  public func encode(batch texts: [String]) throws(ModelError) -> [TextEncoding] {
    var encodings: [TextEncoding] = []
    for text in texts { encodings.append(try encode(text)) }
    (padding ?? TextPadding()).pad(&encodings)
    return encodings
  }
}
