/// Rows that are equal are kept once.
struct RowTable<Row: Hashable> {
  private(set) var rows: [Row] = []
  private var places: [Row: Int] = [:]

  mutating func row(of row: Row) -> UInt32 {
    if let place = places[row] { return UInt32(place) }
    places[row] = rows.count
    rows.append(row)
    return UInt32(rows.count - 1)
  }
}

/// The text of a model. Entries are compared byte by byte: Swift's strings would call two spellings of `é` equal.
struct TextTable {
  private var table = RowTable<[UInt8]>()

  mutating func number(of text: String) -> UInt32 { number(of: Array(text.utf8)) }

  mutating func number(of bytes: [UInt8]) -> UInt32 {
    bytes.isEmpty ? 0 : table.row(of: bytes) + 1
  }

  var bytes: [UInt8] { Array(table.rows.joined()) }
  var lengths: [UInt32] { table.rows.map { UInt32($0.count) } }
}

/// A row of the table of extents, in terms of text numbers.
struct ExtentRow: Hashable {
  var constant: Int64 = 0
  var coefficients: [Int64] = []
  var factorCounts: [UInt32] = []
  var factors: [UInt32] = []
}

/// A row of the table of types, in terms of other rows.
struct TypeRow: Hashable {
  var kind: UInt32
  var element: UInt32 = 0
  var isRanked = false
  var extents: [UInt32] = []
  var content: UInt32 = 0
}

struct OperatorRow: Hashable {
  var type: UInt32
  var domain: UInt32
  var overload: UInt32
}
