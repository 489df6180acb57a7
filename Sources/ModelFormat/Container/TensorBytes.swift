/// The bytes of a tensor as a .zoo file keeps them: packed elements, or, for strings, the length of each as a
/// little-endian u32, followed by all their UTF-8.
enum TensorBytes {
  static let lengthBytes = 4

  /// Calls `body` with the bytes of `tensor`.
  ///
  /// - Throws: `.limitExceeded` if a string is longer than 4 GB.
  static func with<R>(
    _ tensor: Tensor, _ body: (UnsafeRawBufferPointer) throws(ModelError) -> R
  ) throws(ModelError) -> R {
    guard let strings = tensor.strings else { return try tensor.withBytes(body) }
    var bytes: [UInt8] = []
    for string in strings {
      guard let length = UInt32(exactly: string.utf8.count) else {
        throw ModelError(
          .limitExceeded, "a string of \(string.utf8.count) bytes", expected: "at most 4294967295")
      }
      withUnsafeBytes(of: length.littleEndian) { bytes.append(contentsOf: $0) }
    }
    for string in strings { bytes.append(contentsOf: string.utf8) }
    return try with(bytes, body)
  }

  /// The same for an array; the standard library's method does not pass on typed errors.
  static func with<R>(
    _ bytes: [UInt8], _ body: (UnsafeRawBufferPointer) throws(ModelError) -> R
  ) throws(ModelError) -> R {
    try bytes.withUnsafeBytes { bytes in Result { () throws(ModelError) in try body(bytes) } }.get()
  }

  /// A tensor of the given type from its bytes.
  static func tensor(
    _ elementType: ElementType, shape: [Int], _ bytes: UnsafeRawBufferPointer
  ) throws(ModelError) -> Tensor {
    if elementType == .string { return try strings([UInt8](bytes), shape: shape) }
    let expected = try Tensor.byteCount(elementType, shape: shape)
    guard bytes.count == expected else {
      throw ModelError(
        .malformed, "\(bytes.count) bytes for a tensor \(elementType) \(shape)",
        expected: "\(expected)")
    }
    let tensor = try Tensor(elementType, shape: shape) { $0.copyMemory(from: bytes) }
    if elementType == .bool { try checkBooleans(tensor) }
    return tensor
  }

  static func strings(_ bytes: [UInt8], shape: [Int]) throws(ModelError) -> Tensor {
    let count = try Tensor.count(of: shape)
    guard count <= bytes.count / lengthBytes else {
      throw ModelError(
        .malformed, "\(bytes.count) bytes for \(count) strings",
        expected: "a length of 4 bytes for each")
    }
    var strings: [String] = []
    strings.reserveCapacity(count)
    var start = count * lengthBytes
    for index in 0..<count {
      let length = Int(bytes.withUnsafeBytes { $0.u32(at: index * lengthBytes) })
      guard length <= bytes.count - start else {
        throw ModelError(
          .malformed, "string \(index) of \(length) bytes",
          expected: "at most the \(bytes.count - start) left")
      }
      guard let string = String(validating: bytes[start..<start + length], as: UTF8.self) else {
        throw ModelError(.malformed, "string \(index) that is not UTF-8")
      }
      strings.append(string)
      start += length
    }
    guard start == bytes.count else {
      throw ModelError(.malformed, "\(bytes.count - start) bytes after the last string")
    }
    return try Tensor(strings: strings, shape: shape)
  }

  /// A Swift `Bool` whose byte is neither 0 nor 1 is undefined behaviour, so none gets in.
  static func checkBooleans(_ tensor: Tensor) throws(ModelError) {
    try tensor.withBytes { (bytes) throws(ModelError) in
      if let index = bytes.firstIndex(where: { $0 > 1 }) {
        throw ModelError(
          .malformed, "\(bytes[index]) as boolean \(index)", expected: "0 or 1")
      }
    }
  }
}
