import Testing
import Zoo

@Suite("CSV")
struct CSVTests {
  private func rows(_ text: String) throws -> [[String?]] {
    var reader = CSVReader(Array(text.utf8))
    var rows: [[String?]] = []
    while let row = try reader.next() { rows.append(row) }
    return rows
  }

  @Test(
    "reads rows",
    arguments: [
      ("", []), ("\n\n", []), ("a", [["a"]]), ("a,b\n", [["a", "b"]]),
      ("a,b\r\nc,d", [["a", "b"], ["c", "d"]]), (",", [[nil, nil]]),
      ("a,,\"\"\n", [["a", nil, ""]]), ("\"a,\"\"b\"\"\r\nc\",d", [["a,\"b\"\r\nc", "d"]]),
      ("\u{FEFF}é,😀", [["é", "😀"]]), ("a\rb,c", [["a\rb", "c"]]), (" a , b ", [[" a ", " b "]]),
      ("a\n\nb\n", [["a"], ["b"]]), ("\"\"\n", [[""]]),
    ] as [(String, [[String?]])])
  func reading(text: String, expected: [[String?]]) throws {
    #expect(try rows(text) == expected)
  }

  @Test(
    "refuses broken quotes and says where",
    arguments: [("a\n\"b", 2), ("a\nb\nc\"d\"", 3), ("\"a\"b", 1), ("\"\n\n", 1)])
  func refusals(text: String, line: Int) {
    let error = #expect(throws: ModelError.self) { try rows(text) }
    #expect(error?.code == .malformed)
    #expect(error?.site.operand == "CSV line \(line)")
  }

  @Test("names cells by the header; empty ones are missing")
  func table() throws {
    var table = try CSVTable(Array("x,y\n1,\n,2\n".utf8))
    #expect(table.columns == ["x", "y"])
    #expect(try table.next() == ["x": "1"])
    #expect(try table.next() == ["y": "2"])
    #expect(try table.next() == nil)
    #expect(throws: ModelError.self) { try CSVTable(Array("x,x\n".utf8)) }
    #expect(throws: ModelError.self) { try CSVTable([]) }
    var short = try CSVTable(Array("x,y\n1\n".utf8))
    #expect(throws: ModelError.self) { try short.next() }
  }

  @Test("reads or refuses any damage")
  func damage() {
    for variant in Fixture.damaged(Array("a,\"b\"\"\r\n\",é\r\n,\"\",3\n".utf8)) {
      var reader = CSVReader(variant)
      while let row = try? reader.next() { #expect(!row.isEmpty) }
    }
  }
}
