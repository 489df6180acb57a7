import ModelFormat

extension RawInput {
  /// The lines of a text, without what ends them (LF or CRLF). Empty ones count, so that answers can be told apart by
  /// their place; what follows the last line end does only if there is something.
  ///
  /// - Throws: `.malformed` with the number of a line that is not UTF-8.
  public static func lines(_ bytes: [UInt8]) throws(ModelError) -> [String] {
    var lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    var texts: [String] = []
    texts.reserveCapacity(lines.count)
    for (index, line) in lines.enumerated() {
      let content = line.last == 0x0D ? line.dropLast() : line
      guard let text = String(validating: content, as: UTF8.self) else {
        throw ModelError(
          .malformed, "line \(index + 1): text that is not UTF-8", expected: "UTF-8")
      }
      texts.append(text)
    }
    return texts
  }

  /// The inputs in a file: one picture, a row for each line of a CSV file after its header, or a text for each line
  /// that is not empty.
  ///
  /// - Throws: What reading and decoding the file can throw; `.invalidRequest` for tensors, which have no such file.
  public static func read(_ path: String, as kind: Kind) throws(ModelError) -> [RawInput] {
    do throws(ModelError) {
      switch kind {
      case .image: return [.image(try Image(contentsOf: path))]
      case .text:
        return try lines(FilePath.bytes(path)).filter { !$0.isEmpty }.map(RawInput.text)
      case .row:
        var table = try CSVTable(FilePath.bytes(path, limit: 1 << 32))
        var rows: [RawInput] = []
        while let row = try table.next() { rows.append(.row(row)) }
        return rows
      case .tensors:
        throw ModelError(.invalidRequest, "no raw input", expected: "tensors")
      }
    } catch { throw error.at(file: path) }
  }
}

extension ZooModel {
  /// What the graph is given for each input, one input at a time: samples to calibrate with.
  ///
  /// - Throws: `.invalidRequest` if an input is of another kind than ``inputKind``, and all that preparing can throw.
  public func samples(_ inputs: [RawInput]) throws(ModelError) -> [[String: Value]] {
    try pipeline.prepare(inputs, limit: 1).map { $0.tensors.mapValues(Value.tensor) }
  }
}
