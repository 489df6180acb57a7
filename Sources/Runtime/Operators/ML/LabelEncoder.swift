/// `LabelEncoder`: maps each element by a table.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `X`  | any   | type of the keys |
/// | output | `Y`  | of `X` | type of the values |
/// | attr   | `keys_strings`, `keys_int64s`, `keys_floats` or `keys_tensor` | `[n]` | |
/// | attr   | `values_strings`, `values_int64s`, `values_floats` or `values_tensor` | `[n]` | |
/// | attr   | `default_string`, `default_int64`, `default_float` or `default_tensor` | | for what is no key |
///
/// Version 1 has `classes_strings` instead: strings become their places, places strings. Source: `ai.onnx.ml`
/// `LabelEncoder`, versions 1, 2, 4.
struct LabelEncoder: ValueOperator {
  private let tables: [(keys: CategoryTable, values: Tensor)]

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    if node.opset < 2 {
      let names = try node.strings("classes_strings")
      tables = try Self.bothWays(
        names, Array(names.indices), try node.string("default_string", default: "_Unused"),
        try node.int("default_int64", default: -1))
      return
    }
    let keys = try Self.list(node, "keys")
    let values = try Self.list(node, "values")
    guard keys.count == values.count else {
      throw ModelError(
        .invalidAttribute, "\(keys.count) keys and \(values.count) values",
        expected: "as many of each")
    }
    let other = try Self.defaultValue(node, values.elementType)
    tables = [
      (
        try CategoryTable(keys, lastCounts: node.opset >= 4),
        try .concatenated([values, try other.reshaped(to: [1])], axis: 0)
      )
    ]
  }

  /// Tables from strings to integers and back. Of what is listed twice the last counts.
  static func bothWays(
    _ names: [String], _ numbers: [Int], _ otherName: String, _ otherNumber: Int
  ) throws(ModelError) -> [(keys: CategoryTable, values: Tensor)] {
    [
      (
        try CategoryTable(Tensor(strings: names, shape: [names.count]), lastCounts: true),
        try Tensor(numbers + [otherNumber], shape: [names.count + 1])
      ),
      (
        try CategoryTable(Tensor(numbers, shape: [numbers.count]), lastCounts: true),
        try Tensor(strings: names + [otherName], shape: [names.count + 1])
      ),
    ]
  }

  /// `CategoryMapper`: the same, with both lists given.
  init(categoryMapper node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    let names = try node.strings("cats_strings")
    let numbers = try node.ints("cats_int64s")
    guard names.count == numbers.count else {
      throw ModelError(
        .invalidAttribute, "\(names.count) strings and \(numbers.count) integers",
        expected: "as many of each")
    }
    tables = try Self.bothWays(
      names, numbers, try node.string("default_string", default: "_Unused"),
      try node.int("default_int64", default: -1))
  }

  private static func list(_ node: NodeReader, _ name: String) throws(ModelError) -> Tensor {
    if node.has("\(name)_strings") {
      let values = try node.strings("\(name)_strings")
      return try Tensor(strings: values, shape: [values.count])
    }
    if node.has("\(name)_int64s") {
      let values = try node.ints("\(name)_int64s")
      return try Tensor(values, shape: [values.count])
    }
    if node.has("\(name)_floats") {
      let values = try node.floats("\(name)_floats")
      return try Tensor(values, shape: [values.count])
    }
    let tensor = try node.tensor("\(name)_tensor")
    return try tensor.reshaped(to: [tensor.count])
  }

  private static func defaultValue(
    _ node: NodeReader, _ type: ElementType
  ) throws(ModelError) -> Tensor {
    if node.has("default_tensor") {
      let tensor = try node.tensor("default_tensor")
      guard tensor.elementType == type, tensor.count == 1 else {
        throw ModelError(
          .invalidAttribute, "attribute 'default_tensor' is \(tensor.type)", expected: "\(type) [1]"
        )
      }
      return tensor
    }
    switch type {
    case .string:
      return try Tensor(
        strings: [try node.string("default_string", default: "_Unused")], shape: [])
    case .i64: return try Tensor(scalar: try node.int("default_int64", default: -1))
    case .f32: return try Tensor(scalar: try node.float("default_float", default: -0.0))
    case .f64: return try Tensor(scalar: -0.0)
    case .i32: return try Tensor(scalar: Int32(-1))
    case .i16: return try Tensor(scalar: Int16(-1))
    default:
      throw ModelError(.invalidAttribute, "values of \(type)", expected: "strings or numbers")
    }
  }

  private func table(_ type: ElementType) throws(ModelError) -> (
    keys: CategoryTable, values: Tensor
  ) {
    guard let table = tables.first(where: { $0.keys.elementType == type }) else {
      let known = tables.map { "\($0.keys.elementType)" }.joined(separator: " or ")
      throw ModelError(.elementTypeMismatch, "a tensor of \(type)", expected: known)
    }
    return table
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0)
    return [.tensor(try table(x.element).values.elementType, x.shape)]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    let x = try call.tensor(0)
    let table = try table(x.elementType)
    let places = try table.keys.places(x).map { $0 ?? table.keys.count }
    return try OperatorCall.evaluate(
      Gather(axis: 0), [.tensor(table.values), .tensor(Tensor(places, shape: x.shape))],
      outputCount: 1)
  }
}
