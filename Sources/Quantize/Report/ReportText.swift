extension CompressionReport: CustomStringConvertible {
  /// The report for people, in lines that are safe to print.
  public var description: String {
    var lines = [summary]
    lines += layerTable
    lines += outputTable
    lines += leftAloneList
    lines += notes.map { "note: \($0)" }
    return lines.map(\.printable).joined(separator: "\n")
  }

  private var summary: String {
    let share = bytesBefore == 0 ? 100 : 100 * Double(bytesAfter) / Double(bytesBefore)
    let count = layers.count
    return
      "\(recipe): \(count) layer\(count == 1 ? "" : "s"), weights \(Self.bytes(bytesBefore)) → "
      + "\(Self.bytes(bytesAfter)) (\(Self.fixed(share, 1)) %)"
  }

  private var layerTable: [String] {
    if layers.isEmpty { return [] }
    let measuresOutputs = layers.contains { $0.outputDecibels != nil }
    var rows = [["layer", "operator", "weight", "method", "before", "after", "zeros", "SNR dB"]]
    if measuresOutputs { rows[0].append("output dB") }
    for layer in layers {
      var row = [
        layer.node, layer.operatorType, "\(layer.shape)", layer.method,
        Self.bytes(layer.bytesBefore), Self.bytes(layer.bytesAfter),
        Self.fixed(100 * layer.sparsity, 1) + " %", Self.decibels(layer.decibels),
      ]
      if measuresOutputs { row.append(Self.decibels(layer.outputDecibels)) }
      rows.append(row)
    }
    return [""] + Self.table(rows, leftAligned: 4)
  }

  private var outputTable: [String] {
    if outputs.isEmpty { return [] }
    var rows = [["output", "cosine", "SNR dB", "relative error", "largest error"]]
    for output in outputs {
      rows.append([
        output.name, Self.fixed(output.cosine, 6), Self.decibels(output.decibels),
        Self.significant(output.relativeError), Self.significant(output.largestError),
      ])
    }
    return [""] + Self.table(rows, leftAligned: 1)
  }

  /// One line per reason, with the first nodes that it holds for.
  private var leftAloneList: [String] {
    var reasons: [String] = []
    var nodes: [String: [String]] = [:]
    for entry in leftAlone {
      let reason = "\(entry.operatorType): \(entry.reason)"
      if nodes[reason] == nil { reasons.append(reason) }
      nodes[reason, default: []].append(entry.node)
    }
    if reasons.isEmpty { return [] }
    return ["", "left alone:"]
      + reasons.map { reason in
        let names = nodes[reason] ?? []
        let shown = names.prefix(3).joined(separator: ", ")
        let more = names.count > 3 ? " and \(names.count - 3) more" : ""
        return "  \(reason) (\(shown)\(more))"
      }
  }
}

// Numbers as text, without Foundation: reports are the same everywhere.
extension CompressionReport {
  static func table(_ rows: [[String]], leftAligned: Int) -> [String] {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      let cells = row.enumerated().map { column, text in
        let padding = String(repeating: " ", count: widths[column] - text.count)
        return column < leftAligned ? text + padding : padding + text
      }
      return cells.joined(separator: "  ").trimmingTrailingSpaces
    }
  }

  static func bytes(_ count: Int) -> String {
    if count < 1000 { return "\(count) B" }
    if count < 1_000_000 { return fixed(Double(count) / 1e3, 1) + " kB" }
    return fixed(Double(count) / 1e6, 2) + " MB"
  }

  static func decibels(_ value: Double?) -> String { value.map { fixed($0, 1) } ?? "exact" }

  /// `value` with that many digits after the point.
  static func fixed(_ value: Double, _ digits: Int) -> String {
    let unit = (0..<digits).reduce(1.0) { power, _ in power * 10 }
    guard value.magnitude * unit < 1e18 else { return "\(value)" }
    let scaled = Int((value.magnitude * unit).rounded())
    let sign = value < 0 && scaled > 0 ? "-" : ""
    if digits == 0 { return "\(sign)\(scaled)" }
    let fraction = String(scaled % Int(unit))
    let zeros = String(repeating: "0", count: digits - fraction.count)
    return "\(sign)\(scaled / Int(unit)).\(zeros)\(fraction)"
  }

  /// `value` with three significant digits: `0.0123`, `4.56e-07`.
  static func significant(_ value: Double) -> String {
    if value == 0 || !value.isFinite { return "\(value)" }
    var mantissa = value.magnitude
    var exponent = 0
    while mantissa >= 9.995 { (mantissa, exponent) = (mantissa / 10, exponent + 1) }
    while mantissa < 0.9995 { (mantissa, exponent) = (mantissa * 10, exponent - 1) }
    if (-4...2).contains(exponent) { return fixed(value, 2 - exponent) }
    let digits = exponent.magnitude < 10 ? "0\(exponent.magnitude)" : "\(exponent.magnitude)"
    return (value < 0 ? "-" : "") + "\(fixed(mantissa, 2))e\(exponent < 0 ? "-" : "+")\(digits)"
  }
}

extension String {
  fileprivate var trimmingTrailingSpaces: String {
    var text = Substring(self)
    while text.last == " " { text.removeLast() }
    return String(text)
  }
}
