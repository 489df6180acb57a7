import ModelFormat
import Testing

@Suite struct PackedElementTests {
  static let types = ElementType.allCases.filter(\.isPacked)

  @Test(arguments: types, Array(0...9)) func codesComeBack(type: ElementType, count: Int) throws {
    let mask = UInt8(1) << UInt8(type.bitWidth) - 1
    let codes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 21) & mask }
    let tensor = try Tensor(type, codes: codes, shape: [count])
    #expect(tensor.byteCount == (count * type.bitWidth + 7) / 8)
    #expect(try tensor.unpackedCodes() == codes)
  }

  /// Four elements of 6 bits in three bytes, as the comments of `onnx.proto` lay them out.
  @Test(arguments: [ElementType.f6e2m3, .f6e3m2]) func sixBitsFollowEachOther(type: ElementType)
    throws
  {
    let (a, b, c, d): (UInt8, UInt8, UInt8, UInt8) = (0x3F, 0x15, 0x2A, 0x07)
    let tensor = try Tensor(type, codes: [a, b, c, d, a], shape: [5])
    let bytes = try tensor.withBytes { Array($0) }
    #expect(bytes == [a | (b & 0x3) << 6, b >> 2 | (c & 0xF) << 4, c >> 4 | d << 2, a])
  }

  /// Source: OCP Microscaling Formats 1.0: greatest and smallest numbers.
  @Test(arguments: [
    (ElementType.f6e2m3, 7.5, 0.125, -1.0), (.f6e3m2, 28, 0.0625, -0.5),
  ])
  func sixBitsStandForNumbers(type: ElementType, greatest: Double, smallest: Double, middle: Double)
    throws
  {
    let tensor = try Tensor(type, codes: [0x1F, 0x01, 0x28, 0x20], shape: [4])
    #expect(try tensor.doubles() == [greatest, smallest, middle, 0])
  }

  @Test func insertsInAnyOrder() throws {
    let codes = PackedCodes(width: 6)
    var bytes = [UInt8](repeating: 0, count: 6)
    bytes.withUnsafeMutableBytes { target in
      guard let base = target.baseAddress else { return }
      for index in [5, 2, 7, 0] { codes.insert(UInt8(index + 40), base, index) }
      let found = (0..<8).map { codes.load(base, $0) }
      #expect(found == [40, 0, 42, 0, 0, 45, 0, 47])
    }
  }
}
