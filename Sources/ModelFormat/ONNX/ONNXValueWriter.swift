/// Makes the messages that hold one value, as ``ONNXValueReader`` reads them.
enum ONNXValueWriter {
  static func message(_ value: Value, name: String) throws(ModelError) -> WireBuilder {
    var tensors = ONNXTensorWriter()
    switch value {
    case .tensor(let tensor): return try tensors.tensor(Weight(tensor), name: name)
    case .sparse(let sparse): return try tensors.sparse(sparse, name: name)
    case .sequence(let values, let element):
      return try container(values, name, ONNXValueReader.Kind(element))
    case .optional(let value, let wrapped):
      let values = value.map { [$0] } ?? []
      return try container(values, name, values.isEmpty ? nil : ONNXValueReader.Kind(wrapped))
    case .map(let map): return try self.map(map, name)
    }
  }

  private static func container(
    _ values: [Value], _ name: String, _ kind: ONNXValueReader.Kind?
  ) throws(ModelError) -> WireBuilder {
    var message = WireBuilder()
    message.text(1, name)
    message.varint(2, kind?.elementNumber ?? 0)
    for value in values {
      message.message(ONNXValueReader.Kind(value.type).field, try self.message(value, name: ""))
    }
    return message
  }

  private static func map(_ map: ValueMap, _ name: String) throws(ModelError) -> WireBuilder {
    var message = WireBuilder()
    message.text(1, name)
    message.varint(2, Int64(map.keys.elementType.rawValue))
    if let strings = map.keys.strings {
      for key in strings { message.string(4, key) }
    } else {
      for key in try keys(map.keys) { message.varint(3, key) }
    }
    let values = try map.values.split()
    let kind = values.first.map { ONNXValueReader.Kind($0.type) } ?? .tensor
    message.message(5, try container(values, "", kind))
    return message
  }

  private static func keys(_ tensor: Tensor) throws(ModelError) -> [Int64] {
    switch tensor.elementType {
    case .i64: return try tensor.array(of: Int64.self)
    case .i32: return try tensor.array(of: Int32.self).map { Int64($0) }
    case .i16: return try tensor.array(of: Int16.self).map { Int64($0) }
    case .i8: return try tensor.array(of: Int8.self).map { Int64($0) }
    case .u64: return try tensor.array(of: UInt64.self).map { Int64(bitPattern: $0) }
    case .u32: return try tensor.array(of: UInt32.self).map { Int64($0) }
    case .u16: return try tensor.array(of: UInt16.self).map { Int64($0) }
    case .u8: return try tensor.array(of: UInt8.self).map { Int64($0) }
    default:
      throw ModelError(
        .elementTypeMismatch, "a map with keys \(tensor.type)", expected: "integers or strings")
    }
  }
}
