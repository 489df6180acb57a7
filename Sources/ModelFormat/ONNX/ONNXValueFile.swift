/// Files that hold one ONNX value by itself: `TensorProto`, `SequenceProto`, `OptionalProto` or `MapProto`, as the
/// ONNX backend suite keeps inputs and outputs.
///
/// The bytes do not say which of them they are; the type that is expected does. Source: `onnx-data.proto`.
enum ONNXValueFile {
  static func read(
    _ file: MappedFile, as type: ValueType?, limits: ReadLimits
  ) throws(ModelError) -> Value {
    var reader = Reader(
      tensors: ONNXTensorReader(
        file: file, externalFiles: ExternalFiles(modelPath: file.path), budget: ReadBudget(limits)),
      depth: limits.depth)
    do throws(WireError) {
      return try reader.value(WireMessage(file.bytes), type ?? .tensor(.f32, nil))
    } catch {
      throw error.error.at(file: file.path, operand: "byte \(error.offset)")
    }
  }

  static func bytes(_ value: Value) throws(ModelError) -> [UInt8] {
    try message(value).serialized()
  }

  private struct Reader {
    var tensors: ONNXTensorReader
    let depth: Int

    mutating func value(
      _ message: WireMessage, _ type: ValueType, level: Int = 0
    ) throws(WireError) -> Value {
      guard level < depth else {
        throw WireError(message.tag, .limitExceeded, "values nested more than \(depth) deep")
      }
      switch type {
      case .tensor: return .tensor(try tensor(message))
      case .sparseTensor: return .sparse(try tensors.sparse(message).tensor)
      case .sequence(let element): return try sequence(message, element, level)
      case .optional(let wrapped): return try optional(message, wrapped, level)
      case .map(let key, let element): return try map(message, key, element, level)
      }
    }

    private mutating func tensor(_ message: WireMessage) throws(WireError) -> Tensor {
      let weight = try tensors.weight(message).weight
      return try at(message.tag) { () throws(ModelError) in try weight.tensor() }
    }

    /// Elements are in the field of their kind: 3 tensors, 4 sparse tensors, 5 sequences, 6 maps, 7 optionals.
    private mutating func sequence(
      _ message: WireMessage, _ element: ValueType, _ level: Int
    ) throws(WireError) -> Value {
      var cursor = message
      var values: [Value] = []
      while let field = try cursor.next() {
        guard field.number == element.sequenceField else { continue }
        values.append(try value(try field.message(), element, level: level + 1))
      }
      return .sequence(values, element: element)
    }

    /// The value is in the field of its kind: 3 tensor, 4 sparse tensor, 5 sequence, 6 map, 7 optional.
    private mutating func optional(
      _ message: WireMessage, _ wrapped: ValueType, _ level: Int
    ) throws(WireError) -> Value {
      var cursor = message
      var inner: Value?
      while let field = try cursor.next() {
        guard field.number == wrapped.sequenceField else { continue }
        inner = try value(try field.message(), wrapped, level: level + 1)
      }
      return .optional(inner, wrapped: wrapped)
    }

    private mutating func map(
      _ message: WireMessage, _ key: ElementType, _ element: ValueType, _ level: Int
    ) throws(WireError) -> Value {
      var cursor = message
      var integers: [Int64] = []
      var strings: [String] = []
      var values = Value.sequence([], element: element)
      while let field = try cursor.next() {
        switch field.number {
        case 3:
          try field.varints { (bits) throws(WireError) in integers.append(Int64(bitPattern: bits)) }
        case 4: strings.append(try field.string())
        case 5: values = try sequence(try field.message(), element, level + 1)
        default: break
        }
      }
      return try at(message.tag) { () throws(ModelError) in
        let keys =
          try key == .string
          ? Tensor(strings: strings, shape: [strings.count])
          : Tensor(integers, shape: [integers.count])
        return .map(ValueMap(keys: keys, values: values))
      }
    }
  }

  private static func message(_ value: Value) throws(ModelError) -> WireBuilder {
    var writer = ONNXTensorWriter()
    var message = WireBuilder()
    switch value {
    case .tensor(let tensor): return try writer.tensor(Weight(tensor))
    case .sparse(let sparse): return try writer.sparse(sparse)
    case .sequence(let values, let element):
      message.varint(2, Int64(element.sequenceField - 2))
      for value in values { message.message(element.sequenceField, try self.message(value)) }
    case .optional(let inner, let wrapped):
      guard let inner else { break }
      message.varint(2, Int64(wrapped.sequenceField - 2))
      message.message(wrapped.sequenceField, try self.message(inner))
    case .map(let map):
      message.varint(2, Int64(map.keys.elementType.rawValue))
      for string in map.keys.strings ?? [] { message.string(4, string) }
      for key in map.keys.elementType == .i64 ? try map.keys.array(of: Int64.self) : [] {
        message.varint(3, key)
      }
      message.message(5, try self.message(map.values))
    }
    return message
  }
}

extension ValueType {
  /// The field of `SequenceProto` and `OptionalProto` that holds values of this kind.
  fileprivate var sequenceField: Int {
    switch self {
    case .tensor: 3
    case .sparseTensor: 4
    case .sequence: 5
    case .map: 6
    case .optional: 7
    }
  }
}
