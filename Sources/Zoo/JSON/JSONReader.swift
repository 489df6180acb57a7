import ModelFormat

/// Reads the members of one JSON object with their types checked; `path` says where it is, for messages:
/// `tokenizer.json: model.vocab`.
struct JSONReader {
  let members: [JSON.Member]
  let path: String

  /// - Throws: `.malformed` unless `value` is an object.
  init(_ value: JSON, path: String) throws(ModelError) {
    guard case .object(let members) = value else {
      throw Self.mismatch(value, path, "an object")
    }
    self.members = members
    self.path = path
  }

  private static func mismatch(_ value: JSON, _ path: String, _ expected: String) -> ModelError {
    ModelError(.malformed, value.kind, expected: expected, at: .init(operand: path))
  }

  func place(_ name: String) -> String { "\(path).\(name)" }

  func error(_ name: String, _ found: String, expected: String) -> ModelError {
    ModelError(.malformed, found, expected: expected, at: .init(operand: place(name)))
  }

  /// The member's value; `nil` if there is none or it is `null`.
  func value(_ name: String) -> JSON? {
    for member in members where member.name.utf8.elementsEqual(name.utf8) {
      return member.value == .null ? nil : member.value
    }
    return nil
  }

  private func required<T>(_ name: String, _ value: T?) throws(ModelError) -> T {
    if let value { return value }
    throw error(name, "nothing", expected: "a value")
  }

  func string(_ name: String, default fallback: String? = nil) throws(ModelError) -> String {
    guard let value = value(name) else { return try required(name, fallback) }
    guard case .string(let text) = value else {
      throw Self.mismatch(value, place(name), "a string")
    }
    return text
  }

  func bool(_ name: String, default fallback: Bool? = nil) throws(ModelError) -> Bool {
    guard let value = value(name) else { return try required(name, fallback) }
    guard case .bool(let flag) = value else {
      throw Self.mismatch(value, place(name), "true or false")
    }
    return flag
  }

  func int(
    _ name: String, in range: ClosedRange<Int>, default fallback: Int? = nil
  ) throws(ModelError) -> Int {
    guard let value = value(name) else { return try required(name, fallback) }
    guard case .int(let number) = value else {
      throw Self.mismatch(value, place(name), "an integer")
    }
    guard range.contains(number) else {
      throw error(name, "\(number)", expected: "\(range.lowerBound) ... \(range.upperBound)")
    }
    return number
  }

  func double(_ name: String) throws(ModelError) -> Double {
    switch try required(name, value(name)) {
    case .int(let number): return Double(number)
    case .double(let number): return number
    case let other: throw Self.mismatch(other, place(name), "a number")
    }
  }

  func float(_ name: String, default fallback: Float? = nil) throws(ModelError) -> Float {
    guard let value = value(name) else { return try required(name, fallback) }
    return try Self.float(value, place(name))
  }

  private static func float(_ value: JSON, _ path: String) throws(ModelError) -> Float {
    switch value {
    case .int(let number): return Float(number)
    case .double(let number) where Float(number).isFinite: return Float(number)
    case .double(let number):
      throw ModelError(.malformed, "\(number)", expected: "a float", at: .init(operand: path))
    default: throw mismatch(value, path, "a number")
    }
  }

  /// Numbers; a single number stands for an array of one.
  func floats(_ name: String, default fallback: [Float]? = nil) throws(ModelError) -> [Float] {
    guard let value = value(name) else { return try required(name, fallback) }
    guard case .array(let elements) = value else { return [try Self.float(value, place(name))] }
    var numbers: [Float] = []
    for element in elements { numbers.append(try Self.float(element, place(name))) }
    return numbers
  }

  func strings(_ name: String, default fallback: [String]? = nil) throws(ModelError) -> [String] {
    guard let value = value(name) else { return try required(name, fallback) }
    var texts: [String] = []
    for element in try array(value, name) {
      guard case .string(let text) = element else {
        throw Self.mismatch(element, place(name), "strings")
      }
      texts.append(text)
    }
    return texts
  }

  private func array(_ value: JSON, _ name: String) throws(ModelError) -> [JSON] {
    guard case .array(let elements) = value else {
      throw Self.mismatch(value, place(name), "an array")
    }
    return elements
  }

  /// The elements of an array, each with its place; none if there is no such member.
  func elements(_ name: String) throws(ModelError) -> [JSON] {
    guard let value = value(name) else { return [] }
    return try array(value, name)
  }

  func object(_ name: String) throws(ModelError) -> JSONReader? {
    guard let value = value(name) else { return nil }
    return try JSONReader(value, path: place(name))
  }

  func requiredObject(_ name: String) throws(ModelError) -> JSONReader {
    try required(name, try object(name))
  }
}
