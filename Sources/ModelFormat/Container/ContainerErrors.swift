// What the .zoo reader says about bytes that it refuses.
extension ModelError {
  static var textModeDamage: ModelError {
    ModelError(
      .corrupted, "a .zoo file whose first bytes were changed by a transfer in text mode",
      expected: "89 5A 4F 4F 0D 0A 1A 0A", remedy: "transfer the file again in binary mode")
  }

  static func checksum(_ what: String, _ declared: UInt32, _ actual: UInt32) -> ModelError {
    ModelError(
      .corrupted, "\(what) has the checksum \(hex(actual))", expected: "\(hex(declared))",
      remedy: "fetch the file again: it is damaged")
  }

  static func badChunk(_ found: String) -> ModelError {
    ModelError(.malformed, found, expected: "a chunk as schemas/container.md lays it out")
  }

  /// A row number that its table does not have.
  static func badRow(_ what: String, _ row: some BinaryInteger, of count: Int) -> ModelError {
    ModelError(
      .malformed, "\(what) \(row)",
      expected: count == 0 ? "none: there are none" : "0 ... \(count - 1)")
  }

  static func noMemory(for what: String) -> ModelError {
    ModelError(.limitExceeded, "no memory for \(what)")
  }

  /// - Parameter limit: The name of a property of `ReadLimits`.
  static func overLimit(_ found: String, _ limit: String, _ value: Int) -> ModelError {
    ModelError(
      .limitExceeded, found, expected: "at most \(value)",
      remedy: "raise ReadLimits.\(limit) if the file can be trusted")
  }

  private static func hex(_ value: UInt32) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }
}

extension ModelError {
  static func badMessage(_ found: String) -> ModelError {
    ModelError(.malformed, "\(found) in the graph", expected: "a message of schemas/zoo.proto")
  }

  static func badGraph(_ found: String, expected: String? = nil) -> ModelError {
    ModelError(.malformed, found, expected: expected)
  }
}
