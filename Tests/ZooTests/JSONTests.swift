import Testing
import Zoo

@Suite("JSON")
struct JSONTests {
  @Test(
    "round trips",
    arguments: [
      "null", "true", "-12", "0.5", "\"a\\\"\\\\\\n\\u0001é😀\"", "[]", "{}", "[1, [2, {}], \"x\"]",
      "{\"label\": \"7\", \"score\": 0.998}", "1e+20",
    ])
  func roundTrip(text: String) throws {
    let json = try JSON(parsing: text)
    #expect(try JSON(parsing: json.text()) == json)
    #expect(try JSON(parsing: json.text(indentation: 2)) == json)
    if text != "1e+20" { #expect(json.text() == text) }
  }

  @Test("reads escapes, surrogate pairs, space and a byte order mark")
  func escapes() throws {
    #expect(
      try JSON(parsing: "\u{FEFF} [ \"\\ud83d\\ude00\\/\\b\\f\\t\" , 1E2 ]\r\n")
        == ["😀/\u{8}\u{C}\t", .double(100)])
  }

  @Test("keeps names apart that differ in normalisation")
  func names() throws {
    let json = try JSON(parsing: "{\"\u{E9}\": 1, \"e\u{301}\": 2}")
    #expect(json["\u{E9}"] == 1)
    #expect(json["e\u{301}"] == 2)
  }

  @Test("writes floats as short as they read, and no NaN")
  func floats() {
    #expect(JSON(Float(0.1)).text() == "0.1")
    #expect(JSON.double(.nan).text() == "null")
    #expect(JSON.double(215_000).text() == "215000.0")
  }

  @Test(
    "refuses what is no JSON",
    arguments: [
      "", " ", "nul", "[1,]", "{\"a\"}", "{\"a\":}", "{a:1}", "01", "1.", ".5", "-", "1e", "+1",
      "\"",
      "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\u{1}\"",
      "[1] 2",
      "1e999", "[", "{", "{\"a\":1", "\"\\", "[1 2]",
    ])
  func refusals(text: String) {
    let error = #expect(throws: ModelError.self) { try JSON(parsing: text) }
    #expect(error?.code == .malformed)
  }

  @Test("refuses text that is not UTF-8")
  func encoding() {
    #expect(throws: ModelError.self) { try JSON(parsing: [0x22, 0xFF, 0x22]) }
  }

  @Test("refuses deep nesting")
  func depth() throws {
    func nested(_ depth: Int) -> String {
      String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }
    _ = try JSON(parsing: nested(JSON.depthLimit))
    let error = #expect(throws: ModelError.self) { try JSON(parsing: nested(1_000_000)) }
    #expect(error?.code == .limitExceeded)
  }
}
