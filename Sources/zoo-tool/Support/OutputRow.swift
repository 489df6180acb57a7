import Zoo

/// What is printed of one output.
struct OutputRow: Encodable {
  let name: String?
  let type: String
  let shape: [Int]?
  let values: Numbers?
  let strings: [String]?
  /// What a sequence or an optional holds, the keys and the values of a map.
  let elements: [OutputRow]?

  /// The elements of a tensor, each to its last digit.
  enum Numbers: Encodable {
    case integers([Int64])
    case unsigned([UInt64])
    case single([Float])
    case double([Double])

    /// `nil` for strings.
    init?(_ tensor: Tensor) {
      let type = tensor.elementType
      switch type {
      case .i64: self = .integers((try? tensor.array(of: Int64.self)) ?? [])
      case .u64: self = .unsigned((try? tensor.array(of: UInt64.self)) ?? [])
      default:
        guard let values = try? tensor.doubles() else { return nil }
        if type.isInteger {
          self = .integers(values.map { Int64($0) })
        } else if type == .f64 || type == .c128 {
          self = .double(values)
        } else {
          self = .single(values.map { Float($0) })
        }
      }
    }

    func encode(to encoder: any Encoder) throws {
      switch self {
      case .integers(let values): try values.encode(to: encoder)
      case .unsigned(let values): try values.encode(to: encoder)
      case .single(let values): try values.map { Double($0) }.encode(to: encoder)
      case .double(let values): try values.encode(to: encoder)
      }
    }

    /// The first `count` as text, and one more if there are more.
    func texts(_ count: Int) -> [String] {
      switch self {
      case .integers(let values): values.prefix(count + 1).map { "\($0)" }
      case .unsigned(let values): values.prefix(count + 1).map { "\($0)" }
      case .single(let values): values.prefix(count + 1).map { "\($0)" }
      case .double(let values): values.prefix(count + 1).map { "\($0)" }
      }
    }
  }

  init(name: String?, value: Value?) {
    self.name = name
    type = value?.type.description ?? "nothing"
    shape = value?.tensor?.shape
    values = (value?.tensor).flatMap(Numbers.init)
    strings = value?.tensor?.strings
    elements = Self.parts(of: value)?.map { OutputRow(name: nil, value: $0) }
  }

  private static func parts(of value: Value?) -> [Value]? {
    switch value {
    case .sequence(let values, _): values
    case .optional(let value, _): value.map { [$0] } ?? []
    case .map(let map): [.tensor(map.keys), map.values]
    default: nil
    }
  }

  /// ` = 1.0, 2.0, …`, and a line for each element.
  func lines(indent: String = "") -> [String] {
    let texts = strings ?? values?.texts(8) ?? []
    let shown = texts.prefix(8).joined(separator: ", ") + (texts.count > 8 ? ", …" : "")
    let line = indent + (name.map { "\($0): " } ?? "") + type + (texts.isEmpty ? "" : " = \(shown)")
    return [line] + (elements ?? []).prefix(32).flatMap { $0.lines(indent: indent + "  ") }
  }
}
