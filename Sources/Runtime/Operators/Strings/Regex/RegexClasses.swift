/// The classes that have a name: `\d`, `[:alpha:]`, `\p{Lu}`.
enum RegexClasses {
  typealias Item = ScalarSet.Item

  static func ranges(_ text: String) -> [Item] {
    // Pairs of first and last.
    let scalars = Array(text.unicodeScalars)
    return stride(from: 0, to: scalars.count - 1, by: 2).map {
      .range(scalars[$0].value...scalars[$0 + 1].value)
    }
  }

  /// `\d`, `\s`, `\w` and their complements: ASCII only.
  static func perl(_ letter: Unicode.Scalar) -> [Item]? {
    switch letter {
    case "d": ranges("09")
    case "s": ranges("\t\n\u{C}\r  ")
    case "w": ranges("09AZaz__")
    case "D": [.complement(ranges("09"))]
    case "S": [.complement(ranges("\t\n\u{C}\r  "))]
    case "W": [.complement(ranges("09AZaz__"))]
    default: nil
    }
  }

  /// `[:name:]`
  static func posix(_ name: String) -> [Item]? {
    switch name {
    case "alnum": ranges("09AZaz")
    case "alpha": ranges("AZaz")
    case "ascii": ranges("\0\u{7F}")
    case "blank": ranges("\t\t  ")
    case "cntrl": ranges("\0\u{1F}\u{7F}\u{7F}")
    case "digit": ranges("09")
    case "graph": ranges("!~")
    case "lower": ranges("az")
    case "print": ranges(" ~")
    case "punct": ranges("!/:@[`{~")
    case "space": ranges("\t\r  ")
    case "upper": ranges("AZ")
    case "word": ranges("09AZaz__")
    case "xdigit": ranges("09AFaf")
    default: nil
    }
  }

  private static let categories: Set<String> = [
    "C", "Cc", "Cf", "Co", "Cs", "L", "Ll", "Lm", "Lo", "Lt", "Lu", "M", "Mc", "Me", "Mn", "N",
    "Nd", "Nl", "No", "P", "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm", "So",
    "Z", "Zl", "Zp", "Zs",
  ]

  /// `\p{name}`: a general category or a script.
  static func unicode(_ name: String) -> [Item]? {
    if name == "Any" { return [.range(0...0x10_FFFF)] }
    // Scalars that are not assigned are in no category of this syntax.
    if name == "C" { return ["Cc", "Cf", "Co", "Cs"].map(Item.category) }
    if categories.contains(name) { return [.category(name)] }
    return RegexScripts.exists(name) ? [.script(name)] : nil
  }
}
