import LibC
import Zoo

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Printing. What comes from model files is shown so that it cannot steer the terminal.
enum Console {
  /// Prints a line on standard error.
  static func error(_ message: String) { try? write(message.printable + "\n", to: 2) }

  /// Prints help and other texts of the program's own on standard error.
  static func usage(_ text: String) { try? write(text + "\n", to: 2) }

  /// Prints a line on standard output.
  ///
  /// - Throws: `.fileAccess` if it cannot be written, to a full disk for example.
  static func print(_ line: String) throws(ModelError) { try print([line]) }

  /// Prints lines on standard output, in one piece.
  static func print(_ lines: [String]) throws(ModelError) {
    try print(text: lines.map { $0.printable + "\n" }.joined())
  }

  /// Prints a text of several lines, each of which is safe.
  static func print(text: String) throws(ModelError) {
    do throws(ModelError) { try write(text, to: 1) } catch {
      throw ModelError(.fileAccess, "standard output cannot be written: \(error.found)")
    }
  }

  static func json(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    let text = String(decoding: try encoder.encode(value), as: UTF8.self)
    try print(text: text.printableJSON + "\n")
  }

  static func json(_ value: JSON) throws(ModelError) {
    try print(text: value.text().printableJSON + "\n")
  }

  /// Lines of aligned cells: those of the columns `right` on the right, the others on the left.
  static func table(_ rows: [[String]], right: Set<Int> = []) -> [String] {
    let rows = rows.map { $0.map(\.printable) }
    var widths: [Int] = []
    for row in rows {
      for (index, cell) in row.enumerated() {
        if index == widths.count { widths.append(0) }
        widths[index] = max(widths[index], cell.count)
      }
    }
    return rows.map { row in
      let cells = row.enumerated().map { index, cell -> String in
        let padding = String(repeating: " ", count: widths[index] - cell.count)
        if right.contains(index) { return padding + cell }
        return index == row.count - 1 ? cell : cell + padding
      }
      return cells.joined(separator: "  ")
    }
  }

  /// - Throws: `.fileAccess` with the system's reason.
  private static func write(_ text: String, to descriptor: Int32) throws(ModelError) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { writeBytes($0, to: descriptor) }
      if count >= 0 {
        bytes = bytes.dropFirst(count)
      } else if errno == EAGAIN {
        // Whoever shares the terminal or pipe has set it not to wait.
        var state = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&state, 1, -1)
      } else if errno != EINTR {
        throw ModelError(.fileAccess, String(cString: strerror(errno)))
      }
    }
  }
}

// Numbers for people.
extension Console {
  /// `90.9 MB`
  static func bytes(_ count: Int) -> String {
    let units: [(Double, String)] = [(1e9, "GB"), (1e6, "MB"), (1e3, "kB")]
    for (size, unit) in units where Double(count) >= size {
      return "\(decimals(Double(count) / size, Double(count) / size < 10 ? 2 : 1)) \(unit)"
    }
    return "\(count) B"
  }

  static func decimals(_ value: Double, _ places: Int) -> String {
    var scale = 1.0
    for _ in 0..<places { scale *= 10 }
    guard abs(value) * scale < 1e18 else { return "\(value)" }
    let scaled = Int64((abs(value) * scale).rounded())
    let digits = String(scaled)
    let padded = String(repeating: "0", count: max(0, places + 1 - digits.count)) + digits
    let sign = value < 0 && scaled != 0 ? "-" : ""
    guard places > 0 else { return sign + padded }
    return sign + padded.dropLast(places) + "." + padded.suffix(places)
  }

  /// Four digits: `0.001235`, `-12.50`, `1.235e-07`.
  static func significant(_ value: Double) -> String {
    guard value.isFinite, value != 0 else { return decimals(value, 0) }
    var mantissa = abs(value)
    var exponent = 0
    while mantissa >= 9.9995 { (mantissa, exponent) = (mantissa / 10, exponent + 1) }
    while mantissa < 0.99995 { (mantissa, exponent) = (mantissa * 10, exponent - 1) }
    if (-4...5).contains(exponent) { return decimals(value, max(0, 3 - exponent)) }
    let digits = abs(exponent) < 10 ? "0\(abs(exponent))" : "\(abs(exponent))"
    let sign = value < 0 ? "-" : ""
    return "\(sign)\(decimals(mantissa, 3))e\(exponent < 0 ? "-" : "+")\(digits)"
  }
}

// The name of the C library, which methods of the type above hide.
private func writeBytes(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Int {
  write(descriptor, bytes.baseAddress, bytes.count)
}
