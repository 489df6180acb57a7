/// The first 64 bytes of a .zoo file; `schemas/container.md` specifies them.
struct ContainerHeader: Equatable {
  /// A byte with the top bit set, the name, and line ends of both kinds around the mark at which DOS stops reading:
  /// whatever a transfer in text mode does to a file, it does to these.
  static let magic: [UInt8] = [0x89, 0x5A, 0x4F, 0x4F, 0x0D, 0x0A, 0x1A, 0x0A]
  static let byteCount = 64
  static let majorVersion: UInt16 = 1
  static let minorVersion: UInt16 = 0

  enum GraphCodec: UInt32 {
    case raw = 0
    case zstd = 1
  }

  var minorVersion = Self.minorVersion
  var graphCodec: GraphCodec
  var fileBytes: Int
  var graphOffset: Int
  var graphStoredBytes: Int
  var graphBytes: Int
  var graphChecksum: UInt32

  var bytes: [UInt8] {
    var bytes = Self.magic
    func append(_ value: some FixedWidthInteger) {
      withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
    append(Self.majorVersion)
    append(minorVersion)
    append(graphCodec.rawValue)
    for number in [fileBytes, graphOffset, graphStoredBytes, graphBytes] { append(UInt64(number)) }
    append(graphChecksum)
    append(UInt64(0))
    append(bytes.withUnsafeBytes { crc32c($0) })
    return bytes
  }
}

extension ContainerHeader {
  /// Whether the bytes begin as a .zoo file does, be it damaged by a transfer in text mode.
  static func isMarked(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.count >= 4 && (bytes[0] & 0x7F) == 0x09 && bytes[1..<4].elementsEqual(magic[1..<4])
  }

  /// Reads the header and checks it against the size of the file.
  init(_ file: UnsafeRawBufferPointer) throws(ModelError) {
    guard file.count >= 8, file[..<8].elementsEqual(Self.magic) else {
      throw Self.isMarked(file) && file.count >= 8
        ? .textModeDamage
        : ModelError(
          .malformed, "not the first bytes of a .zoo file", expected: "the mark 89 'ZOO'")
    }
    guard file.count >= Self.byteCount else {
      throw ModelError(
        .malformed, "a file of \(file.count) bytes", expected: "a header of 64 bytes",
        remedy: "fetch the file again: it was cut off")
    }
    let major = UInt16(truncatingIfNeeded: file.u32(at: 8))
    minorVersion = UInt16(truncatingIfNeeded: file.u32(at: 8) >> 16)
    guard major == Self.majorVersion else {
      throw ModelError(
        .unsupportedVersion, "format version \(major).\(minorVersion)",
        expected: "version \(Self.majorVersion)", remedy: "use a newer version of this library")
    }
    let checksum = crc32c(UnsafeRawBufferPointer(rebasing: file[..<60]))
    guard isChecksum(checksum, file.u32(at: 60)) else {
      throw .checksum("the header", file.u32(at: 60), checksum)
    }
    guard let codec = GraphCodec(rawValue: file.u32(at: 12)) else {
      throw ModelError(
        .malformed, "codec \(file.u32(at: 12)) of the graph", expected: "0 (raw) or 1 (zstd)")
    }
    graphCodec = codec
    let sizes = [16, 24, 32, 40].map { Int(exactly: file.u64(at: $0)) ?? .max }
    (fileBytes, graphOffset, graphStoredBytes, graphBytes) = (
      sizes[0], sizes[1], sizes[2], sizes[3]
    )
    graphChecksum = file.u32(at: 48)
    guard fileBytes == file.count else {
      throw ModelError(
        .malformed, "a file of \(file.count) bytes", expected: "\(fileBytes), as the header says",
        remedy: "fetch the file again")
    }
    guard graphOffset >= Self.byteCount, graphOffset <= fileBytes,
      graphStoredBytes == fileBytes - graphOffset
    else {
      throw ModelError(
        .malformed, "a graph of \(graphStoredBytes) bytes at \(graphOffset)",
        expected: "one that ends with the file, at \(fileBytes)")
    }
  }
}
