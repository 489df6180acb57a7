/// Reads `TypeProto`, `TensorShapeProto` and `ValueInfoProto`.
///
/// Denotations (`DATA_BATCH`, `IMAGE`, …), which name what an axis or value means to people, are not kept; values of
/// opaque types are values of unknown type.
struct ONNXTypeReader {
  /// A `ValueInfoProto`.
  struct Value {
    var name = NameKey.empty
    var nameTag = 0
    var info = ValueInfo(name: "")
  }

  static func value(
    _ message: WireMessage, budget: inout ReadBudget
  ) throws(WireError) -> Value {
    var cursor = message
    var value = Value(nameTag: message.tag)
    var hasType = false
    while let field = try cursor.next() {
      switch field.number {
      case 1:
        value.name = NameKey(try field.payload())
        value.info.name = try field.string()
        value.nameTag = field.tag
      case 2:
        try field.requireFirst(!hasType)
        hasType = true
        value.info.type = try type(field.message(), depth: 1, budget: &budget)
      case 3: value.info.documentation = try field.text()
      case 4: value.info.metadata.append(try field.message().metadataEntry())
      default: break
      }
    }
    let bytes = MemoryLayout<Value>.stride + message.end - message.position
    try at(message.tag) { () throws(ModelError) in try budget.row(.values, bytes: bytes) }
    return value
  }

  /// The type, `nil` if the message says nothing of it.
  static func type(
    _ message: WireMessage, depth: Int, budget: inout ReadBudget
  ) throws(WireError) -> ValueType? {
    try at(message.tag) { () throws(ModelError) in try budget.depth(depth) }
    var cursor = message
    var result: ValueType?
    var isSet = false
    while let field = try cursor.next() {
      guard field.number != 6, field.number < 10, field.number != 2, field.number != 3 else {
        continue
      }
      try field.requireFirst(!isSet)
      isSet = true
      let inner = try field.message()
      switch field.number {
      case 1: result = try tensor(inner, budget: &budget).map(ValueType.tensor)
      case 8: result = try tensor(inner, budget: &budget).map(ValueType.sparseTensor)
      case 4: result = try element(inner, depth, &budget).map(ValueType.sequence)
      case 9: result = try element(inner, depth, &budget).map(ValueType.optional)
      case 5: result = try map(inner, depth, &budget)
      default: break
      }
    }
    return result
  }

  private static func element(
    _ message: WireMessage, _ depth: Int, _ budget: inout ReadBudget
  ) throws(WireError) -> ValueType? {
    var cursor = message
    var result: ValueType?
    while let field = try cursor.next() {
      guard field.number == 1 else { continue }
      try field.requireFirst(result == nil)
      result = try type(field.message(), depth: depth + 1, budget: &budget)
    }
    return result
  }

  private static func map(
    _ message: WireMessage, _ depth: Int, _ budget: inout ReadBudget
  ) throws(WireError) -> ValueType? {
    var cursor = message
    var key: ElementType?
    var value: ValueType?
    while let field = try cursor.next() {
      switch field.number {
      case 1: key = try elementType(field)
      case 2:
        try field.requireFirst(value == nil)
        value = try type(field.message(), depth: depth + 1, budget: &budget)
      default: break
      }
    }
    guard let key, let value else { return nil }
    return .map(key: key, value: value)
  }

  /// `nil` for an undefined element type.
  static func elementType(_ field: WireField) throws(WireError) -> ElementType? {
    let number = try field.int32()
    if number == 0 { return nil }
    guard let type = ElementType(rawValue: number) else {
      throw WireError(
        field.tag, "element type \(number)",
        expected: "a number of ONNX's TensorProto.DataType, 1 ... 28")
    }
    return type
  }

  private static func tensor(
    _ message: WireMessage, budget: inout ReadBudget
  ) throws(WireError) -> TensorType? {
    var cursor = message
    var element: ElementType?
    var shape: Shape?
    while let field = try cursor.next() {
      switch field.number {
      case 1: element = try elementType(field)
      case 2:
        try field.requireFirst(shape == nil)
        shape = try self.shape(field.message(), budget: &budget)
      default: break
      }
    }
    return element.map { TensorType($0, shape) }
  }

  private static func shape(
    _ message: WireMessage, budget: inout ReadBudget
  ) throws(WireError) -> Shape {
    var cursor = message
    var dimensions: [Dimension] = []
    while let field = try cursor.next() {
      guard field.number == 1 else { continue }
      dimensions.append(try dimension(field.message()))
      let bytes = MemoryLayout<Dimension>.stride + 4 * field.count
      try at(field.tag) { () throws(ModelError) in try budget.graph(bytes) }
    }
    return Shape(dimensions)
  }

  /// Exporters write `-1` or `?` for an extent that they do not know.
  private static func dimension(_ message: WireMessage) throws(WireError) -> Dimension {
    var cursor = message
    var dimension = Dimension.unknown
    while let field = try cursor.next() {
      switch field.number {
      case 1:
        let value = try field.int64()
        dimension = value < 0 ? .unknown : .fixed(Int(value))
      case 2:
        let name = try field.string()
        dimension = name.isEmpty || name == "?" ? .unknown : .symbol(name)
      default: break
      }
    }
    return dimension
  }
}

/// The bytes of a name in a file: compared exactly, where `String` holds different spellings of one character to be
/// equal. Valid only while the file is mapped.
struct NameKey: Hashable {
  let bytes: UnsafeRawBufferPointer

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  static var empty: NameKey { NameKey(UnsafeRawBufferPointer(start: nil, count: 0)) }

  var isEmpty: Bool { bytes.isEmpty }

  static func == (a: NameKey, b: NameKey) -> Bool {
    a.bytes.count == b.bytes.count && a.bytes.elementsEqual(b.bytes)
  }

  func hash(into hasher: inout Hasher) { hasher.combine(bytes: bytes) }
}

extension NameKey: CustomStringConvertible {
  var description: String { String(decoding: bytes, as: UTF8.self) }
}
