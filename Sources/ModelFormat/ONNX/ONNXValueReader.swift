/// Reads files that hold one value: `TensorProto`, `SparseTensorProto`, `SequenceProto`, `OptionalProto` or
/// `MapProto`, as the ONNX backend suite's `.pb` files do.
///
/// The messages do not say which of them they are. The first kind that the bytes fit is taken: that of the expected
/// type, then in the order above.
enum ONNXValueReader {
  static func read(
    _ file: MappedFile, as expected: ValueType?, limits: ReadLimits
  ) throws(ModelError) -> NamedValue {
    let kinds = (expected.map { [Kind($0)] } ?? []) + Kind.allCases
    var failure: ModelError?
    for kind in kinds {
      var reader = ValueMessageReader(file, limits)
      do throws(WireError) {
        let result = try reader.value(WireMessage(file.bytes), kind, as: expected, depth: 1)
        withExtendedLifetime(file) {}
        return result
      } catch {
        failure = failure ?? error.located(in: file, message: kind.rawValue)
      }
    }
    throw failure ?? ModelError(.malformed, "no value", at: .init(file: file.path))
  }

  /// The messages that hold values.
  enum Kind: String, CaseIterable {
    case tensor = "TensorProto"
    case sparse = "SparseTensorProto"
    case sequence = "SequenceProto"
    case optional = "OptionalProto"
    case map = "MapProto"

    init(_ type: ValueType) {
      switch type {
      case .tensor: self = .tensor
      case .sparseTensor: self = .sparse
      case .sequence: self = .sequence
      case .optional: self = .optional
      case .map: self = .map
      }
    }

    /// The kind of a field of `SequenceProto` and `OptionalProto`; ONNX numbers both alike.
    init?(field: Int) {
      switch field {
      case 3: self = .tensor
      case 4: self = .sparse
      case 5: self = .sequence
      case 6: self = .map
      case 7: self = .optional
      default: return nil
      }
    }

    var field: Int {
      switch self {
      case .tensor: 3
      case .sparse: 4
      case .sequence: 5
      case .map: 6
      case .optional: 7
      }
    }

    /// ONNX's number in `elem_type`.
    var elementNumber: Int64 {
      switch self {
      case .tensor: 1
      case .sparse: 2
      case .sequence: 3
      case .map: 4
      case .optional: 5
      }
    }
  }
}

private struct ValueMessageReader {
  private var tensors: ONNXTensorReader

  init(_ file: MappedFile, _ limits: ReadLimits) {
    tensors = ONNXTensorReader(
      file: file, externalFiles: ExternalFiles(modelPath: file.path), budget: ReadBudget(limits))
  }

  mutating func value(
    _ message: WireMessage, _ kind: ONNXValueReader.Kind, as expected: ValueType?, depth: Int
  ) throws(WireError) -> NamedValue {
    do throws(ModelError) {
      try tensors.budget.depth(depth)
      try tensors.budget.row(.values, bytes: MemoryLayout<Value>.stride + 64)
    } catch { throw WireError(message.tag, error) }
    switch kind {
    case .tensor:
      let (name, weight) = try tensors.weight(message)
      let tensor = try at(message.tag) { () throws(ModelError) in try weight.tensor() }
      return NamedValue(name, .tensor(tensor))
    case .sparse:
      let (name, sparse) = try tensors.sparse(message)
      return NamedValue(name, .sparse(sparse))
    case .sequence, .optional:
      return try container(message, kind, as: expected, depth: depth)
    case .map: return try map(message, depth: depth)
    }
  }

  private mutating func container(
    _ message: WireMessage, _ kind: ONNXValueReader.Kind, as expected: ValueType?, depth: Int
  ) throws(WireError) -> NamedValue {
    var element: ValueType?
    switch expected {
    case .sequence(let type), .optional(let type): element = type
    default: break
    }
    var name = ""
    var values: [Value] = []
    var cursor = message
    while let field = try cursor.next() {
      if field.number == 1 { name = try field.string() }
      if field.number == 2 { _ = try field.int32() }
      guard let inner = ONNXValueReader.Kind(field: field.number) else {
        if field.number > 2 {
          throw WireError(field.tag, "field \(field.number)", expected: "1 ... 7")
        }
        continue
      }
      values.append(
        try value(field.message(), inner, as: element, depth: depth + 1).value)
    }
    let type = element ?? ValueType.common(of: values) ?? .tensor(.f32, nil)
    guard kind == .optional else { return NamedValue(name, .sequence(values, element: type)) }
    guard values.count < 2 else {
      throw WireError(message.tag, "an optional of \(values.count) values", expected: "0 or 1")
    }
    return NamedValue(name, .optional(values.first, wrapped: type))
  }

