/// Codes of fewer than 8 bits in a stream of bits, the first in the lowest bits; one of 6 bits may span two bytes.
package struct PackedCodes: Sendable {
  package let width: Int

  package init(width: Int) { self.width = width }

  package var mask: UInt8 { 1 << width - 1 }

  /// The code at `index` of those at `base`.
  package func load(_ base: UnsafeRawPointer, _ index: Int) -> UInt8 {
    let (byte, shift) = (index * width / 8, index * width % 8)
    var bits = UInt16(base.load(fromByteOffset: byte, as: UInt8.self))
    if shift + width > 8 {
      bits |= UInt16(base.load(fromByteOffset: byte + 1, as: UInt8.self)) << 8
    }
    return UInt8(truncatingIfNeeded: bits >> UInt16(shift)) & mask
  }

  /// Writes the code at `index`. Codes are written in order: the first of a byte clears what follows it there.
  package func store(_ code: UInt8, _ base: UnsafeMutableRawPointer, _ index: Int) {
    let (byte, shift) = (index * width / 8, index * width % 8)
    let old = shift == 0 ? 0 : base.load(fromByteOffset: byte, as: UInt8.self)
    let low = old & ~(mask << UInt8(shift)) | (code & mask) << UInt8(shift)
    base.storeBytes(of: low, toByteOffset: byte, as: UInt8.self)
    if shift + width > 8 {
      let high = (code & mask) >> UInt8(8 - shift)
      base.storeBytes(of: high, toByteOffset: byte + 1, as: UInt8.self)
    }
  }

  /// Puts the code at `index` where zeros are, in any order.
  package func insert(_ code: UInt8, _ base: UnsafeMutableRawPointer, _ index: Int) {
    let (byte, shift) = (index * width / 8, index * width % 8)
    let bits = UInt16(code & mask) << UInt16(shift)
    for (offset, part) in [(0, UInt8(truncatingIfNeeded: bits)), (1, UInt8(bits >> 8))]
    where part != 0 {
      let old = base.load(fromByteOffset: byte + offset, as: UInt8.self)
      base.storeBytes(of: old | part, toByteOffset: byte + offset, as: UInt8.self)
    }
  }
}

// Elements that share bytes, one code a byte.
extension Tensor {
  /// The bit patterns of packed elements, one a byte, upper bits zero.
  public func unpackedCodes() throws(ModelError) -> [UInt8] {
    guard elementType.isPacked else {
      throw ModelError(
        .elementTypeMismatch, "a tensor of \(elementType)", expected: "elements of 2 to 6 bits")
    }
    let codes = PackedCodes(width: elementType.bitWidth)
    return try withBytes { (bytes) throws(ModelError) in
      guard let base = bytes.baseAddress else { return [] }
      return (0..<count).map { codes.load(base, $0) }
    }
  }

  /// A tensor of packed elements from their bit patterns, one a byte.
  public init(_ elementType: ElementType, codes: [UInt8], shape: [Int]) throws(ModelError) {
    let expected = try Tensor.count(of: shape)
    guard elementType.isPacked, codes.count == expected else {
      throw ModelError(
        .shapeMismatch, "\(codes.count) codes for a tensor \(elementType) \(shape)",
        expected: "\(expected) codes of a type of 2 to 6 bits")
    }
    let packed = PackedCodes(width: elementType.bitWidth)
    try self.init(elementType, shape: shape) { (bytes) throws(ModelError) in
      guard let base = bytes.baseAddress else { return }
      for (index, code) in codes.enumerated() { packed.store(code, base, index) }
    }
  }
}
