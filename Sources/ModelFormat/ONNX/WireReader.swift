/// An error at a place in a protobuf file. ``ONNXSchema/path(to:in:)`` turns the offset into a field path.
struct WireError: Error {
  /// The offset of the tag of the field or message that is wrong.
  let offset: Int
  let error: ModelError

  init(_ offset: Int, _ error: ModelError) {
    self.offset = offset
    self.error = error
  }

  init(
    _ offset: Int, _ code: ModelError.Code, _ found: String, expected: String? = nil,
    remedy: String? = nil
  ) {
    self.init(offset, ModelError(code, found, expected: expected, remedy: remedy))
  }

  init(_ offset: Int, _ found: String, expected: String? = nil, remedy: String? = nil) {
    self.init(offset, .malformed, found, expected: expected, remedy: remedy)
  }
}

/// Runs `body` and says of its error that it sits at `offset`.
func at<R>(_ offset: Int, _ body: () throws(ModelError) -> R) throws(WireError) -> R {
  do { return try body() } catch { throw WireError(offset, error) }
}

/// A cursor over the fields of one protobuf message that lies in a file's bytes. Nothing is copied; every length is
/// checked against the end of the message that holds it.
///
/// Source: the protobuf encoding guide. Groups, which ONNX has none of, are refused.
struct WireMessage {
  let bytes: UnsafeRawBufferPointer
  /// The offset of the tag that opens the message, for errors about the message as a whole.
  let tag: Int
  private(set) var position: Int
  let end: Int

  init(_ bytes: UnsafeRawBufferPointer) {
    self.init(bytes, tag: 0, position: 0, end: bytes.count)
  }

  init(_ bytes: UnsafeRawBufferPointer, tag: Int, position: Int, end: Int) {
    self.bytes = bytes
    self.tag = tag
    self.position = position
    self.end = end
  }

  /// The next field, `nil` at the end of the message.
  mutating func next() throws(WireError) -> WireField? {
    guard position < end else { return nil }
    let tag = position
    let key = try varint(tag)
    guard key >> 3 != 0, key >> 32 == 0 else {
      throw WireError(
        tag, "field number \(key >> 3)", expected: "1 ... 536870911", remedy: notONNX)
    }
    var field = WireField(bytes: bytes, tag: tag, number: Int(key >> 3))
    switch key & 7 {
    case 0:
      field.value = try varint(tag)
    case 1:
      field.value = try fixed(tag, UInt64.self)
      field.type = .fixed64
    case 2:
      let length = try varint(tag)
      guard length <= UInt64(end - position) else {
        throw WireError(
          tag, "a field of \(length) bytes with \(end - position) bytes left",
          remedy: "check that the file was copied completely")
      }
      field.start = position
      field.end = position + Int(length)
      field.type = .bytes
      position = field.end
    case 5:
      field.value = UInt64(try fixed(tag, UInt32.self))
      field.type = .fixed32
    case let type:
      throw WireError(tag, "wire type \(type)", expected: "0, 1, 2 or 5", remedy: notONNX)
    }
    return field
  }

  private var notONNX: String { "check that this is an ONNX file and was copied in binary mode" }

  mutating func varint(_ tag: Int) throws(WireError) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while position < end {
      let byte = bytes[position]
      position += 1
      if shift == 63, byte > 1 { break }
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    if position < end || shift == 63 {
      throw WireError(tag, "a number of more than 64 bits", remedy: notONNX)
    }
    throw WireError(
      tag, "a number that ends early", remedy: "check that the file was copied completely")
  }

  mutating func fixed<T: FixedWidthInteger>(_ tag: Int, _: T.Type) throws(WireError) -> T {
    let size = MemoryLayout<T>.size
    guard size <= end - position else {
      throw WireError(
        tag, "a number of \(size) bytes with \(end - position) bytes left",
        remedy: "check that the file was copied completely")
    }
    defer { position += size }
    return T(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: T.self))
  }
}

/// One field of a message.
struct WireField {
  enum WireType: String {
    case varint = "a number"
    case fixed64 = "8 bytes"
    case bytes = "a length and bytes"
    case fixed32 = "4 bytes"
  }

  let bytes: UnsafeRawBufferPointer
  let tag: Int
  let number: Int
  fileprivate(set) var type = WireType.varint
  fileprivate(set) var value: UInt64 = 0
  fileprivate(set) var start = 0
  fileprivate(set) var end = 0

  /// The length of the payload in bytes.
  var count: Int { type == .bytes ? end - start : type == .fixed32 ? 4 : 8 }

  func require(_ expected: WireType) throws(WireError) {
    guard type == expected else {
      throw WireError(tag, "\(type.rawValue)", expected: "\(expected.rawValue)")
    }
  }

  func int64() throws(WireError) -> Int64 {
    try require(.varint)
    return Int64(bitPattern: value)
  }

  /// An `int32` or enumeration: the low half of the number.
  func int32() throws(WireError) -> Int32 { Int32(truncatingIfNeeded: try int64()) }

  func float() throws(WireError) -> Float {
    try require(.fixed32)
    return Float(bitPattern: UInt32(truncatingIfNeeded: value))
  }

  func payload() throws(WireError) -> UnsafeRawBufferPointer {
    try require(.bytes)
    return UnsafeRawBufferPointer(rebasing: bytes[start..<end])
  }

  func message() throws(WireError) -> WireMessage {
    try require(.bytes)
    return WireMessage(bytes, tag: tag, position: start, end: end)
  }

  /// A name. Names that are not UTF-8 cannot be told apart as text, so they are refused.
  func string() throws(WireError) -> String {
    guard let string = String(validatingUTF8: try payload()) else {
      throw WireError(tag, "text that is not UTF-8")
    }
    return string
  }

  /// Text for people: what is not UTF-8 is replaced by U+FFFD.
  func text() throws(WireError) -> String { String(decoding: try payload(), as: UTF8.self) }

  /// The numbers of a repeated field, packed or not.
  func varints(_ body: (UInt64) throws(WireError) -> Void) throws(WireError) {
    if type == .varint { return try body(value) }
    var cursor = try message()
    while cursor.position < end { try body(try cursor.varint(tag)) }
  }

  /// The 4- or 8-byte numbers of a repeated field, packed or not.
  func fixeds<T: FixedWidthInteger>(
    _ type: T.Type, _ body: (T) throws(WireError) -> Void
  ) throws(WireError) {
    if self.type == (T.bitWidth == 32 ? .fixed32 : .fixed64) {
      return try body(T(truncatingIfNeeded: value))
    }
    var cursor = try message()
    while cursor.position < end { try body(try cursor.fixed(tag, type)) }
  }

  /// How many numbers ``varints(_:)`` gives.
  func varintCount() throws(WireError) -> Int {
    if type == .varint { return 1 }
    var count = 0
    for byte in try payload() where byte < 0x80 { count += 1 }
    return count
  }
}

extension String {
  /// The text of these bytes, `nil` if they are not UTF-8.
  init?(validatingUTF8 bytes: UnsafeRawBufferPointer) {
    let text = bytes.withMemoryRebound(to: UInt8.self) { String(validating: $0, as: UTF8.self) }
    guard let text else { return nil }
    self = text
  }
}
