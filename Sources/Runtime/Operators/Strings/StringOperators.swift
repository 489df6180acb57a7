/// `StringConcat`: strings of two tensors put together, broadcast. Source: ONNX, opset 20.
struct StringConcat: ValueOperator {
  init(_ node: NodeReader) throws(ModelError) { try node.require(inputs: 2...2) }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let (a, b) = (
      try inputs.tensor(0, of: [.string]).shape, try inputs.tensor(1, of: [.string]).shape
    )
    guard let a, let b else { return [.tensor(.string, nil)] }
    return [.tensor(.string, try a.broadcast(with: b))]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    let (a, b) = (try call.tensor(0), try call.tensor(1))
    guard let shape = try Shape(a.shape).broadcast(with: Shape(b.shape)).extents else {
      return []
    }
    let (left, right) = (try a.expandedStrings(shape), try b.expandedStrings(shape))
    return [.tensor(try Tensor(strings: zip(left, right).map { $0 + $1 }, shape: shape))]
  }
}

extension Tensor {
  /// The strings as they repeat in a shape that this one broadcasts to.
  fileprivate func expandedStrings(_ target: [Int]) throws(ModelError) -> [String] {
    guard let strings else {
      throw ModelError(.elementTypeMismatch, "a tensor of \(elementType)", expected: "strings")
    }
    if shape == target { return strings }
    var result: [String] = []
    forEachOffset(target, Expand.strides(shape, in: target)) { _, offset in
      result.append(strings[offset])
    }
    return result
  }
}

/// `StringSplit`: the parts of each string between delimiters.
///
/// |        | name | shape | types |
/// |--------|------|-------|-------|
/// | input  | `X`  | any   | `string` |
/// | output | `Y`  | of `X`, then the most parts; shorter rows end with empty strings | `string` |
/// | output | `Z`  | of `X`: how many parts | `i64` |
/// | attr   | `delimiter` | | default: runs of white space, none at the ends |
/// | attr   | `maxsplit` | | the most cuts, default any number |
///
/// Source: ONNX `StringSplit`, opset 20.
struct StringSplit: ValueOperator {
  private let delimiter: String
  private let cuts: Int?

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1, outputs: 1...2)
    delimiter = try node.string("delimiter", default: "")
    cuts = node.has("maxsplit") ? max(0, try node.int("maxsplit")) : nil
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let shape = try inputs.tensor(0, of: [.string]).shape
    return [
      .tensor(.string, shape.map { Shape($0.dimensions + [.unknown]) }), .tensor(.i64, shape),
    ]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    let x = try call.tensor(0)
    let rows = (x.strings ?? []).map(parts)
    let width = rows.map(\.count).max() ?? 0
    let cells = rows.flatMap { $0 + Array(repeating: "", count: width - $0.count) }
    return [
      .tensor(try Tensor(strings: cells, shape: x.shape + [width])),
      .tensor(try Tensor(rows.map { Int64($0.count) }, shape: x.shape)),
    ]
  }

  private func parts(_ text: String) -> [String] {
    if delimiter.isEmpty { return words(text) }
    var parts: [String] = []
    var rest = text[...]
    while parts.count < cuts ?? Int.max, let range = rest.firstRange(of: delimiter) {
      parts.append(String(rest[..<range.lowerBound]))
      rest = rest[range.upperBound...]
    }
    return parts + [String(rest)]
  }

  private func words(_ text: String) -> [String] {
    var words: [String] = []
    var rest = text.drop(while: \.isWhitespace)
    while !rest.isEmpty {
      if words.count == cuts ?? Int.max { return words + [String(rest)] }
      words.append(String(rest.prefix { !$0.isWhitespace }))
      rest = rest.drop { !$0.isWhitespace }.drop(while: \.isWhitespace)
    }
    return words
  }
}

/// `StringNormalizer`: drops words from a list and changes their case.
///
/// |        | name | shape | types |
/// |--------|------|-------|-------|
/// | input  | `X`  | `[n]` or `[1, n]` | `string` |
/// | output | `Y`  | what is left, one empty string if nothing is | `string` |
/// | attr   | `case_change_action` | | `LOWER`, `UPPER`, `NONE` (default) |
/// | attr   | `is_case_sensitive`, `stopwords` | | default 0; words to drop |
///
/// Case follows Unicode, not `locale`. Source: ONNX `StringNormalizer`, opset 10.
struct StringNormalizer: ValueOperator {
  private let action: String
  private let isSensitive: Bool
  private let dropped: Set<String>

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    action = try node.choice(
      "case_change_action", of: ["LOWER", "UPPER", "NONE"], default: "NONE")
    let sensitive = try node.bool("is_case_sensitive", default: false)
    isSensitive = sensitive
    let words = try node.strings("stopwords", default: [])
    dropped = Set(sensitive ? words : words.map { $0.lowercased() })
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    guard let shape = try inputs.tensor(0, of: [.string]).shape else {
      return [.tensor(.string, nil)]
    }
    guard shape.rank == 1 || (shape.rank == 2 && shape[0].canBe(1)) else {
      throw ModelError(.shapeMismatch, "a tensor \(shape)", expected: "[n] or [1, n]")
    }
    return [.tensor(.string, shape.rank == 1 ? [.unknown] : [1, .unknown])]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    let x = try call.tensor(0)
    var kept = (x.strings ?? []).filter { !dropped.contains(isSensitive ? $0 : $0.lowercased()) }
    if action == "LOWER" { kept = kept.map { $0.lowercased() } }
    if action == "UPPER" { kept = kept.map { $0.uppercased() } }
    if kept.isEmpty { kept = [""] }
    let shape = x.shape.count == 1 ? [kept.count] : [1, kept.count]
    return [.tensor(try Tensor(strings: kept, shape: shape))]
  }
}
