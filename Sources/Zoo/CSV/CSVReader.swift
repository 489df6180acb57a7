import ModelFormat

/// Reads comma-separated values row by row: RFC 4180, with LF or CRLF, quoted cells that may hold commas, quotes and
/// line ends, and a byte order mark.
///
///     var reader = CSVReader(bytes)
///     let header = try reader.next()
///     while let row = try reader.next() { … }
///
/// A row is an array of cells; one that is empty is `nil` unless it is quoted. Blank lines are skipped.
public struct CSVReader: Sendable {
  /// Bytes of one cell.
  public static let cellLimit = 1 << 20
  /// Cells of one row.
  public static let rowLimit = 1 << 16

  private let bytes: [UInt8]
  private var position: Int
  /// The number of the line that is read next, from 1.
  public private(set) var line = 1

  public init(_ bytes: [UInt8]) {
    self.bytes = bytes
    position = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
  }

  /// The cells of the next row; `nil` at the end.
  ///
  /// - Throws: `.malformed` with the line for a quote that is never closed, one inside a cell without quotes, or
  ///   text that is not UTF-8; `.limitExceeded` for a huge cell or row.
  public mutating func next() throws(ModelError) -> [String?]? {
    while endLine() {}
    if position == bytes.count { return nil }
    var row: [String?] = []
    while true {
      row.append(try cell())
      if row.count > Self.rowLimit {
        throw failure(.limitExceeded, "more than \(Self.rowLimit) cells", "fewer")
      }
      if position < bytes.count, bytes[position] == UInt8(ascii: ",") {
        position += 1
      } else {
        _ = endLine()
        return row
      }
    }
  }

  /// Moves past the end of a line, if one is here.
  private mutating func endLine() -> Bool {
    guard isAtLineEnd, position < bytes.count else { return false }
    position += bytes[position] == 0x0D ? 2 : 1
    line += 1
    return true
  }

  private var isAtLineEnd: Bool {
    guard position < bytes.count else { return true }
    if bytes[position] == 0x0A { return true }
    return bytes[position] == 0x0D && position + 1 < bytes.count && bytes[position + 1] == 0x0A
  }

  private mutating func cell() throws(ModelError) -> String? {
    if position < bytes.count, bytes[position] == UInt8(ascii: "\"") { return try quoted() }
    let start = position
    while !isAtLineEnd, bytes[position] != UInt8(ascii: ",") {
      if bytes[position] == UInt8(ascii: "\"") {
        throw failure(.malformed, "a quote inside a cell without quotes", "the cell in quotes")
      }
      position += 1
    }
    return position == start ? nil : try text(bytes[start..<position])
  }

  private mutating func quoted() throws(ModelError) -> String {
    var content: [UInt8] = []
    let first = line
    position += 1
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      if byte == 0x0A { line += 1 }
      guard byte == UInt8(ascii: "\"") else {
        content.append(byte)
        continue
      }
      if position < bytes.count, bytes[position] == byte {
        content.append(byte)
        position += 1
        continue
      }
      guard isAtLineEnd || bytes[position] == UInt8(ascii: ",") else {
        throw failure(.malformed, "text after a closing quote", "a comma or the end of the line")
      }
      return try text(content[...])
    }
    line = first
    throw failure(.malformed, "a quote that is never closed", "a closing quote")
  }

  private func text(_ content: ArraySlice<UInt8>) throws(ModelError) -> String {
    guard content.count <= Self.cellLimit else {
      throw failure(.limitExceeded, "a cell of \(content.count) bytes", "at most \(Self.cellLimit)")
    }
    guard let text = String(validating: content, as: UTF8.self) else {
      throw failure(.malformed, "a cell that is not UTF-8", "UTF-8")
    }
    return text
  }

  private func failure(
    _ code: ModelError.Code, _ found: String, _ expected: String
  ) -> ModelError {
    ModelError(code, found, expected: expected, at: .init(operand: "CSV line \(line)"))
  }
}

/// A CSV text with a header: rows by column name.
public struct CSVTable: Sendable {
  public let columns: [String]
  private var reader: CSVReader

  /// Reads the header.
  ///
  /// - Throws: `.malformed` if there is none, or a name is missing or occurs twice.
  public init(_ bytes: [UInt8]) throws(ModelError) {
    reader = CSVReader(bytes)
    guard let header = try reader.next() else {
      throw ModelError(.malformed, "an empty CSV text", expected: "a line of column names")
    }
    var names: [String] = []
    for cell in header {
      guard let cell, !names.contains(cell) else {
        throw ModelError(
          .malformed, cell.map { "column '\($0)' twice" } ?? "a column without a name",
          expected: "a name of its own for each column", at: .init(operand: "CSV header"))
      }
      names.append(cell)
    }
    columns = names
  }

  /// The cells of the next row by column; empty ones are missing. `nil` at the end.
  ///
  /// - Throws: `.malformed` if the row has another number of cells than the header.
  public mutating func next() throws(ModelError) -> [String: String]? {
    let line = reader.line
    guard let cells = try reader.next() else { return nil }
    guard cells.count == columns.count else {
      throw ModelError(
        .malformed, "\(cells.count) cells", expected: "\(columns.count), as in the header",
        at: .init(operand: "CSV line \(line)"))
    }
    var row: [String: String] = [:]
    for (name, cell) in zip(columns, cells) { row[name] = cell }
    return row
  }
}
