import CSchemas

// Tensors, sparse tensors and recorded values.
extension ModelPacker {
  /// The row of a constant tensor; its bytes go into the message if they are few, else into a blob.
  mutating func tensor(_ weight: Weight) throws(ModelError) -> UInt32 {
    let message = try arena.message(zoo__tensor__init) { (m) throws(ModelError) in
      m.element = UInt32(weight.elementType.rawValue)
      (m.n_extents, m.extents) = arena.array(try extents(weight.shape))
      let count = try Tensor.count(of: weight.shape)
      let isSmall =
        weight.elementType == .string
        ? count <= Self.inlineBytes / TensorBytes.lengthBytes
        : (weight.elementType.byteCount(of: count) ?? .max) <= Self.inlineBytes
      let small: [UInt8]? =
        isSmall
        ? try TensorBytes.with(try weight.tensor()) { bytes in
          bytes.count <= Self.inlineBytes ? [UInt8](bytes) : nil
        } : nil
      if let small {
        m.bytes = arena.bytes(small)
      } else {
        m.blob = try blobs.add(.weight(weight))
      }
    }
    tensors.append(message)
    return UInt32(tensors.count - 1)
  }

  mutating func sparse(_ value: SparseTensor) throws(ModelError) -> UInt32 {
    let values = try tensor(Weight(value.values))
    let indices = try tensor(Weight(value.indices))
    let extents = try extents(value.shape)
    let message = try arena.message(zoo__sparse__init) { m in
      m.values = values
      m.indices = indices
      (m.n_extents, m.extents) = arena.array(extents)
    }
    sparse.append(message)
    return UInt32(sparse.count - 1)
  }

  mutating func recordedCase(
    _ recorded: RecordedCase
  ) throws(ModelError) -> UnsafeMutablePointer<Zoo__Case>? {
    try arena.message(zoo__case__init) { (m) throws(ModelError) in
      m.name = text.number(of: recorded.name)
      (m.n_inputs, m.inputs) = arena.array(try named(recorded.inputs))
      (m.n_outputs, m.outputs) = arena.array(try named(recorded.outputs))
      m.absolute = recorded.absolute
      m.relative = recorded.relative
    }
  }

  private mutating func named(_ values: [NamedValue]) throws(ModelError) -> [UInt32] {
    var numbers: [UInt32] = []
    for value in values {
      numbers.append(text.number(of: value.name))
      numbers.append(try datum(value.value))
    }
    return numbers
  }

  /// The row of a value; what it holds comes first.
  private mutating func datum(_ value: Value) throws(ModelError) -> UInt32 {
    var (kind, row, type, contents) = (ZOO__TYPE_KIND__TENSOR, UInt32(0), UInt32(0), [UInt32]())
    switch value {
    case .tensor(let value): row = try tensor(Weight(value))
    case .sparse(let value): (kind, row) = (ZOO__TYPE_KIND__SPARSE_TENSOR, try sparse(value))
    case .sequence(let values, let element):
      (kind, type) = (ZOO__TYPE_KIND__SEQUENCE, self.row(of: element))
      for value in values { contents.append(try datum(value)) }
    case .optional(let wrapped, let wrappedType):
      (kind, type) = (ZOO__TYPE_KIND__OPTIONAL, self.row(of: wrappedType))
      if let wrapped { contents = [try datum(wrapped)] }
    case .map(let map):
      (kind, row) = (ZOO__TYPE_KIND__MAP, try tensor(Weight(map.keys)))
      contents = [try datum(map.values)]
    }
    let message = try arena.message(zoo__datum__init) { m in
      m.kind = kind
      m.row = row
      m.type = type
      (m.n_contents, m.contents) = arena.array(contents)
    }
    data.append(message)
    return UInt32(data.count - 1)
  }

  private func extents(_ shape: [Int]) throws(ModelError) -> [UInt64] {
    // An extent below 0 is reported here.
    _ = try Tensor.count(of: shape)
    return shape.map(UInt64.init)
  }
}
