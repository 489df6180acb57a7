import CProtobufC
import CSchemas

/// What libprotobuf-c would spend on a message, counted on the wire before it is asked to.
///
/// The library allocates whatever the bytes ask for: 10 MB of empty messages become 1.3 GB. So every message, array
/// element, unknown field and byte string is charged here first, at least as high as the library's own use.
struct MessageBudget {
  private var bytesLeft: Int
  private let limits: ReadLimits
  private let messageLimit: Int

  /// What an allocation costs beside its bytes.
  private static let allocation = 32
  /// What the library keeps for each field of a message while it reads it.
  private static let scannedField = 48

  init(_ limits: ReadLimits) {
    self.limits = limits
    bytesLeft = limits.graphBytes
    messageLimit = limits.rows
  }

  /// - Throws: `.limitExceeded` if the message takes more than `ReadLimits.graphBytes` or has more than
  ///   `ReadLimits.rows` rows in one table; `.malformed` if the bytes are no message.
  mutating func charge(
    _ bytes: UnsafeRawBufferPointer, _ descriptor: UnsafePointer<ProtobufCMessageDescriptor>
  ) throws(ModelError) {
    try spend(descriptor.pointee.sizeof_message + Self.allocation)
    let fields = UnsafeBufferPointer(
      start: descriptor.pointee.fields, count: Int(descriptor.pointee.n_fields))
    var counts = [Int](repeating: 0, count: fields.count)
    var wire = WireCursor(bytes)
    while let (number, payload) = try wire.next() {
      try spend(Self.scannedField)
      guard let index = fields.firstIndex(where: { $0.id == number }) else {
        try spend(payload.bytes.count + 2 * Self.allocation)
        continue
      }
      counts[index] += try charge(payload, fields[index])
      if counts[index] > limits.rows {
        throw .overLimit(
          "\(counts[index]) or more rows of '\(String(cString: fields[index].name))'", "rows",
          limits.rows)
      }
    }
  }

  /// Charges one occurrence of a field; gives the number of its elements.
  private mutating func charge(
    _ payload: WireCursor.Payload, _ field: ProtobufCFieldDescriptor
  ) throws(ModelError) -> Int {
    let isLengthDelimited = payload.type == 2
    switch field.type {
    case PROTOBUF_C_TYPE_MESSAGE:
      guard isLengthDelimited, let descriptor = field.descriptor else {
        throw .badMessage("a message that is not length-delimited")
      }
      try spend(2 * MemoryLayout<UnsafeRawPointer>.size)
      try charge(
        payload.bytes, descriptor.assumingMemoryBound(to: ProtobufCMessageDescriptor.self))
      return 1
    case PROTOBUF_C_TYPE_BYTES, PROTOBUF_C_TYPE_STRING:
      try spend(payload.bytes.count + Self.allocation)
      return 1
    default:
      guard isLengthDelimited else { return 1 }
      let count = payload.bytes.count(where: { $0 < 0x80 })
      let elements = field.type == PROTOBUF_C_TYPE_FIXED32 ? payload.bytes.count / 4 : count
      try spend(elements * 8 + Self.allocation)
      return elements
    }
  }

  private mutating func spend(_ bytes: Int) throws(ModelError) {
    bytesLeft -= bytes
    if bytesLeft < 0 {
      throw .overLimit("a graph that takes more memory", "graphBytes", limits.graphBytes)
    }
  }
}

/// Goes over the fields of one protobuf message.
struct WireCursor {
  struct Payload {
    let type: UInt8
    let bytes: UnsafeRawBufferPointer
  }

  private var rest: UnsafeRawBufferPointer

  init(_ bytes: UnsafeRawBufferPointer) { rest = bytes }

  /// The number and the bytes of the next field, `nil` at the end.
  mutating func next() throws(ModelError) -> (number: UInt64, Payload)? {
    guard !rest.isEmpty else { return nil }
    let key = try varint()
    let type = UInt8(key & 7)
    let length: Int
    switch type {
    case 0:
      let start = rest
      _ = try varint()
      let bytes = UnsafeRawBufferPointer(rebasing: start[..<(start.count - rest.count)])
      return (key >> 3, Payload(type: type, bytes: bytes))
    case 1: length = 8
    case 2: length = Int(exactly: try varint()) ?? .max
    case 5: length = 4
    default: throw .badMessage("a field of wire type \(type)")
    }
    guard length <= rest.count else {
      throw .badMessage("a field of \(length) bytes where \(rest.count) are left")
    }
    defer { rest = UnsafeRawBufferPointer(rebasing: rest[length...]) }
    return (key >> 3, Payload(type: type, bytes: UnsafeRawBufferPointer(rebasing: rest[..<length])))
  }

  private mutating func varint() throws(ModelError) -> UInt64 {
    var value: UInt64 = 0
    for (index, byte) in rest.prefix(10).enumerated() {
      value |= UInt64(byte & 0x7F) << (7 * index)
      if byte < 0x80 {
        rest = UnsafeRawBufferPointer(rebasing: rest[(index + 1)...])
        return value
      }
    }
    throw .badMessage("a number that does not end")
  }
}
