import ModelFormat

/// What people give to a model: one text, one picture, one row of a table, or tensors by name.
public enum RawInput: Sendable {
  case text(String)
  case image(Image)
  /// Cells by column; a missing one has no entry.
  case row([String: String])
  case tensors([String: Tensor])

  /// What the input is, for messages and for tools that ask for it.
  public enum Kind: String, Sendable, CaseIterable {
    case text, image, row, tensors
  }

  public var kind: Kind {
    switch self {
    case .text: .text
    case .image: .image
    case .row: .row
    case .tensors: .tensors
    }
  }
}

/// What a model says about one input: named fields in a fixed order, `{"label": "7", "score": 0.998}`.
public struct Answer: Sendable, Equatable {
  public var fields: [JSON.Member]
  /// Outputs as they are, for tasks without an interpretation; not part of ``json``.
  public var tensors: [String: Tensor] = [:]

  public init(_ fields: [JSON.Member]) { self.fields = fields }

  public var json: JSON { .object(fields) }

  public subscript(name: String) -> JSON? { json[name] }

  /// The class of a classifier.
  public var label: String? { string("label") }
  /// How sure the model is, 0 … 1.
  public var score: Double? { number("score") }
  /// What a recogniser read.
  public var text: String? { string("text") }
  /// The vector of an embedding.
  public var embedding: [Float]? {
    guard case .array(let values)? = self["embedding"] else { return nil }
    return values.map { if case .double(let value) = $0 { Float(value) } else { 0 } }
  }

  public func number(_ name: String) -> Double? {
    switch self[name] {
    case .double(let value): value
    case .int(let value): Double(value)
    default: nil
    }
  }

  private func string(_ name: String) -> String? {
    if case .string(let text)? = self[name] { text } else { nil }
  }
}

extension Answer: CustomStringConvertible {
  /// The answer for people: `positive (0.998)`, `price 215000.0`.
  public var description: String {
    if let label { return label + (score.map { " (\($0.rounded(toPlaces: 4)))" } ?? "") }
    if let text { return text }
    return fields.map { field in
      if case .string(let text) = field.value { return "\(field.name) \(text)" }
      return "\(field.name) \(field.value.text())"
    }.joined(separator: ", ")
  }
}

extension Double {
  fileprivate func rounded(toPlaces places: Int) -> Double {
    let unit = (0..<places).reduce(1.0) { power, _ in power * 10 }
    return (self * unit).rounded() / unit
  }
}
