/// A regular expression, parsed.
indirect enum RegexNode: Sendable {
  case empty
  case set(ScalarSet)
  case assertion(Assertion)
  case sequence([RegexNode])
  case choice([RegexNode])
  /// As often as `least` or more, up to `most`; `nil`: any number.
  case repeated(RegexNode, least: Int, most: Int?)

  enum Assertion: Sendable {
    case textStart, textEnd, lineStart, lineEnd, wordBoundary, noWordBoundary
  }
}

/// Parses the syntax of RE2 (github.com/google/re2/wiki/Syntax): what Perl has, without what cannot be matched in
/// linear time. Whether a repetition is greedy makes no difference to whether a text matches.
struct RegexParser {
  private struct Flags {
    var ignoresCase = false
    var isMultiline = false
    var dotMatchesNewline = false
  }

  private static let deepest = 1000
  private static let mostRepeats = 1000

  private let pattern: [Unicode.Scalar]
  private var place = 0
  private var flags = Flags()
  private var depth = 0

  /// - Throws: `.invalidAttribute` for what is no regular expression of this syntax.
  static func parse(_ pattern: String) throws(ModelError) -> RegexNode {
    var parser = RegexParser(pattern: Array(pattern.unicodeScalars))
    let node = try parser.choice()
    if parser.place < parser.pattern.count { throw parser.wrong("unmatched ')'") }
    return node
  }

  private init(pattern: [Unicode.Scalar]) { self.pattern = pattern }

  private func wrong(_ what: String) -> ModelError {
    ModelError(
      .invalidAttribute, "attribute 'pattern': \(what) at character \(place)",
      expected: "a regular expression of RE2")
  }

  private var next: Unicode.Scalar? { place < pattern.count ? pattern[place] : nil }

  private func starts(with text: String) -> Bool {
    pattern[place...].starts(with: text.unicodeScalars)
  }

  private mutating func take(_ text: String) -> Bool {
    guard starts(with: text) else { return false }
    place += text.unicodeScalars.count
    return true
  }

  private mutating func choice() throws(ModelError) -> RegexNode {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.deepest else { throw wrong("groups nested deeper than \(Self.deepest)") }
    var choices = [try sequence()]
    while take("|") { choices.append(try sequence()) }
    return choices.count == 1 ? choices[0] : .choice(choices)
  }

  private mutating func sequence() throws(ModelError) -> RegexNode {
    var parts: [RegexNode] = []
    while let scalar = next, scalar != "|", scalar != ")" {
      if take("\\Q") {
        // What follows repeats the last character only.
        let quoted = literals()
        parts += quoted.dropLast()
        if let last = quoted.last { parts.append(try repetition(last)) }
        continue
      }
      guard let part = try atom() else { continue }
      parts.append(try repetition(part))
    }
    return parts.isEmpty ? .empty : parts.count == 1 ? parts[0] : .sequence(parts)
  }

  /// One thing that can be repeated; `nil` for flags, which stand for nothing.
  private mutating func atom() throws(ModelError) -> RegexNode? {
    guard let scalar = next else { return nil }
    switch scalar {
    case "(": return try group()
    case "[": return .set(try bracket())
    case "\\": return try escape()
    case "*", "+", "?": throw wrong("nothing to repeat")
    default: break
    }
    place += 1
    switch scalar {
    case ".":
      var set = ScalarSet(flags.dotMatchesNewline ? [] : RegexClasses.ranges("\n\n"))
      set.isNegated = true
      return .set(set.completed)
    case "^": return .assertion(flags.isMultiline ? .lineStart : .textStart)
    case "$": return .assertion(flags.isMultiline ? .lineEnd : .textEnd)
    default: return literal(scalar)
    }
  }

  private mutating func literals() -> [RegexNode] {
    var parts: [RegexNode] = []
    while place < pattern.count, !take("\\E") {
      parts.append(literal(pattern[place]))
      place += 1
    }
    return parts
  }

  private func literal(_ scalar: Unicode.Scalar) -> RegexNode {
    var set = ScalarSet([.range(scalar.value...scalar.value)])
    set.ignoresCase = flags.ignoresCase
    return .set(set.completed)
  }

