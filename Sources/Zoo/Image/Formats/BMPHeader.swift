import ModelFormat

/// What the headers of a bitmap say.
struct BMPHeader {
  enum Compression { case none, runs, fields }

  /// The bits of a pixel that hold one colour.
  struct Field {
    private let mask: UInt32
    private let shift: UInt32
    private let most: UInt64

    /// - Throws: `.malformed` unless the bits are next to one another.
    init(mask: UInt32) throws(ModelError) {
      self.mask = mask
      shift = mask == 0 ? 0 : UInt32(mask.trailingZeroBitCount)
      most = UInt64(mask >> shift)
      guard most & (most + 1) == 0 else { throw BMP.damaged("scattered bits of one colour") }
    }

    func value(_ pixel: UInt32) -> UInt8 {
      most == 0 ? 0 : UInt8(UInt64((pixel & mask) >> shift) * 255 / most)
    }
  }

  let width: Int
  let height: Int
  let isTopDown: Bool
  let bits: Int
  let compression: Compression
  let dataOffset: Int
  private let paletteOffset: Int
  private let paletteEntrySize: Int
  private let paletteCount: Int
  private let masks: [UInt32]

  /// Bytes from one row to the next.
  var stride: Int { (width * bits + 31) / 32 * 4 }

  init(_ bytes: UnsafeRawBufferPointer) throws(ModelError) {
    guard bytes.count >= 26 else { throw BMP.damaged("no header") }
    func number(_ offset: Int, _ count: Int) -> Int {
      guard offset + count <= bytes.count else { return 0 }
      return bytes[offset..<offset + count].reversed().reduce(0) { $0 << 8 | Int($1) }
    }
    func signed(_ offset: Int) -> Int { Int(Int32(truncatingIfNeeded: number(offset, 4))) }
    let size = number(14, 4)
    guard size == 12 || (16...124).contains(size), 14 + size <= bytes.count else {
      throw BMP.damaged("a header of \(size) bytes")
    }
    let isCore = size == 12
    width = isCore ? number(18, 2) : signed(18)
    let rows = isCore ? number(20, 2) : signed(22)
    height = abs(rows)
    isTopDown = rows < 0
    bits = number(isCore ? 24 : 28, 2)
    /// A field of the header; 0 where it is too short for it.
    func field(_ offset: Int) -> Int { offset + 4 <= 14 + size ? number(offset, 4) : 0 }
    let method = field(30)
    compression = try Self.compression(method, bits: bits, headerSize: size)
    dataOffset = number(10, 4)
    // The shortest header of its kind leaves the masks to what follows it.
    let maskCount = compression != .fields ? 0 : method == 6 || size >= 56 ? 4 : 3
    masks = (0..<maskCount).map { UInt32(truncatingIfNeeded: number(54 + 4 * $0, 4)) }
    paletteOffset = 14 + size + (size == 40 ? 4 * maskCount : 0)
    paletteEntrySize = isCore ? 3 : 4
    let declared = field(46)
    paletteCount = declared == 0 && bits <= 8 ? 1 << bits : declared
  }

  private static func compression(
    _ method: Int, bits: Int, headerSize: Int
  ) throws(ModelError) -> Compression {
    // Methods 3 and 4 of a header of OS/2 are others.
    switch (method, bits) {
    case (0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (0, 24), (0, 32): return .none
    case (1, 8), (2, 4): return .runs
    case (3, 16), (3, 32), (6, 16), (6, 32):
      if headerSize >= 40, headerSize != 64 { return .fields }
    default: break
    }
    throw ModelError(
      .malformed, "a BMP image of \(bits) bits a pixel with compression \(method)",
      expected: "1, 2, 4, 8, 16, 24 or 32 bits, plain, as run lengths or as bit fields")
  }

  /// Red, green and blue of each index.
  func palette(_ bytes: [UInt8]) throws(ModelError) -> [(UInt8, UInt8, UInt8)] {
    let count = min(paletteCount, 256)
    guard paletteOffset + count * paletteEntrySize <= bytes.count else {
      throw BMP.damaged("a palette that ends early")
    }
    return (0..<count).map { index in
      let entry = paletteOffset + index * paletteEntrySize
      return (bytes[entry + 2], bytes[entry + 1], bytes[entry])
    }
  }

  /// Red, green, blue and, if there is one, alpha. A plain pixel of 32 bits has none: its fourth byte is padding.
  func fields() throws(ModelError) -> [Field] {
    var masks = self.masks
    if masks.isEmpty {
      masks = bits == 16 ? [0x7C00, 0x03E0, 0x001F] : [0xFF_0000, 0xFF00, 0xFF]
    }
    if masks.count == 4, masks[3] == 0 { masks.removeLast() }
    var fields: [Field] = []
    for mask in masks { fields.append(try Field(mask: mask)) }
    return fields
  }
}
