/// A protobuf message under construction: bytes, with weights in between that are read only when the message is
/// written to a file.
struct WireBuilder {
  enum Segment {
    case bytes([UInt8])
    case weight(Weight, byteCount: Int)
  }

  private(set) var segments: [Segment] = []
  /// Bytes of all segments.
  private(set) var count = 0

  mutating func varint(_ number: Int, _ value: Int64) {
    append(key: number, 0)
    append(varint: UInt64(bitPattern: value))
  }

  mutating func float(_ number: Int, _ value: Float) {
    append(key: number, 5)
    withUnsafeBytes(of: value.bitPattern.littleEndian) { append(Array($0)) }
  }

  mutating func bytes(_ number: Int, _ value: some Collection<UInt8>) {
    append(key: number, 2)
    append(varint: UInt64(value.count))
    append(Array(value))
  }

  mutating func string(_ number: Int, _ value: String) { bytes(number, Array(value.utf8)) }

  /// A string, left out if it is empty.
  mutating func text(_ number: Int, _ value: String) {
    if !value.isEmpty { string(number, value) }
  }

  mutating func message(_ number: Int, _ message: WireBuilder) {
    append(key: number, 2)
    append(varint: UInt64(message.count))
    for segment in message.segments {
      switch segment {
      case .bytes(let bytes): append(bytes)
      case .weight: segments.append(segment)
      }
    }
    count += message.weightBytes
  }

  /// The packed elements of a weight.
  mutating func weight(_ number: Int, _ weight: Weight, byteCount: Int) {
    append(key: number, 2)
    append(varint: UInt64(byteCount))
    plain(weight, byteCount: byteCount)
  }

  /// Bytes as they are, without a tag.
  mutating func plain(_ bytes: [UInt8]) { append(bytes) }

  /// The packed elements of a weight, without a tag.
  mutating func plain(_ weight: Weight, byteCount: Int) {
    segments.append(.weight(weight, byteCount: byteCount))
    count += byteCount
  }

  private var weightBytes: Int {
    segments.reduce(0) { sum, segment in
      if case .weight(_, let byteCount) = segment { sum + byteCount } else { sum }
    }
  }

  private mutating func append(key number: Int, _ wireType: UInt64) {
    append(varint: UInt64(number) << 3 | wireType)
  }

  private mutating func append(varint value: UInt64) {
    var bytes: [UInt8] = []
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
    append(bytes)
  }

  private mutating func append(_ bytes: [UInt8]) {
    count += bytes.count
    if case .bytes(var last) = segments.last {
      // The segment gives up its array first, so that appending does not copy it.
      segments[segments.count - 1] = .bytes([])
      last += bytes
      segments[segments.count - 1] = .bytes(last)
    } else {
      segments.append(.bytes(bytes))
    }
  }

  /// Writes the message into a file from byte 0 on; one weight at a time is in memory.
  func write(to file: AtomicFile) throws(ModelError) {
    var offset = 0
    for segment in segments {
      switch segment {
      case .bytes(let bytes):
        try TensorBytes.with(bytes) { (bytes) throws(ModelError) in
          try file.write(bytes, at: offset)
        }
        offset += bytes.count
      case .weight(let weight, let byteCount):
        try file.write(weight, at: offset)
        offset += byteCount
      }
    }
  }

  /// The message in memory.
  func serialized() throws(ModelError) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(count)
    for segment in segments {
      switch segment {
      case .bytes(let bytes): result += bytes
      case .weight(let weight, _):
        try weight.tensor().withBytes { (bytes) throws(ModelError) in
          result.append(contentsOf: bytes)
        }
      }
    }
    return result
  }
}

extension AtomicFile {
  /// Writes the packed elements of a weight.
  func write(_ weight: Weight, at offset: Int) throws(ModelError) {
    try weight.withTensor { (tensor) throws(ModelError) in
      try tensor.withBytes { (bytes) throws(ModelError) in try write(bytes, at: offset) }
    }
  }
}
