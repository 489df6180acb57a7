/// Makes `TensorProto`, `SparseTensorProto` and `TypeProto` messages.
///
/// Numbers go to `raw_data`, so that what is read back is the same to the bit.
struct ONNXTensorWriter {
  /// Where large tensors go when the model gets too big for one message.
  var external: ExternalDataPlan?

  mutating func tensor(_ weight: Weight, name: String = "") throws(ModelError) -> WireBuilder {
    var message = WireBuilder()
    for extent in weight.shape { message.varint(1, Int64(extent)) }
    message.varint(2, Int64(weight.elementType.rawValue))
    message.text(8, name)
    if weight.elementType == .string {
      for string in try weight.tensor().strings ?? [] { message.string(6, string) }
      return message
    }
    let bytes = try Tensor.byteCount(weight.elementType, shape: weight.shape)
    if let place = external?.place(weight, byteCount: bytes) {
      for entry in place { message.message(13, Self.entry(entry)) }
      message.varint(14, 1)
    } else {
      message.weight(9, weight, byteCount: bytes)
    }
    return message
  }

  mutating func sparse(
    _ sparse: SparseTensor, name: String = ""
  ) throws(ModelError) -> WireBuilder {
    var message = WireBuilder()
    message.message(1, try tensor(Weight(sparse.values), name: name))
    message.message(2, try tensor(Weight(sparse.indices)))
    for extent in sparse.shape { message.varint(3, Int64(extent)) }
    return message
  }

  static func entry(_ entry: MetadataEntry) -> WireBuilder {
    var message = WireBuilder()
    message.string(1, entry.key)
    message.string(2, entry.value)
    return message
  }

  static func type(_ type: ValueType) -> WireBuilder {
    var message = WireBuilder()
    var inner = WireBuilder()
    switch type {
    case .tensor(let tensor): message.message(1, self.tensorType(tensor))
    case .sparseTensor(let tensor): message.message(8, self.tensorType(tensor))
    case .sequence(let element):
      inner.message(1, self.type(element))
      message.message(4, inner)
    case .optional(let wrapped):
      inner.message(1, self.type(wrapped))
      message.message(9, inner)
    case .map(let key, let value):
      inner.varint(1, Int64(key.rawValue))
      inner.message(2, self.type(value))
      message.message(5, inner)
    }
    return message
  }

  private static func tensorType(_ type: TensorType) -> WireBuilder {
    var message = WireBuilder()
    message.varint(1, Int64(type.element.rawValue))
    guard let dimensions = type.shape?.dimensions else { return message }
    var shape = WireBuilder()
    for dimension in dimensions {
      var entry = WireBuilder()
      switch dimension {
      case .fixed(let value): entry.varint(1, Int64(value))
      case .symbolic(let extent): entry.string(2, extent.description)
      case .unknown: break
      }
      shape.message(1, entry)
    }
    message.message(2, shape)
    return message
  }
}

/// Where the bytes of tensors lie in a model's external data file.
struct ExternalDataPlan {
  /// The file's name, without directories.
  let fileName: String
  /// Tensors that are smaller stay in the model.
  var smallest = 1024
  private(set) var weights: [(weight: Weight, offset: Int)] = []
  private(set) var byteCount = 0

  /// ONNX's `ExternalData.md` asks for offsets at multiples of the page size, for mapping.
  private static let alignment = 4096

  init(fileName: String) { self.fileName = fileName }

  /// The entries of `external_data`, `nil` if the tensor stays in the model.
  mutating func place(_ weight: Weight, byteCount bytes: Int) -> [MetadataEntry]? {
    guard bytes >= smallest else { return nil }
    let offset = (byteCount + Self.alignment - 1) / Self.alignment * Self.alignment
    weights.append((weight, offset))
    byteCount = offset + bytes
    return [
      MetadataEntry("location", fileName), MetadataEntry("offset", "\(offset)"),
      MetadataEntry("length", "\(bytes)"),
    ]
  }

  func write(to file: AtomicFile) throws(ModelError) {
    try file.truncate(to: byteCount)
    for (weight, offset) in weights { try file.write(weight, at: offset) }
  }
}
