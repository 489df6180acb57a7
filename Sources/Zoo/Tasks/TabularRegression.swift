import ModelFormat

/// A number for a row of a table. The model takes one input per column, `[batch, 1]`: numbers as `f32` with NaN for a
/// missing cell, text as strings with "" for a missing cell.
///
/// Assets: `preprocessing.json` of type `csv`, which may say for an input in which column it is
/// (`{"columns": [{"input": "area", "name": "Gr Liv Area"}]}`, else they have the same name), and
/// `postprocessing.json` of type `regression`. White space around cells is dropped.
public struct TabularRegression: ModelTask {
  public let name = "tabular-regression"
  public let summary = "estimates a number from a row of a table"

  public init() {}

  public func pipeline(for model: Model) throws(ModelError) -> any TaskPipeline {
    var columnNames: [String: String] = [:]
    if model.asset(AssetName.preprocessing) != nil {
      let settings = try model.json(AssetName.preprocessing)
      for (index, element) in try settings.elements("columns").enumerated() {
        let column = try JSONReader(element, path: settings.place("columns[\(index)]"))
        let name = try column.string("name")
        columnNames[try column.string("input", default: name)] = name
      }
    }
    var columns: [Pipeline.Column] = []
    for value in model.main.requiredInputs {
      let info = model[value]
      guard let type = info.type?.tensorType,
        [.f32, .f64, .i64, .string].contains(type.element)
      else {
        throw ModelError(
          .invalidRequest, "input '\(info.name)' of type \(info.type.map { "\($0)" } ?? "unknown")",
          expected: "f32, f64, i64 or string", at: .init(file: model.fileName))
      }
      columns.append(
        Pipeline.Column(
          input: info.name, name: columnNames[info.name] ?? info.name, element: type.element,
          rank: type.shape?.rank ?? 2))
    }
    return Pipeline(columns: columns, decoding: try OutputDecoding(model))
  }

  struct Pipeline: TaskPipeline {
    struct Column: Sendable {
      var input: String
      var name: String
      var element: ElementType
      var rank: Int
    }

    let columns: [Column]
    let decoding: OutputDecoding
    var inputKind: RawInput.Kind { .row }
    var columnNames: [String] { columns.map(\.name) }

    func prepare(_ inputs: [RawInput], limit: Int) throws(ModelError) -> [PreparedBatch] {
      let rows = try RawInput.unwrap(inputs, .row) {
        if case .row(let row) = $0 { row } else { nil }
      }
      try refuseStrangers(rows)
      var batches: [PreparedBatch] = []
      for start in stride(from: 0, to: rows.count, by: max(1, limit)) {
        let part = start..<min(start + max(1, limit), rows.count)
        var tensors: [String: Tensor] = [:]
        for column in columns {
          tensors[column.input] = try tensor(column, rows[part], first: start)
        }
        batches.append(PreparedBatch(indices: Array(part), tensors: tensors))
      }
      return batches
    }

    func answers(
      _ outputs: [String: Tensor], for batch: PreparedBatch
    ) throws(ModelError) -> [Answer] {
      try decoding.answers(outputs, count: batch.indices.count)
    }

    /// A row that has none of the columns is a mistake, not a house of which nothing is known.
    private func refuseStrangers(_ rows: [[String: String]]) throws(ModelError) {
      for (index, row) in rows.enumerated() where !row.isEmpty {
        if columns.contains(where: { row[$0.name] != nil }) { continue }
        throw ModelError(
          .missingInput, "row #\(index + 1) has none of the model's columns",
          expected: columns.prefix(8).map(\.name).joined(separator: ", ") + ", …",
          remedy: "give the CSV text a first line with the names of its columns")
      }
    }

    private func tensor(
      _ column: Column, _ rows: ArraySlice<[String: String]>, first: Int
    ) throws(ModelError) -> Tensor {
      let shape = [rows.count] + [Int](repeating: 1, count: max(0, column.rank - 1))
      let cells = rows.map { $0[column.name].map(Self.trimmed) }
      if column.element == .string {
        return try Tensor(strings: cells.map { $0 ?? "" }, shape: shape)
      }
      var numbers: [Double] = []
      for (offset, cell) in cells.enumerated() {
        guard let number = Self.number(cell) else {
          throw ModelError(
            .outOfRange, "'\(cell ?? "")' in row #\(first + offset + 1)", expected: "a number",
            at: .init(operand: "column '\(column.name)'"))
        }
        numbers.append(number)
      }
      switch column.element {
      case .f64: return try Tensor(numbers, shape: shape)
      case .i64: return try Tensor(numbers.map { Int64(exactly: $0) ?? -1 }, shape: shape)
      default: return try Tensor(numbers.map { Float($0) }, shape: shape)
      }
    }

    /// NaN for a missing cell; `nil` for one that is no number.
    private static func number(_ cell: String?) -> Double? {
      guard let cell, !cell.isEmpty, cell != "NA" else { return .nan }
      return Double(cell)
    }

    private static func trimmed(_ cell: String) -> String {
      let start = cell.drop { $0.isWhitespace }
      return String(start.reversed().drop { $0.isWhitespace }.reversed())
    }
  }
}
