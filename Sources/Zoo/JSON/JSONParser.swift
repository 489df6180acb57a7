import ModelFormat

extension JSON {
  /// How deep arrays and objects may nest.
  public static let depthLimit = 64

  /// Parses UTF-8 text, with or without a byte order mark.
  ///
  /// - Throws: `.malformed` with the offset of the first byte that is no JSON, `.limitExceeded` if arrays and
  ///   objects nest deeper than ``depthLimit``.
  /// - Complexity: O(n).
  public init(parsing bytes: [UInt8]) throws(ModelError) {
    var parser = JSONParser(bytes: bytes)
    self = try parser.document()
  }

  public init(parsing text: String) throws(ModelError) {
    try self.init(parsing: Array(text.utf8))
  }
}

/// A recursive-descent parser with a depth limit.
struct JSONParser {
  let bytes: [UInt8]
  private var position = 0
  private var depth = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  mutating func document() throws(ModelError) -> JSON {
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    let value = try value()
    skipSpace()
    if position < bytes.count { throw failure("the end of the text") }
    return value
  }

  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func skipSpace() {
    while let byte = next, byte == 0x20 || (0x09...0x0A) ~= byte || byte == 0x0D { position += 1 }
  }

  private mutating func accept(_ byte: UInt8) -> Bool {
    skipSpace()
    if next == byte {
      position += 1
      return true
    }
    return false
  }

  private mutating func value() throws(ModelError) -> JSON {
    skipSpace()
    switch next {
    case UInt8(ascii: "{"): return try nested { (parser) throws(ModelError) in try parser.object() }
    case UInt8(ascii: "["): return try nested { (parser) throws(ModelError) in try parser.array() }
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: return try number()
    }
  }

  private mutating func nested(
    _ body: (inout JSONParser) throws(ModelError) -> JSON
  ) throws(ModelError) -> JSON {
    position += 1
    depth += 1
    if depth > JSON.depthLimit {
      throw ModelError(
        .limitExceeded, "JSON nests deeper than \(JSON.depthLimit) levels at byte \(position)")
    }
    let value = try body(&self)
    depth -= 1
    return value
  }

  private mutating func object() throws(ModelError) -> JSON {
    var members: [JSON.Member] = []
    if accept(UInt8(ascii: "}")) { return .object(members) }
    repeat {
      skipSpace()
      guard next == UInt8(ascii: "\"") else { throw failure("a member's name in quotes") }
      let name = try string()
      guard accept(UInt8(ascii: ":")) else { throw failure("a colon") }
      members.append(JSON.Member(name, try value()))
    } while accept(UInt8(ascii: ","))
    guard accept(UInt8(ascii: "}")) else { throw failure("a comma or a closing brace") }
    return .object(members)
  }

  private mutating func array() throws(ModelError) -> JSON {
    var elements: [JSON] = []
    if accept(UInt8(ascii: "]")) { return .array(elements) }
    repeat {
      elements.append(try value())
    } while accept(UInt8(ascii: ","))
    guard accept(UInt8(ascii: "]")) else { throw failure("a comma or a closing bracket") }
    return .array(elements)
  }

  private mutating func word(_ text: StaticString, _ value: JSON) throws(ModelError) -> JSON {
    let expected = text.description.utf8
    guard bytes[position...].starts(with: expected) else { throw failure("\(text)") }
    position += expected.count
    return value
  }

  private func failure(_ expected: String) -> ModelError {
    let found =
      next.map { $0 > 0x20 && $0 < 0x7F ? "'\(Character(Unicode.Scalar($0)))'" : "byte \($0)" }
    return ModelError(
      .malformed, "\(found ?? "the end of the text") at byte \(position) of JSON text",
      expected: expected)
  }
}

// Numbers.
extension JSONParser {
  private mutating func digits(isValue: Bool = false) throws(ModelError) {
    let start = position
    while let byte = next, (0x30...0x39) ~= byte { position += 1 }
    if position == start { throw failure(isValue ? "a value" : "a digit") }
  }

  private mutating func number() throws(ModelError) -> JSON {
    let start = position
    var isInteger = true
    if next == UInt8(ascii: "-") { position += 1 }
    let first = position
    try digits(isValue: first == start)
    if bytes[first] == UInt8(ascii: "0"), position > first + 1 {
      position = first + 1
      throw failure("no digit after a leading zero")
    }
    if next == UInt8(ascii: ".") {
      position += 1
      isInteger = false
      try digits()
    }
    if let byte = next, byte | 0x20 == UInt8(ascii: "e") {
      position += 1
      isInteger = false
      if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { position += 1 }
      try digits()
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if isInteger, let value = Int(text) { return .int(value) }
    guard let value = Double(text), value.isFinite else {
      position = start
      throw failure("a number that a double can hold")
    }
    return .double(value)
  }
}

// Strings.
extension JSONParser {
  private mutating func string() throws(ModelError) -> String {
    position += 1
    let start = position
    while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 {
      position += 1
    }
    if next == UInt8(ascii: "\"") {
      let text = try text(bytes[start..<position])
      position += 1
      return text
    }
    return try escapedString(from: start)
  }

  private mutating func escapedString(from start: Int) throws(ModelError) -> String {
    var content = Array(bytes[start..<position])
    while let byte = next {
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        return try text(content[...])
      case UInt8(ascii: "\\"):
        position += 1
        content.append(contentsOf: String(try escape()).utf8)
      case 0..<0x20: throw failure("an escape instead of a control character")
      default:
        content.append(byte)
        position += 1
      }
    }
    throw failure("a closing quote")
  }

  private func text(_ content: ArraySlice<UInt8>) throws(ModelError) -> String {
    guard let text = String(validating: content, as: UTF8.self) else {
      throw ModelError(
        .malformed, "a JSON string before byte \(position) is not UTF-8", expected: "UTF-8")
    }
    return text
  }

  private mutating func escape() throws(ModelError) -> Character {
    guard let byte = next else { throw failure("an escape") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"):
      return Character(Unicode.Scalar(byte))
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"): return Character(try scalar())
    default:
      position -= 1
      throw failure("one of \"\\/bfnrtu after a backslash")
    }
  }

  /// The scalar of `XXXX` or of a surrogate pair `XXXX\uXXXX`.
  private mutating func scalar() throws(ModelError) -> Unicode.Scalar {
    let unit = try hexUnit()
    if let scalar = Unicode.Scalar(unit) { return scalar }
    guard unit < 0xDC00, next == UInt8(ascii: "\\"), position + 1 < bytes.count,
      bytes[position + 1] == UInt8(ascii: "u")
    else { throw failure("the other half of a surrogate pair") }
    position += 2
    let low = try hexUnit()
    guard (0xDC00...0xDFFF) ~= low,
      let scalar = Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00))
    else { throw failure("the lower half of a surrogate pair") }
    return scalar
  }

  private mutating func hexUnit() throws(ModelError) -> UInt32 {
    var unit: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw failure("a hexadecimal digit")
      }
      unit = unit << 4 | UInt32(digit)
      position += 1
    }
    return unit
  }
}
