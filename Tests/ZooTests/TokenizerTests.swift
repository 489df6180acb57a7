import Testing
import Zoo

@Suite("WordPiece tokenizer")
struct TokenizerTests {
  private static func cases(_ json: JSON) -> [(text: String, ids: [Int32])] {
    guard case .array(let rows)? = json["cases"] else { return [] }
    return rows.compactMap { row in
      guard case .array(let pair) = row, case .string(let text) = pair[0],
        case .array(let ids) = pair[1]
      else { return nil }
      return (text, ids.compactMap { if case .int(let id) = $0 { Int32(id) } else { nil } })
    }
  }

  private func check(_ tokenizer: WordPieceTokenizer, _ json: JSON, atLeast count: Int) throws {
    let cases = Self.cases(json)
    #expect(cases.count >= count)
    var wrong = 0
    for (text, ids) in cases {
      let got = try tokenizer.encode(text)
      if got.ids == ids { continue }
      wrong += 1
      if wrong <= 5 { Issue.record("\(text.debugDescription): \(got.ids), expected \(ids)") }
    }
    #expect(wrong == 0)
  }

  @Test("gives the ids of the tokenizers package for nasty texts")
  func nastyTexts() throws {
    let json = try JSON(parsing: Fixture.committed("tokenizer-cases.json"))
    let tokenizer = try WordPieceTokenizer(json: #require(json["tokenizer"]))
    try check(tokenizer, json, atLeast: 400)
  }

  @Test(
    "gives the ids of the tokenizers package for 10,000 varied texts",
    .enabled(if: Fixture.path("tokenizer-cases.json") != nil))
  func variedTexts() throws {
    let path = try #require(Fixture.path("tokenizer-cases.json"))
    let model = try #require(Fixture.path("minilm/tokenizer.json"))
    let tokenizer = try WordPieceTokenizer(json: JSON(parsing: Fixture.bytes(model)))
    try check(tokenizer, JSON(parsing: Fixture.bytes(path)), atLeast: 10_000)
  }

  static let vocabulary = """
    [PAD]\n[UNK]\n[CLS]\n[SEP]\nhello\nworld\n##s\n,\nun\n##able\n##a\n##b\ne\n##e\r\n
    """

  @Test(
    "reads vocab.txt",
    arguments: [
      ("Hello, worlds", [2, 4, 7, 5, 6, 3]), ("", [2, 3]), ("unable", [2, 8, 9, 3]),
      ("unab", [2, 8, 10, 11, 3]), ("unx", [2, 1, 3]), ("[PAD]é", [2, 0, 12, 3]),
      ("É\u{301}É", [2, 12, 13, 3]), (String(repeating: "e", count: 101), [2, 1, 3]),
      (String(repeating: "e", count: 3), [2, 12, 13, 13, 3]),
    ] as [(String, [Int32])])
  func vocabularyFile(text: String, ids: [Int32]) throws {
    let tokenizer = try WordPieceTokenizer(vocabulary: Self.vocabulary)
    #expect(try tokenizer.encode(text).ids == ids)
  }

  @Test("cuts to length and pads to the longest of a batch")
  func truncationAndPadding() throws {
    var tokenizer = try WordPieceTokenizer(
      vocabulary: Self.vocabulary, truncation: TextTruncation(length: 4))
    var batch = try tokenizer.encode(batch: ["hello", "hello world , hello"])
    #expect(batch.map(\.ids) == [[2, 4, 3, 0], [2, 4, 5, 3]])
    #expect(batch.map(\.attentionMask) == [[1, 1, 1, 0], [1, 1, 1, 1]])
    tokenizer.truncation = TextTruncation(length: 4, keepsStart: false)
    #expect(try tokenizer.encode("hello world , hello").ids == [2, 7, 4, 3])
    tokenizer.padding?.multiple = 8
    tokenizer.padding?.isAtEnd = false
    batch = try tokenizer.encode(batch: ["hello"])
    #expect(batch[0].ids == [0, 0, 0, 0, 0, 2, 4, 3])
    tokenizer.truncation = TextTruncation(length: 1)
    #expect(throws: ModelError.self) { try tokenizer.encode("hello") }
  }

  @Test("encodes pairs, cutting the longer text first")
  func pairs() throws {
    var tokenizer = try WordPieceTokenizer(vocabulary: Self.vocabulary)
    let pair = try tokenizer.encode("hello", and: "world")
    #expect(pair.ids == [2, 4, 3, 5, 3])
    #expect(pair.typeIDs == [0, 0, 0, 1, 1])
    tokenizer.truncation = TextTruncation(length: 6)
    #expect(try tokenizer.encode("hello", and: "world , world").ids == [2, 4, 3, 5, 7, 3])
    #expect(try tokenizer.encode("hello hello", and: "world , ,").ids == [2, 4, 3, 5, 7, 3])
  }

  @Test(
    "refuses stages of other kinds by name",
    arguments: [
      (#"{"model": {"type": "BPE", "vocab": {}}}"#, "tokenizer.json.model"),
      (
        #"{"model": {"vocab": {"[UNK]": 0}}, "pre_tokenizer": {"type": "Metaspace"}}"#,
        "tokenizer.json.pre_tokenizer"
      ),
      (
        #"{"model": {"vocab": {"[UNK]": 0}}, "normalizer": {"type": "NFKC"}}"#,
        "tokenizer.json.normalizer"
      ),
      (#"{"model": {"vocab": {"a": 0}}}"#, "tokenizer.json.model"),
      (#"{"model": {"vocab": {"a": -1}}}"#, "tokenizer.json.model.vocab.a"),
      (#"{"model": 3}"#, "tokenizer.json.model"), (#"{}"#, "tokenizer.json.model"),
    ])
  func refusals(text: String, place: String) throws {
    let error = #expect(throws: ModelError.self) {
      try WordPieceTokenizer(json: JSON(parsing: text))
    }
    #expect(error?.site.operand == place)
  }

  @Test("takes any damage of its file as an error")
  func damage() throws {
    let text = #"""
      {"model":{"type":"WordPiece","vocab":{"[UNK]":0,"a":1,"##é":2}},"pre_tokenizer":{"type":\#
      "BertPreTokenizer"},"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":\#
      {"id":"[S]","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":\#
      {"[S]":{"ids":[1]}}},"truncation":{"max_length":9},"padding":{"strategy":{"Fixed":3}},\#
      "added_tokens":[{"id":1,"content":"[S]","normalized":false}]}
      """#
    _ = try WordPieceTokenizer(json: JSON(parsing: text))
    for variant in Fixture.damaged(Array(text.utf8)) {
      let tokenizer = try? WordPieceTokenizer(json: JSON(parsing: variant))
      _ = try? tokenizer?.encode("aé [S] b")
    }
  }
}
