/// A set of Unicode scalars, as a class of a regular expression describes it.
struct ScalarSet: Sendable {
  enum Item: Sendable {
    case range(ClosedRange<UInt32>)
    /// Those whose general category has a name that starts so, such as `L` or `Lu`.
    case category(String)
    case script(String)
    case complement([Item])
  }

  private(set) var items: [Item]
  var isNegated = false
  /// A scalar is in the set if it, its lower-case or its upper-case form is.
  var ignoresCase = false
  /// Bit `s` tells whether ASCII scalar `s` is in the set; found when the set is complete.
  private var ascii: (low: UInt64, high: UInt64)?

  init(_ items: [Item] = []) { self.items = items }

  mutating func add(_ more: [Item]) { items += more }

  /// The same set, ready for `contains`.
  var completed: ScalarSet {
    var set = self
    set.ascii = nil
    var (low, high): (UInt64, UInt64) = (0, 0)
    for s in UInt32(0)..<64 where set.contains(Unicode.Scalar(UInt8(s))) { low |= 1 << s }
    for s in UInt32(64)..<128 where set.contains(Unicode.Scalar(UInt8(s))) {
      high |= 1 << (s - 64)
    }
    set.ascii = (low, high)
    return set
  }

  func contains(_ scalar: Unicode.Scalar) -> Bool {
    let value = scalar.value
    if value < 128, let ascii {
      return (value < 64 ? ascii.low >> value : ascii.high >> (value - 64)) & 1 == 1
    }
    return holds(scalar) != isNegated
  }

  private func holds(_ scalar: Unicode.Scalar) -> Bool {
    if Self.contains(items, scalar) { return true }
    return ignoresCase && scalar.caseForms.contains { Self.contains(items, $0) }
  }

  private static func contains(_ items: [Item], _ scalar: Unicode.Scalar) -> Bool {
    items.contains { item in
      switch item {
      case .range(let range): range.contains(scalar.value)
      case .category(let name): scalar.properties.generalCategory.shortName.hasPrefix(name)
      case .script(let name): RegexScripts.contains(scalar, name)
      case .complement(let inner): !contains(inner, scalar)
      }
    }
  }
}

extension Unicode.Scalar {
  /// The scalars that differ from this one by case only.
  fileprivate var caseForms: [Unicode.Scalar] {
    var forms: [Unicode.Scalar] = []
    // K and the Kelvin sign, s and the long s, å and the Ångström sign share one lower- or upper-case form.
    switch value {
    case 0x4B, 0x6B, 0x212A: forms = ["K", "k", "\u{212A}"]
    case 0x53, 0x73, 0x17F: forms = ["S", "s", "\u{17F}"]
    case 0xC5, 0xE5, 0x212B: forms = ["\u{C5}", "\u{E5}", "\u{212B}"]
    default: break
    }
    for text in [properties.lowercaseMapping, properties.uppercaseMapping] {
      let scalars = text.unicodeScalars
      if let first = scalars.first, scalars.count == 1, first != self { forms.append(first) }
    }
    return forms
  }
}

extension Unicode.GeneralCategory {
  /// The two letters by which Unicode names it.
  fileprivate var shortName: String {
    switch self {
    case .uppercaseLetter: "Lu"
    case .lowercaseLetter: "Ll"
    case .titlecaseLetter: "Lt"
    case .modifierLetter: "Lm"
    case .otherLetter: "Lo"
    case .nonspacingMark: "Mn"
    case .spacingMark: "Mc"
    case .enclosingMark: "Me"
    case .decimalNumber: "Nd"
    case .letterNumber: "Nl"
    case .otherNumber: "No"
    case .connectorPunctuation: "Pc"
    case .dashPunctuation: "Pd"
    case .openPunctuation: "Ps"
    case .closePunctuation: "Pe"
    case .initialPunctuation: "Pi"
    case .finalPunctuation: "Pf"
    case .otherPunctuation: "Po"
    case .mathSymbol: "Sm"
    case .currencySymbol: "Sc"
    case .modifierSymbol: "Sk"
    case .otherSymbol: "So"
    case .spaceSeparator: "Zs"
    case .lineSeparator: "Zl"
    case .paragraphSeparator: "Zp"
    case .control: "Cc"
    case .format: "Cf"
    case .surrogate: "Cs"
    case .privateUse: "Co"
    case .unassigned: "Cn"
    @unknown default: "Cn"
    }
  }
}

/// Scripts, of which the standard library tells through its own regular expressions only. The pattern is one class
/// and the text one scalar, so that nothing can backtrack.
enum RegexScripts {
  private static func regex(_ name: String) -> Regex<AnyRegexOutput>? {
    try? Regex("\\p{Script=\(name)}").matchingSemantics(.unicodeScalar)
  }

  static func exists(_ name: String) -> Bool {
    !name.isEmpty && name.unicodeScalars.allSatisfy { $0.properties.isAlphabetic || $0 == "_" }
      && name.allSatisfy(\.isASCII) && regex(name) != nil
  }

  static func contains(_ scalar: Unicode.Scalar, _ name: String) -> Bool {
    guard let regex = regex(name) else { return false }
    return String(Character(scalar)).wholeMatch(of: regex) != nil
  }
}
