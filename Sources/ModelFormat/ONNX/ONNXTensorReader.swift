/// What a `TensorProto` declares, checked against the bytes that it has.
struct ONNXTensor {
  var name = ""
  var elementType = ElementType.f32
  var shape: [Int] = []
  var storage = Storage.none

  /// Where the elements are.
  enum Storage {
    case none
    /// Packed little-endian bytes in the file itself.
    case raw(offset: Int, count: Int)
    /// Numbers or strings in the typed field of that number.
    case typed(field: Int)
    case external([String: String])
  }
}

/// Reads `TensorProto` and `SparseTensorProto`.
struct ONNXTensorReader {
  let file: MappedFile
  let externalFiles: ExternalFiles
  var budget: ReadBudget

  /// A tensor whose elements stay in the file until they are asked for.
  mutating func weight(_ message: WireMessage) throws(WireError) -> (name: String, weight: Weight) {
    let tensor = try header(message)
    let bytes = try check(tensor, message)
    let source: any WeightSource
    switch tensor.storage {
    case .raw(let offset, _):
      source = MappedTensor(
        file: file, offset: offset, elementType: tensor.elementType, shape: tensor.shape)
    case .typed(let field):
      source = TypedFieldTensor(
        file: file, message: message, field: field, elementType: tensor.elementType,
        shape: tensor.shape)
    case .external(let entries):
      source = try at(message.tag) { () throws(ModelError) in
        try externalFiles.source(
          entries, elementType: tensor.elementType, shape: tensor.shape, byteCount: bytes)
      }
    case .none:
      let empty = try at(message.tag) { () throws(ModelError) in
        try Tensor.zeros(tensor.elementType, shape: tensor.shape)
      }
      source = empty
    }
    return (tensor.name, Weight(tensor.elementType, shape: tensor.shape, source: source))
  }

  /// A sparse tensor, decoded.
  mutating func sparse(
    _ message: WireMessage
  ) throws(WireError) -> (name: String, tensor: SparseTensor) {
    var cursor = message
    var values: (name: String, weight: Weight)?
    var indices: (name: String, weight: Weight)?
    var shape: [Int] = []
    while let field = try cursor.next() {
      switch field.number {
      case 1:
        try field.requireFirst(values == nil)
        values = try weight(field.message())
      case 2:
        try field.requireFirst(indices == nil)
        indices = try weight(field.message())
      case 3: try extents(field, into: &shape)
      default: break
      }
    }
    guard let values, let indices else {
      throw WireError(message.tag, "a sparse tensor without values or indices", expected: "both")
    }
    let sparse = try at(message.tag) { () throws(ModelError) in
      try SparseTensor(
        checking: values.weight.tensor(), indices: indices.weight.tensor(), shape: shape)
    }
    try at(message.tag) { () throws(ModelError) in
      try budget.tensor(Tensor.byteCount(sparse.values.elementType, shape: shape))
    }
    return (values.name, sparse)
  }

  private func extents(_ field: WireField, into shape: inout [Int]) throws(WireError) {
    // Overlapping access to an inout parameter and the closure is avoided by a local copy.
    var extents = shape
    try field.varints { (value) throws(WireError) in
      let extent = Int64(bitPattern: value)
      guard extent >= 0 else {
        throw WireError(field.tag, "a tensor with extent \(extent)", expected: "0 or more")
      }
      guard extents.count < 1 << 12 else {
        throw WireError(field.tag, .limitExceeded, "a tensor of more than 4096 axes")
      }
      extents.append(Int(extent))
    }
    shape = extents
  }