  private mutating func map(
    _ message: WireMessage, depth: Int
  ) throws(WireError) -> NamedValue {
    var name = ""
    var type: Int32 = 0
    var numbers: [Int64] = []
    var strings: [String] = []
    var values = Value.sequence([], element: .tensor(.f32, nil))
    var cursor = message
    while let field = try cursor.next() {
      switch field.number {
      case 1: name = try field.string()
      case 2: type = try field.int32()
      case 3:
        var more: [Int64] = []
        try field.varints { (bits) throws(WireError) in more.append(Int64(bitPattern: bits)) }
        numbers += more
      case 4: strings.append(try field.string())
      case 5:
        values = try value(field.message(), .sequence, as: nil, depth: depth + 1).value
      default: break
      }
    }
    let keys = try at(message.tag) { () throws(ModelError) in
      try Self.keys(type, numbers, strings)
    }
    guard case .sequence(let elements, _) = values, elements.count == keys.count else {
      throw WireError(message.tag, "a map of \(keys.count) keys with another number of values")
    }
    let joined = try at(message.tag) { () throws(ModelError) in try Value.joined(elements) }
    return NamedValue(name, .map(ValueMap(keys: keys, values: joined ?? values)))
  }

  private static func keys(
    _ type: Int32, _ numbers: [Int64], _ strings: [String]
  ) throws(ModelError) -> Tensor {
    guard let type = ElementType(rawValue: type), type == .string || type.isInteger else {
      throw ModelError(
        .malformed, "a map with keys of type \(type)", expected: "integers or strings")
    }
    if type == .string { return try Tensor(strings: strings, shape: [strings.count]) }
    return try Tensor(type, shape: [numbers.count]) { bytes in
      let width = type.bitWidth / 8
      for (index, number) in numbers.enumerated() where width > 0 {
        withUnsafeBytes(of: number.littleEndian) { source in
          UnsafeMutableRawBufferPointer(rebasing: bytes[(index * width)...])
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[..<width]))
        }
      }
    }
  }
}

extension ValueType {
  /// The type of which all values are: their own, or theirs without the shapes. `nil` if there is none.
  package static func common(of values: [Value]) -> ValueType? {
    guard let first = values.first?.type else { return nil }
    var result = first
    for value in values.dropFirst() where value.type != result {
      guard let a = result.tensorType, let b = value.type.tensorType, a.element == b.element else {
        return nil
      }
      result = .tensor(a.element, nil)
    }
    return result
  }
}

extension Value {
  /// Tensors of one type and shape as one tensor with a new first axis; `nil` if they are not alike.
  static func joined(_ values: [Value]) throws(ModelError) -> Value? {
    let tensors = values.compactMap(\.tensor)
    guard let first = tensors.first, tensors.count == values.count,
      tensors.allSatisfy({ $0.elementType == first.elementType && $0.shape == first.shape }),
      !first.elementType.isPacked
    else { return nil }
    let shape = [tensors.count] + first.shape
    if first.elementType == .string {
      return .tensor(try Tensor(strings: tensors.flatMap { $0.strings ?? [] }, shape: shape))
    }
    let tensor = try Tensor(first.elementType, shape: shape) { target throws(ModelError) in
      for (index, tensor) in tensors.enumerated() {
        let start = index * first.byteCount
        try tensor.withBytes { (source) throws(ModelError) in
          UnsafeMutableRawBufferPointer(rebasing: target[start...]).copyMemory(from: source)
        }
      }
    }
    return .tensor(tensor)
  }

  /// The values of a map one by one: the elements of a sequence, or the rows of a tensor.
  func split() throws(ModelError) -> [Value] {
    if case .sequence(let values, _) = self { return values }
    guard let tensor, let count = tensor.shape.first else { return [] }
    let shape = Array(tensor.shape.dropFirst())
    let size = try Tensor.count(of: shape)
    var rows: [Value] = []
    for index in 0..<count {
      if let strings = tensor.strings {
        let row = Array(strings[index * size..<(index + 1) * size])
        rows.append(.tensor(try Tensor(strings: row, shape: shape)))
      } else if !tensor.elementType.isPacked {
        let bytes = try Tensor.byteCount(tensor.elementType, shape: shape)
        let row = try Tensor(tensor.elementType, shape: shape) { target throws(ModelError) in
          try tensor.withBytes { (source) throws(ModelError) in
            target.copyMemory(
              from: UnsafeRawBufferPointer(rebasing: source[index * bytes..<(index + 1) * bytes]))
          }
        }
        rows.append(.tensor(row))
      } else {
        throw ModelError(.elementTypeMismatch, "a map to \(tensor.elementType)")
      }
    }
    return rows
  }
}
