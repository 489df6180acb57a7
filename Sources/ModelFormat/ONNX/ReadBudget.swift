/// What reading a file has spent of its limits.
struct ReadBudget {
  let limits: ReadLimits
  private var graphBytes = 0
  private var decodedBytes = 0
  private var rows: [StaticTable: Int] = [:]

  /// The tables whose rows are counted.
  enum StaticTable: String {
    case nodes, values, weights, attributes, graphs, functions, metadata
  }

  init(_ limits: ReadLimits) { self.limits = limits }

  /// Charges one row of `bytes` bytes to `table`.
  mutating func row(_ table: StaticTable, bytes: Int) throws(ModelError) {
    let count = rows[table, default: 0] + 1
    guard count <= limits.rows else {
      throw ModelError(
        .limitExceeded, "more than \(limits.rows) \(table.rawValue)",
        expected: "at most ReadLimits.rows", remedy: "raise the limit if you trust the file")
    }
    rows[table] = count
    try graph(bytes)
  }

  /// Charges memory of the graph: rows, names, attributes.
  mutating func graph(_ bytes: Int) throws(ModelError) {
    let (sum, overflow) = graphBytes.addingReportingOverflow(bytes)
    guard !overflow, sum <= limits.graphBytes else {
      throw ModelError(
        .limitExceeded, "a graph of more than \(limits.graphBytes) bytes in memory",
        expected: "at most ReadLimits.graphBytes", remedy: "raise the limit if you trust the file")
    }
    graphBytes = sum
  }

  /// Charges a tensor of `bytes` bytes, now or when it is decoded.
  mutating func tensor(_ bytes: Int) throws(ModelError) {
    guard bytes <= limits.tensorBytes else {
      throw ModelError(
        .limitExceeded, "a tensor of \(bytes) bytes",
        expected: "at most \(limits.tensorBytes) (ReadLimits.tensorBytes)",
        remedy: "raise the limit if you trust the file")
    }
    let (sum, overflow) = decodedBytes.addingReportingOverflow(bytes)
    guard !overflow, sum <= limits.decodedBytes else {
      throw ModelError(
        .limitExceeded, "tensors of more than \(limits.decodedBytes) bytes together",
        expected: "at most ReadLimits.decodedBytes",
        remedy: "raise the limit if you trust the file")
    }
    decodedBytes = sum
  }

  /// Checks that something may nest `depth` deep.
  func depth(_ depth: Int) throws(ModelError) {
    guard depth <= limits.depth else {
      throw ModelError(
        .limitExceeded, "messages nested more than \(limits.depth) deep",
        expected: "at most ReadLimits.depth", remedy: "raise the limit if you trust the file")
    }
  }
}
