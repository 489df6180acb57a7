extension JSON {
  /// The value as text on one line, `{"label": "7", "score": 0.998}`; with `indentation`, nested values on lines of
  /// their own, but arrays and objects without nested values still on one. Numbers that JSON cannot say (NaN,
  /// infinities) become `null`.
  public func text(indentation: Int? = nil) -> String {
    var text = ""
    write(to: &text, indentation: indentation, level: 0)
    return text
  }

  private var isFlat: Bool {
    let parts: [JSON]
    switch self {
    case .array(let elements): parts = elements
    case .object(let members): parts = members.map(\.value)
    default: return true
    }
    return parts.allSatisfy {
      switch $0 {
      case .array, .object: false
      default: true
      }
    }
  }

  private func write(to text: inout String, indentation: Int?, level: Int) {
    switch self {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .int(let value): text += "\(value)"
    case .double(let value): text += value.isFinite ? "\(value)" : "null"
    case .string(let value): Self.write(value, to: &text)
    case .array(let elements):
      let separator = Self.open("[", isFlat ? nil : indentation, level, &text)
      for (index, element) in elements.enumerated() {
        if index > 0 { text += separator }
        element.write(to: &text, indentation: indentation, level: level + 1)
      }
      Self.close("]", isFlat ? nil : indentation, level, &text)
    case .object(let members):
      let separator = Self.open("{", isFlat ? nil : indentation, level, &text)
      for (index, member) in members.enumerated() {
        if index > 0 { text += separator }
        Self.write(member.name, to: &text)
        text += ": "
        member.value.write(to: &text, indentation: indentation, level: level + 1)
      }
      Self.close("}", isFlat ? nil : indentation, level, &text)
    }
  }

  /// Writes the bracket and returns what goes between elements.
  private static func open(
    _ bracket: String, _ indentation: Int?, _ level: Int, _ text: inout String
  ) -> String {
    text += bracket
    guard let indentation else { return ", " }
    let line = "\n" + String(repeating: " ", count: indentation * (level + 1))
    text += line
    return "," + line
  }

  private static func close(
    _ bracket: String, _ indentation: Int?, _ level: Int, _ text: inout String
  ) {
    if let indentation { text += "\n" + String(repeating: " ", count: indentation * level) }
    text += bracket
  }

  private static func write(_ value: String, to text: inout String) {
    text += "\""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "\u{0}"..."\u{1F}", "\u{7F}", "\u{2028}", "\u{2029}":
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}
