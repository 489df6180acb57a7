import ModelFormat

/// `Tokenizer`: cuts strings into tokens.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `X`  | `[c]` or `[n, c]` | `string` |
/// | output | `Y`  | of `X`, then the most tokens of a string; shorter ones are filled with `pad_value` | `string` |
/// | attr   | `separators` | | regular expressions, one after the other, of what lies between tokens |
/// | attr   | `tokenexp` | | instead: a regular expression of a token |
/// | attr   | `mincharnum` | | shorter tokens are dropped |
/// | attr   | `mark` | | 1: U+0002 before the tokens of a string, U+0003 behind them |
///
/// One empty separator, or `.` for a token, makes each character a token. Matches are as long as possible; an empty one
/// costs a character. Where no string has a token, there is none for marks either; without strings there is no axis of
/// tokens, and no columns without rows. Source: ONNX Runtime's contributed operator, version 1.
struct Tokenizer: ValueOperator {
  private enum Form {
    case characters
    case separators([RegexProgram])
    case tokens(RegexProgram)
  }

  private let form: Form
  private let padding: String
  private let least: Int
  private let marks: Bool

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    padding = try node.string("pad_value")
    least = try node.int("mincharnum")
    marks = try node.bool("mark", default: false)
    let separators = try node.strings("separators", default: [])
    let token = try node.string("tokenexp", default: "")
    guard separators.isEmpty != token.isEmpty, least > 0 else {
      throw ModelError(
        .invalidAttribute,
        "\(separators.count) separators, tokenexp '\(token)', mincharnum \(least)",
        expected: "either separators or tokenexp, and mincharnum from 1 on")
    }
    if separators == [""] || token == "." {
      guard least == 1 else {
        throw ModelError(
          .invalidAttribute, "mincharnum is \(least)", expected: "1 for tokens of one character")
      }
      form = .characters
    } else if token.isEmpty {
      var programs: [RegexProgram] = []
      for separator in separators { programs.append(try RegexProgram(separator)) }
      form = .separators(programs)
    } else {
      form = .tokens(try RegexProgram(token))
    }
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    guard let shape = try inputs.tensor(0, of: [.string]).shape else {
      return [.tensor(.string, nil)]
    }
    guard shape.rank == 1 || shape.rank == 2 else {
      throw ModelError(.shapeMismatch, "strings \(shape)", expected: "[c] or [n, c]")
    }
    if let extents = shape.extents, extents.contains(0) {
      return [.tensor(.string, Shape(Self.ofNothing(extents)))]
    }
    // Without extents nobody knows whether there is an axis of tokens.
    let isFull = shape.extents != nil
    return [.tensor(.string, isFull ? Shape(shape.dimensions + [.unknown]) : nil)]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    let x = try call.tensor(0)
    let rows = (x.strings ?? []).map { tokens(Array($0.unicodeScalars)) }
    if x.count == 0 { return [.tensor(try x.reshaped(to: Self.ofNothing(x.shape)))] }
    let most = rows.map(\.count).max() ?? 0
    if most == 0 { return [.tensor(try Tensor(strings: [], shape: x.shape + [0]))] }
    let width = most + (marks ? 2 : 0)
    var strings: [String] = []
    strings.reserveCapacity(width * rows.count)
    for row in rows {
      let tokens = row.map { scalars in
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars)
        return String(text)
      }
      let marked = marks ? ["\u{2}"] + tokens + ["\u{3}"] : tokens
      strings += marked + Array(repeating: padding, count: width - marked.count)
    }
    return [.tensor(try Tensor(strings: strings, shape: x.shape + [width]))]
  }

  /// The shape of the tokens of no strings.
  private static func ofNothing(_ extents: [Int]) -> [Int] {
    extents[0] == 0 ? extents.map { _ in 0 } : extents
  }

  private func tokens(_ text: [Unicode.Scalar]) -> [ArraySlice<Unicode.Scalar>] {
    switch form {
    case .characters: return text.indices.map { text[$0...$0] }
    case .tokens(let token):
      var (found, place): ([ArraySlice<Unicode.Scalar>], Int) = ([], 0)
      while place < text.count, let match = token.firstMatch(text, from: place) {
        if match.count >= least { found.append(text[match]) }
        place = match.isEmpty ? match.upperBound + 1 : match.upperBound
      }
      return found
    case .separators(let separators):
      return separators.reduce([text[...]]) { rest, separator in
        rest.flatMap { pieces(of: Array($0), between: separator) }
      }
    }
  }

  private func pieces(
    of text: [Unicode.Scalar], between separator: RegexProgram
  ) -> [ArraySlice<Unicode.Scalar>] {
    var (found, place): ([ArraySlice<Unicode.Scalar>], Int) = ([], 0)
    while place < text.count, let match = separator.firstMatch(text, from: place) {
      if match.lowerBound - place >= least { found.append(text[place..<match.lowerBound]) }
      place = match.isEmpty ? match.upperBound + 1 : match.upperBound
    }
    if text.count - min(place, text.count) >= least { found.append(text[place...]) }
    return found
  }
}
