import ModelFormat

/// Tokens that are found in the text before it is cut into words: `[CLS]`, `[MASK]`, …
struct AddedTokens: Sendable {
  struct Token: Sendable {
    var content: [UInt8]
    var id: Int32
    /// Only where no word character stands before or behind it.
    var isSingleWord = false
    /// Takes the white space before or behind it along.
    var stripsLeft = false
    var stripsRight = false
  }

  enum Piece: Equatable {
    case text(Range<Int>)
    case token(Int32)
  }

  /// By first byte, longest first: the leftmost match wins, and of those the longest.
  private var byFirstByte: [[Token]]
  let isEmpty: Bool

  init(_ tokens: [Token]) {
    var table = [[Token]](repeating: [], count: 256)
    for token in tokens {
      guard let first = token.content.first else { continue }
      table[Int(first)].append(token)
    }
    byFirstByte = table.map { tokens in tokens.sorted { $0.content.count > $1.content.count } }
    isEmpty = tokens.allSatisfy(\.content.isEmpty)
  }

  /// The text cut at the tokens found in it.
  func split(_ text: ArraySlice<UInt8>) -> [Piece] {
    if isEmpty { return text.isEmpty ? [] : [.text(text.indices)] }
    var pieces: [Piece] = []
    var done = text.startIndex
    var position = text.startIndex
    while position < text.endIndex {
      guard let token = match(text, position) else {
        position += 1
        continue
      }
      var start = position
      var end = position + token.content.count
      position = end
      if token.isSingleWord, !isSingleWord(text, start, end) { continue }
      if token.stripsLeft { start = max(trimEnd(text, start), done) }
      if token.stripsRight { end = trimStart(text, end) }
      if done < start { pieces.append(.text(done..<start)) }
      pieces.append(.token(token.id))
      done = end
    }
    if done < text.endIndex { pieces.append(.text(done..<text.endIndex)) }
    return pieces
  }

  private func match(_ text: ArraySlice<UInt8>, _ position: Int) -> Token? {
    let candidates = byFirstByte[Int(text[position])]
    if candidates.isEmpty { return nil }
    let rest = text[position...]
    return candidates.first { rest.starts(with: $0.content) }
  }

  private func isSingleWord(_ text: ArraySlice<UInt8>, _ start: Int, _ end: Int) -> Bool {
    if let before = lastScalar(text, start), Self.isWord(before) { return false }
    var position = end
    return end == text.endIndex || !Self.isWord(UTF8Scalar.decode(text, &position))
  }

  /// The scalar that ends at `end`.
  private func lastScalar(_ text: ArraySlice<UInt8>, _ end: Int) -> UInt32? {
    guard end > text.startIndex else { return nil }
    var start = end - 1
    while start > text.startIndex, text[start] & 0xC0 == 0x80 { start -= 1 }
    return UTF8Scalar.decode(text, &start)
  }

  /// `\w` of regular expressions: UTS #18, annex C.
  private static func isWord(_ value: UInt32) -> Bool {
    guard let scalar = Unicode.Scalar(value) else { return false }
    let properties = scalar.properties
    switch properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation:
      return true
    default: return properties.isAlphabetic || properties.isJoinControl
    }
  }

  private static func isSpace(_ value: UInt32) -> Bool {
    BertCharacters.shared[value].contains(.space)
  }

  private func trimEnd(_ text: ArraySlice<UInt8>, _ end: Int) -> Int {
    var end = end
    while let scalar = lastScalar(text, end), Self.isSpace(scalar) {
      repeat { end -= 1 } while end > text.startIndex && text[end] & 0xC0 == 0x80
    }
    return end
  }

  private func trimStart(_ text: ArraySlice<UInt8>, _ start: Int) -> Int {
    var start = start
    while start < text.endIndex {
      var next = start
      guard Self.isSpace(UTF8Scalar.decode(text, &next)) else { break }
      start = next
    }
    return start
  }
}
