extension String {
  /// The text on one line, with every character that would steer a terminal instead of being seen written out: `\n`,
  /// `\u{1b}`. Names and texts in model files come from strangers.
  package var printable: String { escaped { $0 == "\n" ? "\\n" : "\\u{\($0.hexadecimal)}" } }

  /// JSON in which such characters, which strings may hold as they are, are escaped.
  package var printableJSON: String {
    escaped { scalar in
      scalar.utf16.map { unit in
        let digits = String(unit, radix: 16)
        return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      }.joined()
    }
  }

  private func escaped(_ escape: (Unicode.Scalar) -> String) -> String {
    guard unicodeScalars.contains(where: \.steersTerminals) else { return self }
    var result = ""
    for scalar in unicodeScalars {
      if scalar.steersTerminals {
        result += escape(scalar)
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}

extension Unicode.Scalar {
  /// Whether the character is a control, separates lines, or turns the direction in which text is shown. Joiners, which
  /// emoji and many scripts need, are not among them.
  var steersTerminals: Bool {
    switch value {
    case 0x20..<0x7F: false
    case 0..<0x20, 0x7F..<0xA0: true
    case 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xE0000...0xE007F: true
    default: false
    }
  }

  var hexadecimal: String { String(value, radix: 16) }
}
