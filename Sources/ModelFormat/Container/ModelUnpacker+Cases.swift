import CSchemas

// Recorded inputs and outputs.
extension ModelUnpacker {
  mutating func readCases() throws(ModelError) -> [RecordedCase] {
    var data = try readData()
    var cases: [RecordedCase] = []
    for row in rows(message.cases, message.n_cases) {
      let row = try present(row)
      let name = try text(row.name)
      do throws(ModelError) {
        cases.append(
          RecordedCase(
            name: name, inputs: try named(numbers(row.inputs, row.n_inputs), &data),
            outputs: try named(numbers(row.outputs, row.n_outputs), &data),
            absolute: row.absolute, relative: row.relative))
      } catch {
        throw error.at(operand: "case '\(name)'")
      }
    }
    return cases
  }

  /// Rows of recorded values, each of which is handed out once: a row used twice could stand for a tree of
  /// exponential size.
  private struct DataRows {
    var values: [(value: Value, depth: Int)?] = []

    mutating func take(_ row: UInt32) throws(ModelError) -> (value: Value, depth: Int) {
      guard Int(row) < values.count else { throw .badRow("datum", row, of: values.count) }
      guard let value = values[Int(row)] else {
        throw .badGraph("datum \(row) in two places", expected: "one")
      }
      values[Int(row)] = nil
      return value
    }
  }

  private func readData() throws(ModelError) -> DataRows {
    var data = DataRows()
    for row in rows(message.data, message.n_data) {
      let row = try present(row)
      var contents: [Value] = []
      var depth = 1
      for number in numbers(row.contents, row.n_contents) {
        let content = try data.take(number)
        contents.append(content.value)
        depth = max(depth, content.depth + 1)
      }
      guard depth <= limits.depth else {
        throw .overLimit("a recorded value nested \(depth) deep", "depth", limits.depth)
      }
      data.values.append((try value(row, contents), depth))
    }
    return data
  }

  private func value(_ row: Zoo__Datum, _ contents: [Value]) throws(ModelError) -> Value {
    func check(_ counts: ClosedRange<Int>) throws(ModelError) {
      guard counts.contains(contents.count) else {
        throw .badGraph(
          "\(contents.count) contents of a datum of kind \(row.kind.rawValue)",
          expected: "\(counts.lowerBound) ... \(counts.upperBound)")
      }
    }
    switch row.kind {
    case ZOO__TYPE_KIND__TENSOR:
      try check(0...0)
      return .tensor(try element(tensors, row.row, "tensor").tensor())
    case ZOO__TYPE_KIND__SPARSE_TENSOR:
      try check(0...0)
      return .sparse(try element(sparse, row.row, "sparse tensor"))
    case ZOO__TYPE_KIND__SEQUENCE:
      return .sequence(contents, element: try element(types, row.type, "type"))
    case ZOO__TYPE_KIND__OPTIONAL:
      try check(0...1)
      return .optional(contents.first, wrapped: try element(types, row.type, "type"))
    case ZOO__TYPE_KIND__MAP:
      try check(1...1)
      let keys = try element(tensors, row.row, "tensor").tensor()
      return .map(ValueMap(keys: keys, values: contents[0]))
    default:
      throw .badGraph("a datum of kind \(row.kind.rawValue)", expected: "0 ... 4")
    }
  }

  private func named(
    _ numbers: UnsafeBufferPointer<UInt32>, _ data: inout DataRows
  ) throws(ModelError) -> [NamedValue] {
    guard numbers.count % 2 == 0 else {
      throw .badGraph("\(numbers.count) numbers of named values", expected: "an even number")
    }
    var values: [NamedValue] = []
    for index in stride(from: 0, to: numbers.count, by: 2) {
      values.append(
        NamedValue(try text(numbers[index]), try data.take(numbers[index + 1]).value))
    }
    return values
  }
}