  private func set(_ items: [ScalarSet.Item]) -> RegexNode {
    var set = ScalarSet(items)
    set.ignoresCase = flags.ignoresCase
    return .set(set.completed)
  }
}

// Repetition and groups.
extension RegexParser {
  private mutating func repetition(_ part: RegexNode) throws(ModelError) -> RegexNode {
    guard let bounds = try bounds() else { return part }
    _ = take("?")
    let start = place
    if try self.bounds() != nil {
      place = start
      throw wrong("a repetition of a repetition")
    }
    return .repeated(part, least: bounds.least, most: bounds.most)
  }

  private mutating func bounds() throws(ModelError) -> (least: Int, most: Int?)? {
    if take("*") { return (0, nil) }
    if take("+") { return (1, nil) }
    if take("?") { return (0, 1) }
    let start = place
    guard take("{"), let least = number() else {
      // A brace that counts nothing is a character.
      place = start
      return nil
    }
    var most: Int? = least
    if take(",") { most = number() }
    guard take("}") else {
      place = start
      return nil
    }
    guard least <= Self.mostRepeats, (most ?? least) <= Self.mostRepeats, least <= most ?? least
    else { throw wrong("a repetition out of 0 … \(Self.mostRepeats)") }
    return (least, most)
  }

  private mutating func number() -> Int? {
    var digits = ""
    while let scalar = next, ("0"..."9").contains(scalar) {
      digits.unicodeScalars.append(scalar)
      place += 1
    }
    // More digits than fit are a number that is too large.
    return digits.isEmpty ? nil : Int(digits) ?? Int.max
  }

  private mutating func group() throws(ModelError) -> RegexNode? {
    place += 1
    let outer = flags
    if take("?") {
      if take("P<") || (starts(with: "<") && !starts(with: "<=") && !starts(with: "<!")) {
        _ = take("<")
        try name()
      } else if try !setFlags() {
        return nil
      }
    }
    let inner = try choice()
    guard take(")") else { throw wrong("no ')'") }
    flags = outer
    return inner
  }

  private mutating func name() throws(ModelError) {
    var count = 0
    while let scalar = next, scalar != ">" {
      guard scalar.isWord else { throw wrong("a group's name with other than letters and digits") }
      place += 1
      count += 1
    }
    guard count > 0, take(">") else { throw wrong("a group without a name") }
  }

  /// `i`, `m`, `s`, `U`, or without them behind `-`; true if a group follows, false if they hold from here on.
  private mutating func setFlags() throws(ModelError) -> Bool {
    var value = true
    var count = 0
    while let scalar = next {
      place += 1
      switch scalar {
      case "i": flags.ignoresCase = value
      case "m": flags.isMultiline = value
      case "s": flags.dotMatchesNewline = value
      case "U": break
      case "-" where value:
        value = false
        count = -1
      case ":" where count >= 0: return true
      case ")" where count > 0: return false
      default:
        place -= 1
        throw wrong("a group of an unknown kind")
      }
      count += 1
    }
    throw wrong("no ')'")
  }
}

// Escapes.
extension RegexParser {
  private mutating func escape() throws(ModelError) -> RegexNode {
    if let items = try escapedClass() { return set(items) }
    let start = place
    place += 1
    guard let scalar = next else { throw wrong("a '\\' at the end") }
    place += 1
    switch scalar {
    case "A": return .assertion(.textStart)
    case "z": return .assertion(.textEnd)
    case "b": return .assertion(.wordBoundary)
    case "B": return .assertion(.noWordBoundary)
    default:
      place = start
      return literal(try escapedScalar())
    }
  }

  /// `\d`, `\pL`, `\p{Greek}`, `\P{^L}`; `nil` if something else follows.
  private mutating func escapedClass() throws(ModelError) -> [ScalarSet.Item]? {
    guard place + 1 < pattern.count, pattern[place] == "\\" else { return nil }
    let letter = pattern[place + 1]
    if let items = RegexClasses.perl(letter) {
      place += 2
      return items
    }
    guard letter == "p" || letter == "P" else { return nil }
    place += 2
    var name = ""
    if take("{") {
      while let scalar = next, scalar != "}" {
        name.unicodeScalars.append(scalar)
        place += 1
      }
      guard take("}") else { throw wrong("no '}'") }
    } else if let scalar = next {
      name = String(Character(scalar))
      place += 1
    }
    var isNegated = letter == "P"
    if name.hasPrefix("^") {
      isNegated.toggle()
      name.removeFirst()
    }
    guard let items = RegexClasses.unicode(name) else {
      throw wrong("an unknown class '\(name)'")
    }
    return isNegated ? [.complement(items)] : items
  }

