/// Packed elements in a mapped file, loaded as a view where alignment allows.
struct MappedTensor: WeightSource {
  let file: MappedFile
  let offset: Int
  let elementType: ElementType
  let shape: [Int]
  var encoding = "raw"

  var storedByteCount: Int { (try? Tensor.byteCount(elementType, shape: shape)) ?? 0 }

  func load() throws(ModelError) -> Tensor {
    try file.tensor(elementType, shape: shape, at: offset)
  }

  func release() { file.release(offset..<offset + storedByteCount) }
}

/// Elements in a typed field of a `TensorProto`, decoded at each load.
struct TypedFieldTensor: WeightSource, @unchecked Sendable {
  let file: MappedFile
  let message: WireMessage
  let field: Int
  let elementType: ElementType
  let shape: [Int]

  var encoding: String { ONNXSchema.name(of: field) }
  var storedByteCount: Int { message.end - message.position }

  func load() throws(ModelError) -> Tensor {
    do {
      let tensor = elementType == .string ? try strings() : try numbers()
      withExtendedLifetime(file) {}
      return tensor
    } catch {
      throw error.error.at(file: file.path)
    }
  }

  private func strings() throws(WireError) -> Tensor {
    var strings: [String] = []
    var cursor = message
    while let found = try cursor.next() {
      if found.number == field { strings.append(try found.string()) }
    }
    return try at(message.tag) { () throws(ModelError) in
      try Tensor(strings: strings, shape: shape)
    }
  }

  private func numbers() throws(WireError) -> Tensor {
    let width = elementType.entryBytes
    var failure: WireError?
    let tensor = try at(message.tag) { () throws(ModelError) in
      try Tensor(elementType, shape: shape) { target throws(ModelError) in
        do throws(WireError) {
          let codes = elementType.bitWidth == 6 ? PackedCodes(width: 6) : nil
          var writer = EntryWriter(target: target, width: width, codes: codes)
          var cursor = message
          while let found = try cursor.next() {
            if found.number == field { try writer.append(found, normalizing: elementType == .bool) }
          }
        } catch {
          failure = error
        }
      }
    }
    if let failure { throw failure }
    return tensor
  }

  /// How many entries the field has, over all its occurrences.
  static func entryCount(_ message: WireMessage, field: Int) throws(WireError) -> Int {
    var count = 0
    var cursor = message
    while let found = try cursor.next() {
      guard found.number == field else { continue }
      switch field {
      case 6:
        _ = try found.payload()
        count += 1
      case 4, 10:
        let width = field == 4 ? 4 : 8
        guard found.count % width == 0, found.type != .varint else {
          throw WireError(found.tag, "\(found.count) bytes", expected: "a multiple of \(width)")
        }
        count += found.count / width
      default: count += try found.varintCount()
      }
    }
    return count
  }
}

/// Writes the low bytes of one entry after the other, or packs the low bits where `codes` says how.
private struct EntryWriter {
  let target: UnsafeMutableRawBufferPointer
  let width: Int
  let codes: PackedCodes?
  var position = 0

  mutating func append(_ field: WireField, normalizing: Bool) throws(WireError) {
    switch field.number {
    case 4: try appendFixed(field, UInt32.self)
    case 10: try appendFixed(field, UInt64.self)
    default:
      var position = position
      try field.varints { (value) throws(WireError) in
        if let codes, let base = target.baseAddress {
          guard (position + 1) * codes.width <= target.count * 8 else { return }
          codes.store(UInt8(truncatingIfNeeded: value), base, position)
          position += 1
          return
        }
        guard width <= target.count - position else { return }
        switch width {
        case 1:
          let byte = UInt8(truncatingIfNeeded: value)
          target[position] = normalizing ? (value == 0 ? 0 : 1) : byte
        case 2:
          target.storeBytes(
            of: UInt16(truncatingIfNeeded: value), toByteOffset: position, as: UInt16.self)
        case 4:
          target.storeBytes(
            of: UInt32(truncatingIfNeeded: value), toByteOffset: position, as: UInt32.self)
        default:
          target.storeBytes(of: value, toByteOffset: position, as: UInt64.self)
        }
        position += width
      }
      self.position = position
    }
  }

  private mutating func appendFixed<T: FixedWidthInteger>(
    _ field: WireField, _ type: T.Type
  ) throws(WireError) {
    if field.type == .bytes {
      let payload = try field.payload()
      guard payload.count <= target.count - position else { return }
      UnsafeMutableRawBufferPointer(rebasing: target[position...]).copyMemory(from: payload)
      position += payload.count
    } else {
      var position = position
      try field.fixeds(type) { (value) throws(WireError) in
        guard T.bitWidth / 8 <= target.count - position else { return }
        target.storeBytes(of: value, toByteOffset: position, as: T.self)
        position += T.bitWidth / 8
      }
      self.position = position
    }
  }
}

/// A sparse constant, given as a dense tensor when it is loaded.
package struct DensifiedTensor: WeightSource {
  package let sparse: SparseTensor

  package var encoding: String { "sparse" }
  package var storedByteCount: Int { sparse.values.byteCount + sparse.indices.byteCount }
  package func load() throws(ModelError) -> Tensor { try sparse.densified() }
}

extension ElementType {
  /// The field of `TensorProto` that holds elements of this type when `raw_data` does not.
  var typedField: Int {
    switch self {
    case .f32, .c64: 4
    case .string: 6
    case .i64: 7
    case .f64, .c128: 10
    case .u32, .u64: 11
    default: 5
    }
  }

  /// Bytes of memory that one entry of the typed field fills.
  var entryBytes: Int {
    switch self {
    case .c64: 4
    case .c128: 8
    default: max(1, bitWidth / 8)
    }
  }

  /// Entries of the typed field that `count` elements take: two for a complex number, one for a byte's worth of
  /// elements of 2 or 4 bits.
  func entryCount(of count: Int) throws(ModelError) -> Int {
    let (twice, overflow) = count.multipliedReportingOverflow(by: 2)
    if isComplex, overflow {
      throw ModelError(.limitExceeded, "\(count) complex numbers")
    }
    if isComplex { return twice }
    // Elements of 6 bits have an entry each.
    return isPacked && bitWidth < 6 ? byteCount(of: count) ?? 0 : count
  }
}
