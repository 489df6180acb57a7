// Elements that share bytes, one code a byte.
extension Tensor {
  /// The bit patterns of packed elements, one a byte, upper bits zero.
  public func unpackedCodes() throws(ModelError) -> [UInt8] {
    let width = elementType.bitWidth
    guard elementType.isPacked else {
      throw ModelError(
        .elementTypeMismatch, "a tensor of \(elementType)", expected: "2-bit or 4-bit elements")
    }
    let perByte = 8 / width
    let mask = UInt8((1 << width) - 1)
    return try withBytes { (bytes) throws(ModelError) in
      (0..<count).map { (bytes[$0 / perByte] >> UInt8($0 % perByte * width)) & mask }
    }
  }

  /// A tensor of packed elements from their bit patterns, one a byte.
  public init(_ elementType: ElementType, codes: [UInt8], shape: [Int]) throws(ModelError) {
    let width = elementType.bitWidth
    let expected = try Tensor.count(of: shape)
    guard elementType.isPacked, codes.count == expected else {
      throw ModelError(
        .shapeMismatch, "\(codes.count) codes for a tensor \(elementType) \(shape)",
        expected: "\(expected) codes of a 2-bit or 4-bit type")
    }
    let perByte = 8 / width
    let mask = UInt8((1 << width) - 1)
    try self.init(elementType, shape: shape) { (bytes) throws(ModelError) in
      for index in bytes.indices { bytes[index] = 0 }
      for (index, code) in codes.enumerated() {
        bytes[index / perByte] |= (code & mask) << UInt8(index % perByte * width)
      }
    }
  }
}
