import LibC

/// `ZipMap`: a map from labels to scores for each row.
///
/// |        | name | shape | types |
/// |--------|------|-------|-------|
/// | input  | `X`  | `[N, C]` or `[C]` | `f32` |
/// | output | `Z`  | N     | sequence of maps from `i64` or `string` to `f32` |
/// | attr   | `classlabels_int64s` or `classlabels_strings` | `[C]` | |
///
/// Source: `ai.onnx.ml` `ZipMap`, version 1.
struct ZipMap: ValueOperator {
  private let labels: ClassLabels

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    labels = try ClassLabels(node, integers: "classlabels_int64s")
  }

  private var mapType: ValueType {
    .map(key: labels.elementType, value: .tensor(.f32, []))
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let columns = try inputs.tensor(0, of: [.f32]).shape?.dimensions.last ?? .unknown
    guard columns.canBe(.fixed(labels.count)) else {
      throw ModelError(
        .shapeMismatch, "\(columns) columns for \(labels.count) labels", expected: "one each")
    }
    return [.sequence(mapType)]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    let x = try call.tensor(0)
    let rows = labels.count == 0 ? 0 : x.count / labels.count
    let scores = try x.reshaped(to: [rows, labels.count])
    let keys = try labels.tensor(Array(0..<labels.count))
    let maps = try (0..<rows).map { (row) throws(ModelError) in
      Value.map(ValueMap(keys: keys, values: .tensor(try scores.slice(row, axis: 0))))
    }
    return [.sequence(maps, element: mapType)]
  }
}

/// `DictVectorizer`: a map's values in the order of a vocabulary; what the map does not have is 0 or empty.
///
/// |        | name | types |
/// |--------|------|-------|
/// | input  | `X`  | map from `string` or `i64` to `i64`, `f32`, `f64` or `string` |
/// | output | `Y`  | tensor `[1, n]` of the map's value type |
/// | attr   | `string_vocabulary` or `int64_vocabulary` | `[n]` |
///
/// Source: `ai.onnx.ml` `DictVectorizer`, version 1.
struct DictVectorizer: ValueOperator {
  private let vocabulary: CategoryTable

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    if node.has("string_vocabulary") {
      let words = try node.strings("string_vocabulary")
      vocabulary = try CategoryTable(Tensor(strings: words, shape: [words.count]))
    } else {
      let numbers = try node.ints("int64_vocabulary")
      vocabulary = try CategoryTable(Tensor(numbers, shape: [numbers.count]))
    }
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    guard case .map(_, .tensor(let value))? = inputs.types[0] else {
      throw ModelError(.elementTypeMismatch, "input 0 is no map", expected: "a map to numbers")
    }
    return [.tensor(value.element, [1, .fixed(vocabulary.count)])]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    guard case .map(let map) = try call.value(0), let values = map.values.tensor else {
      throw ModelError(.elementTypeMismatch, "input 0 is no map", expected: "a map to numbers")
    }
    var sources = [Int](repeating: 0, count: vocabulary.count)
    for (index, place) in try vocabulary.places(map.keys).enumerated() {
      if let place { sources[place] = index + 1 }
    }
    let zero = try Tensor.zeros(values.elementType, shape: [1])
    let flat = try values.reshaped(to: [values.count])
    let table = try Tensor.concatenated([zero, flat], axis: 0)
    let indices = try Tensor(sources, shape: [1, sources.count])
    return try OperatorCall.evaluate(
      Gather(axis: 0), [.tensor(table), .tensor(indices)], outputCount: 1)
  }
}

/// `CastMap`: a map's values by ascending key, as a tensor.
///
/// |        | name | types |
/// |--------|------|-------|
/// | input  | `X`  | map from `i64` to `f32` or `string` |
/// | output | `Y`  | tensor `[1, n]` of `f32`, `string` or `i64` |
/// | attr   | `cast_to` | `TO_FLOAT` (default), `TO_STRING`, `TO_INT64` |
/// | attr   | `map_form`, `max_map` | `DENSE` (default): the values alone; `SPARSE`: `max_map` values, keys are places |
///
/// Source: `ai.onnx.ml` `CastMap`, version 1.
struct CastMap: ValueOperator {
  private let target: ElementType
  private let length: Int?

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    let types: [String: ElementType] = ["TO_FLOAT": .f32, "TO_STRING": .string, "TO_INT64": .i64]
    let name = try node.choice("cast_to", of: types.keys.sorted(), default: "TO_FLOAT")
    target = types[name] ?? .f32
    let form = try node.choice("map_form", of: ["DENSE", "SPARSE"], default: "DENSE")
    length = form == "SPARSE" ? try node.int("max_map", default: 1) : nil
    guard (length ?? 0) >= 0, (length ?? 0) <= 1 << 28 else {
      throw ModelError(.invalidAttribute, "attribute 'max_map' is \(length ?? 0)", expected: "≥ 0")
    }
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    guard case .map(.i64, .tensor)? = inputs.types[0] else {
      throw ModelError(.elementTypeMismatch, "input 0", expected: "a map from i64 to a tensor")
    }
    return [.tensor(target, [1, length.map(Dimension.fixed) ?? .unknown])]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    guard case .map(let map) = try call.value(0), let values = map.values.tensor,
      let keys = map.keys.integers, keys.count == values.count
    else {
      throw ModelError(.elementTypeMismatch, "input 0 is no map", expected: "a map from i64")
    }
    let order = keys.indices.sorted { keys[$0] < keys[$1] }
    var texts = values.strings ?? []
    if values.strings == nil {
      texts = try values.floats().map { Self.sixDecimals(Double($0)) }
    }
    // What stands in empty cells of text is ONNX Runtime's choice.
    var cells = [String](repeating: target == .string ? "0.f" : "0", count: length ?? keys.count)
    for (rank, index) in order.enumerated() {
      let place = length == nil ? rank : keys[index]
      guard cells.indices.contains(place) else {
        throw ModelError(.outOfRange, "key \(keys[index])", expected: "0 ... \(cells.count - 1)")
      }
      cells[place] = texts[index]
    }
    return [.tensor(try converted(cells))]
  }

  /// As C's `%f` writes it.
  private static func sixDecimals(_ x: Double) -> String {
    // The largest f32 has 39 digits before the point.
    var text = [CChar](repeating: 0, count: 64)
    let count = withVaList([x]) { vsnprintf(&text, text.count, "%f", $0) }
    return String(decoding: text.prefix(Int(count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private func converted(_ cells: [String]) throws(ModelError) -> Tensor {
    if target == .string { return try Tensor(strings: cells, shape: [1, cells.count]) }
    let numbers = try cells.map { (text) throws(ModelError) in
      guard let number = Float(text) else {
        throw ModelError(.outOfRange, "the text '\(text)'", expected: "a number")
      }
      return number
    }
    if target == .f32 { return try Tensor(numbers, shape: [1, cells.count]) }
    return try Tensor(
      numbers.map { Int(exactly: $0.rounded(.towardZero)) ?? 0 }, shape: [1, cells.count])
  }
}
