import CZstd
import ModelFormat

/// A .zoo file put together byte by byte from `schemas/container.md`, independently of the library's writer.
struct ZooFileBytes {
  var mark: [UInt8] = [0x89, 0x5A, 0x4F, 0x4F, 0x0D, 0x0A, 0x1A, 0x0A]
  var major: UInt16 = 1
  var minor: UInt16 = 0
  var codec: UInt32 = 0
  var data: [UInt8] = []
  var graph = Wire()
  /// The graph as stored, if it is not the message itself.
  var storedGraph: [UInt8]?
  var graphBytes: Int?
  var fileBytes: Int?
  var graphOffset: Int?
  var graphChecksum: UInt32?
  var headerChecksum: UInt32?

  var bytes: [UInt8] {
    var padded = data
    while padded.count % 64 != 0 { padded.append(0) }
    let stored = storedGraph ?? graph.bytes
    var header = mark
    header.appendNumber(major)
    header.appendNumber(minor)
    header.appendNumber(codec)
    header.appendNumber(UInt64(fileBytes ?? 64 + padded.count + stored.count))
    header.appendNumber(UInt64(graphOffset ?? 64 + padded.count))
    header.appendNumber(UInt64(stored.count))
    header.appendNumber(UInt64(graphBytes ?? graph.bytes.count))
    header.appendNumber(graphChecksum ?? checksum(of: stored))
    header.appendNumber(UInt64(0))
    header.appendNumber(headerChecksum ?? checksum(of: header))
    return header + padded + stored
  }
}

func checksum(of bytes: [UInt8]) -> UInt32 { bytes.withUnsafeBytes { crc32c($0) } }

extension [UInt8] {
  mutating func appendNumber(_ value: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
  }
}

/// Protobuf, field by field.
struct Wire {
  var bytes: [UInt8] = []

  static func varint(_ value: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    var value = value
    while value > 0x7F {
      bytes.append(UInt8(value & 0x7F) | 0x80)
      value >>= 7
    }
    return bytes + [UInt8(value)]
  }

  func number(_ field: UInt64, _ value: UInt64) -> Wire {
    Wire(bytes: bytes + Self.varint(field << 3) + Self.varint(value))
  }

  func bytes(_ field: UInt64, _ content: [UInt8]) -> Wire {
    Wire(
      bytes: bytes + Self.varint(field << 3 | 2) + Self.varint(UInt64(content.count)) + content)
  }

  func message(_ field: UInt64, _ content: Wire = Wire()) -> Wire { bytes(field, content.bytes) }

  func packed(_ field: UInt64, _ values: [UInt64]) -> Wire {
    bytes(field, values.flatMap { Self.varint($0) })
  }

  func fixed32(_ field: UInt64, _ values: [UInt32]) -> Wire {
    var content: [UInt8] = []
    for value in values { content.appendNumber(value) }
    return bytes(field, content)
  }
}

// Rows of zoo.proto.
extension Wire {
  /// A graph that does nothing.
  static let empty = Wire().message(7)

  /// A blob of coded chunks.
  static func blob(
    byteCount: UInt64, encoding: UInt64 = 1, chunkBytes: UInt64 = 64, chunks: [[UInt8]],
    palette: [UInt8] = []
  ) -> Wire {
    var row = Wire().number(1, byteCount).number(2, encoding).number(3, chunkBytes)
    if encoding != 0 { row = row.packed(4, chunks.map { UInt64($0.count) }) }
    row = row.fixed32(5, chunks.map { checksum(of: $0) })
    return palette.isEmpty ? row : row.bytes(6, palette)
  }

  static func tensor(_ element: UInt64, _ extents: [UInt64], blob: UInt64) -> Wire {
    Wire().number(1, element).packed(2, extents).number(3, blob)
  }

  static func tensor(_ element: UInt64, _ extents: [UInt64], bytes: [UInt8]) -> Wire {
    Wire().number(1, element).packed(2, extents).bytes(4, bytes)
  }
}

func zstdDecoded(_ frame: [UInt8], count: Int) -> [UInt8]? {
  var bytes = [UInt8](repeating: 0, count: count)
  return ZSTD_decompress(&bytes, count, frame, frame.count) == count ? bytes : nil
}
