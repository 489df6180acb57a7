import Testing
import ZooRuntime

@Suite struct RegexTests {
  private func matches(_ pattern: String, _ texts: [String]) throws -> [Bool] {
    let x = try Tensor(strings: texts, shape: [texts.count])
    let y = try NodeRunner.run(
      "RegexFullMatch", [.tensor(x)], [Attribute("pattern", .string(pattern))])
    return try #require(y.first?.tensor).array(of: Bool.self)
  }

  /// What RE2 says of each pattern: texts that match it whole, and texts that do not.
  @Test(arguments: [
    ("", [""], ["a"]),
    ("abc", ["abc"], ["ab", "abcd", "xabc", ""]),
    ("a|bc|", ["a", "bc", ""], ["b", "abc"]),
    ("a*b+c?", ["b", "aabbc"], ["a", "c", "bcc"]),
    ("(ab){2,3}", ["abab", "ababab"], ["ab", "abababab", "aba"]),
    ("a{2}", ["aa"], ["a", "aaa"]),
    ("a{2,}", ["aa", "aaaa"], ["a"]),
    ("a{,2}", ["a{,2}"], ["a", "aa"]),
    ("x{a}", ["x{a}"], ["x"]),
    ("a+?b*?", ["a", "aab"], ["b"]),
    (".", ["x", "é", "😀"], ["\n", "", "ab"]),
    ("(?s).", ["\n"], [""]),
    ("[a-c]", ["a", "b", "c"], ["d", "-"]),
    ("[^a-c]", ["d", "\n"], ["a"]),
    ("[]a]", ["]", "a"], ["b"]),
    ("[a-]", ["a", "-"], ["b"]),
    ("[\\d-z]", ["5", "-", "z"], ["y"]),
    ("[[:alpha:]_]+", ["ab_"], ["a1", ""]),
    ("[[:^digit:]]", ["a"], ["1"]),
    ("\\d\\D\\s\\S\\w\\W", ["1a b_-"], ["aa b_-"]),
    ("\\pL\\p{Lu}\\PL", ["äÄ1"], ["ää1", "1Ä1"]),
    ("\\p{Greek}+", ["αβγ"], ["abc"]),
    ("\\p{^Greek}\\P{Greek}", ["ab"], ["aβ"]),
    ("(?i)straße[A-C]", ["STRAßEb", "straßeC"], ["straßeD"]),
    ("(?i)[^a]", ["b"], ["a", "A"]),
    ("(?i)k", ["k", "K", "\u{212A}"], ["x"]),
    ("a(?i)b(?-i)c", ["aBc", "abc"], ["ABc", "abC"]),
    ("(?i:a)b", ["Ab"], ["AB"]),
    ("^a$", ["a"], ["a\n"]),
    ("(?m)^a$\n^b$", ["a\nb"], ["ab"]),
    ("\\Aa\\z", ["a"], ["b"]),
    ("a\\b b\\Bc", ["a bc"], ["a b c"]),
    ("\\x41\\x{1F600}\\101\\t", ["A😀A\t"], ["A"]),
    ("\\Qa.b*\\E+", ["a.b*", "a.b**"], ["axb"]),
    ("\\.\\_\\-\\(", ["._-("], ["a"]),
    ("(?P<year>\\d{4})-(?<month>\\d\\d)", ["2024-12"], ["24-12"]),
    ("()*", [""], ["a"]),
    ("(a*)*", ["", "aaa"], ["b"]),
    ("(a|b)*abb", ["abb", "aababb"], ["ab"]),
  ])
  func matchesAsRE2Does(pattern: String, yes: [String], no: [String]) throws {
    #expect(try matches(pattern, yes) == yes.map { _ in true })
    #expect(try matches(pattern, no) == no.map { _ in false })
  }

  @Test(arguments: [
    "(", ")", "a)", "[a", "[b-a]", "*", "a**", "a{2}{3}", "a{1001}", "a{3,2}", "\\", "\\8", "\\1",
    "(?=a)", "(?!a)", "(?<=a)", "(?<!a)", "(?<a", "(?P<>a)", "(?z)", "\\q", "\\p{Nonsense}",
    "[[:nonsense:]]", "\\x{110000}", "\\xG0", "\\C", "a*+",
  ])
  func refusesPatterns(pattern: String) throws {
    NodeRunner.expectRefusal(
      "RegexFullMatch", [try Tensor(strings: ["a"], shape: [1])],
      [Attribute("pattern", .string(pattern))], code: .invalidAttribute)
  }

  @Test func staysLinearAndSmall() throws {
    let text = String(repeating: "a", count: 20_000)
    #expect(try matches("(a*)*(a|aa)+b", [text]) == [false])
    #expect(try matches("(?:a?){500}a{500}", [String(text.prefix(500))]) == [true])
    for pattern in ["((a{100}){100}){100}", "(((((a{30}){30}){30}){30}){30}){30}"] {
      NodeRunner.expectRefusal(
        "RegexFullMatch", [try Tensor(strings: ["a"], shape: [1])],
        [Attribute("pattern", .string(pattern))], code: .limitExceeded)
    }
    // Groups without a character, which make no states however often they are repeated.
    let error = #expect(throws: ModelError.self) { try matches("((((){1000}){1000}){200})", ["a"]) }
    #expect(
      error?.description.hasSuffix(
        "a regular expression of more than 262144 parts; expected fewer or smaller repetitions")
        == true)
    let deep = String(repeating: "(", count: 100_000)
    NodeRunner.expectRefusal(
      "RegexFullMatch", [try Tensor(strings: ["a"], shape: [1])],
      [Attribute("pattern", .string(deep))], code: .invalidAttribute)
  }

  @Test func matchesNothing() throws {
    #expect(try matches("a", []) == [])
  }
}