  private mutating func header(_ message: WireMessage) throws(WireError) -> ONNXTensor {
    var cursor = message
    var tensor = ONNXTensor()
    var type: Int32 = 0
    var typedFields: [Int] = []
    var entries: [String: String] = [:]
    var isExternal = false
    while let field = try cursor.next() {
      switch field.number {
      case 1: try extents(field, into: &tensor.shape)
      case 2: type = try field.int32()
      case 3:
        throw WireError(
          field.tag, "a tensor in segments",
          expected: "a whole tensor", remedy: "save the model with raw or external data")
      case 4, 5, 6, 7, 10, 11:
        if field.type != .bytes || field.count > 0 || field.number == 6 {
          if typedFields.last != field.number { typedFields.append(field.number) }
        }
      case 8: tensor.name = try field.string()
      case 9:
        _ = try field.payload()
        tensor.storage = .raw(offset: field.start, count: field.count)
      case 13:
        let entry = try field.message().metadataEntry()
        entries[entry.key] = entry.value
      case 14: isExternal = try field.int32() == 1
      default: break
      }
    }
    guard let elementType = ElementType(rawValue: type) else {
      throw WireError(
        message.tag, "a tensor of element type \(type)",
        expected: "a number of ONNX's TensorProto.DataType, 1 ... 28")
    }
    tensor.elementType = elementType
    if isExternal {
      tensor.storage = .external(entries)
    } else if let field = typedFields.first {
      guard typedFields.count == 1, case .none = tensor.storage else {
        throw WireError(
          message.tag, "a tensor whose elements are given in more than one field",
          expected: "raw_data or one typed field")
      }
      tensor.storage = .typed(field: field)
    }
    return tensor
  }

  /// Checks that the storage holds exactly the elements of the shape, and charges them to the budget.
  ///
  /// - Returns: The bytes of the decoded tensor.
  private mutating func check(
    _ tensor: ONNXTensor, _ message: WireMessage
  ) throws(WireError) -> Int {
    let type = tensor.elementType
    let what = "tensor \(type) \(tensor.shape)"
    let (count, bytes) = try at(message.tag) { () throws(ModelError) in
      let count = try Tensor.count(of: tensor.shape)
      let bytes = try Tensor.byteCount(type, shape: tensor.shape)
      try budget.tensor(type == .string ? count * MemoryLayout<String>.stride : bytes)
      return (count, bytes)
    }
    switch tensor.storage {
    case .none:
      guard count == 0 else {
        throw WireError(message.tag, "a \(what) without data", expected: "\(count) elements")
      }
    case .raw(let offset, let found):
      guard type != .string else {
        throw WireError(message.tag, "strings in raw_data", expected: "string_data")
      }
      guard found == bytes else {
        throw WireError(
          message.rawDataTag ?? offset, "\(found) bytes for a \(what)", expected: "\(bytes) bytes")
      }
    case .typed(let field):
      guard field == type.typedField else {
        throw WireError(
          message.tag, "a \(what) in \(ONNXSchema.name(of: field))",
          expected: ONNXSchema.name(of: type.typedField))
      }
      let found = try TypedFieldTensor.entryCount(message, field: field)
      let expected = try at(message.tag) { () throws(ModelError) in try type.entryCount(of: count) }
      guard found == expected else {
        throw WireError(
          message.tag, "\(found) entries of \(ONNXSchema.name(of: field)) for a \(what)",
          expected: "\(expected) entries")
      }
    case .external:
      guard type != .string else {
        throw WireError(message.tag, "strings in external data", expected: "string_data")
      }
    }
    return bytes
  }
}

extension WireMessage {
  /// The place of the last `raw_data` of a `TensorProto`.
  fileprivate var rawDataTag: Int? {
    var cursor = self
    var tag: Int?
    while let field = try? cursor.next() {
      if field.number == 9 { tag = field.tag }
    }
    return tag
  }

  /// The key and value of a `StringStringEntryProto`.
  func metadataEntry() throws(WireError) -> MetadataEntry {
    var cursor = self
    var entry = MetadataEntry("", "")
    while let field = try cursor.next() {
      switch field.number {
      case 1: entry.key = try field.text()
      case 2: entry.value = try field.text()
      default: break
      }
    }
    return entry
  }
}

extension WireField {
  /// Refuses a second value of a field that may occur once; protobuf would merge the two.
  func requireFirst(_ isFirst: Bool) throws(WireError) {
    guard isFirst else { throw WireError(tag, "a second value of a field", expected: "one") }
  }
}

extension ONNXSchema {
  static func name(of tensorField: Int) -> String {
    messages["TensorProto"]?[tensorField]?.name ?? "field \(tensorField)"
  }
}