  private mutating func escapedScalar() throws(ModelError) -> Unicode.Scalar {
    place += 1
    guard let scalar = next else { throw wrong("a '\\' at the end") }
    place += 1
    switch scalar {
    case "a": return "\u{7}"
    case "f": return "\u{C}"
    case "t": return "\t"
    case "n": return "\n"
    case "r": return "\r"
    case "v": return "\u{B}"
    case "x": return try hexadecimal()
    case "0"..."7": return try octal(scalar)
    default:
      guard scalar.isASCII, !scalar.isWord || scalar == "_" else {
        place -= 1
        throw wrong("an unknown escape '\\\(scalar)'")
      }
      return scalar
    }
  }

  private mutating func octal(_ first: Unicode.Scalar) throws(ModelError) -> Unicode.Scalar {
    var value = first.value - 48
    var count = 1
    while count < 3, let scalar = next, ("0"..."7").contains(scalar) {
      value = value * 8 + scalar.value - 48
      place += 1
      count += 1
    }
    // One digit alone would be a reference to a group, which takes more than linear time.
    guard count > 1 || first == "0", let result = Unicode.Scalar(value) else {
      throw wrong("a reference to a group")
    }
    return result
  }

  private mutating func hexadecimal() throws(ModelError) -> Unicode.Scalar {
    let isBraced = take("{")
    var (value, count): (UInt32, Int) = (0, 0)
    while count < (isBraced ? 8 : 2), let digit = next?.hexDigit {
      value = value &* 16 &+ digit
      place += 1
      count += 1
    }
    guard isBraced ? count > 0 && take("}") : count == 2, let scalar = Unicode.Scalar(value) else {
      throw wrong("'\\x' without a character's number")
    }
    return scalar
  }
}

// Classes in brackets.
extension RegexParser {
  private mutating func bracket() throws(ModelError) -> ScalarSet {
    place += 1
    var set = ScalarSet()
    set.ignoresCase = flags.ignoresCase
    set.isNegated = take("^")
    var isFirst = true
    while isFirst || next != "]" {
      guard next != nil else { throw wrong("no ']'") }
      isFirst = false
      if starts(with: "[:"), let items = try named() {
        set.add(items)
      } else if let items = try escapedClass() {
        set.add(items)
      } else {
        let low = try single()
        var high = low
        if starts(with: "-"), !starts(with: "-]") {
          place += 1
          guard next != nil else { throw wrong("no ']'") }
          high = try single()
        }
        guard low <= high else { throw wrong("a range that ends before it begins") }
        set.add([.range(low.value...high.value)])
      }
    }
    place += 1
    return set.completed
  }

  private mutating func single() throws(ModelError) -> Unicode.Scalar {
    guard let scalar = next else { throw wrong("no ']'") }
    if scalar == "\\" { return try escapedScalar() }
    place += 1
    return scalar
  }

  /// `[:name:]`, `[:^name:]`; `nil` if it is not closed.
  private mutating func named() throws(ModelError) -> [ScalarSet.Item]? {
    let start = place
    place += 2
    let isNegated = take("^")
    var name = ""
    while let scalar = next, !starts(with: ":]") {
      name.unicodeScalars.append(scalar)
      place += 1
    }
    guard take(":]") else {
      place = start
      return nil
    }
    guard let items = RegexClasses.posix(name) else {
      throw wrong("an unknown class '[:\(name):]'")
    }
    return isNegated ? [.complement(items)] : items
  }
}

extension Unicode.Scalar {
  /// A letter, digit or underscore of ASCII.
  var isWord: Bool {
    switch self {
    case "0"..."9", "A"..."Z", "a"..."z", "_": true
    default: false
    }
  }

  fileprivate var hexDigit: UInt32? {
    switch self {
    case "0"..."9": value - 48
    case "a"..."f": value - 87
    case "A"..."F": value - 55
    default: nil
    }
  }
}
