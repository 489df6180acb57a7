import ModelFormat
import Testing

/// Index rows and chunks that lie.
@Suite struct BlobAttackTests {
  static let chunk64: [UInt8] = [0, 1, 0, 1, 64, 0, 0, 0] + [UInt8](0..<64)

  /// A model with one weight of 64 bytes in one chunk.
  static func file(
    chunk: [UInt8] = chunk64, byteCount: UInt64 = 64, encoding: UInt64 = 1, chunkBytes: UInt64 = 64,
    palette: [UInt8] = [], tensor: Wire? = nil
  ) -> ZooFileBytes {
    let blob = Wire.blob(
      byteCount: byteCount, encoding: encoding, chunkBytes: chunkBytes, chunks: [chunk],
      palette: palette)
    return file(chunk: chunk, blob: blob, tensor: tensor)
  }

  static func file(chunk: [UInt8], blob: Wire, tensor: Wire? = nil) -> ZooFileBytes {
    let graph = Wire().bytes(1, [0x77]).packed(2, [1]).message(5, Wire().number(1, 1))
      .message(7, Wire().packed(6, [0]).packed(7, [0])).message(9, blob)
      .message(10, tensor ?? .tensor(2, [64], blob: 1))
    return ZooFileBytes(data: chunk, graph: graph)
  }

  static func load(_ file: ZooFileBytes, _ limits: ReadLimits = .default) throws -> Tensor? {
    try Model(bytes: file.bytes, limits: limits).main.weights[ValueID(0)]?.tensor()
  }

  @Test func thePlainFileIsRead() throws {
    let expected = try Tensor([UInt8](0..<64), shape: [64])
    #expect(try Self.load(Self.file()) == expected)
    let raw = [UInt8](0..<64)
    #expect(try Self.load(Self.file(chunk: raw, encoding: 0)) == expected)
  }

  struct Attack: CustomTestStringConvertible, Sendable {
    let name: String
    let file: ZooFileBytes
    let message: String
    var limits = ReadLimits.default
    var testDescription: String { name }

    init(_ name: String, _ message: String, _ file: ZooFileBytes, _ limits: ReadLimits = .default) {
      (self.name, self.file, self.message, self.limits) = (name, file, message, limits)
    }
  }

  @Test(arguments: rowAttacks + chunkAttacks + tensorAttacks)
  func isRefused(attack: Attack) {
    let error = #expect(throws: ModelError.self) { try Self.load(attack.file, attack.limits) }
    #expect(error?.description == attack.message)
  }

  static let rowAttacks = [
    Attack(
      "chunks of no size",
      "blob 0: chunks of 0 bytes; expected a multiple of 64 up to 16777216", file(chunkBytes: 0)),
    Attack(
      "chunks of odd size",
      "blob 0: chunks of 65 bytes; expected a multiple of 64 up to 16777216", file(chunkBytes: 65)),
    Attack(
      "chunks too large",
      "blob 0: chunks of 33554432 bytes; expected a multiple of 64 up to 16777216",
      file(chunkBytes: 32 << 20)),
    Attack(
      "more chunks than sizes",
      "blob 0: 1 sizes and 1 checksums of chunks; expected 2 and 2", file(byteCount: 65)),
    Attack(
      "huge blob",
      "blob 0: 18446744073709551615 decoded bytes; expected at most 8589934592. "
        + "Raise ReadLimits.tensorBytes if the file can be trusted", file(byteCount: .max)),
    Attack(
      "blob past the end", "blob 0: 500 bytes at 64; expected at most 128",
      file(
        chunk: chunk64,
        blob: Wire().number(1, 64).number(2, 1).number(3, 64).packed(4, [500]).fixed32(5, [0]))),
    Attack(
      "raw blob past the end", "blob 0: 640 bytes at 64; expected at most 64",
      file(
        chunk: [UInt8](repeating: 0, count: 64),
        blob: .blob(byteCount: 640, encoding: 0, chunkBytes: 640, chunks: [[]]))),
    Attack(
      "unknown encoding",
      "'w': bytes of encoding 9; expected 0 (raw) or 1 (chunks). Use a newer version of this library",
      file(encoding: 9)),
    Attack(
      "bytes in the gap",
      "padding at 136 that is not zero. Fetch the file again: it is damaged",
      { () -> ZooFileBytes in
        var attacked = file()
        attacked.data.append(1)
        return attacked
      }()),
  ]

  private static let layout = "; expected a chunk as schemas/container.md lays it out"

  static let chunkAttacks = [
    Attack(
      "unknown kind",
      "'w': chunk 0: a chunk of kind 7, width 1, parameter 0 with 1 streams; expected one of the kinds "
        + "of version 1", file(chunk: [7, 1, 0, 1])),
    Attack(
      "width 3",
      "'w': chunk 0: a chunk of kind 0, width 3, parameter 0 with 3 streams; expected one of the kinds "
        + "of version 1", file(chunk: [0, 3, 0, 3])),
    Attack(
      "no head", "'w': chunk 0: 2 bytes where a chunk's head has 4" + layout, file(chunk: [0, 1])),
    Attack(
      "no descriptors", "'w': chunk 0: 4 bytes where a chunk's head has 8" + layout,
      file(chunk: [0, 1, 0, 1])),
    Attack(
      "unknown codec", "'w': chunk 0: a stream of codec 15" + layout,
      file(chunk: [0, 1, 0, 1, 0, 0, 0, 0xF0])),
    Attack(
      "stream past the end",
      "'w': chunk 0: a stream of 268435455 bytes where 0 are left" + layout,
      file(chunk: [0, 1, 0, 1, 0xFF, 0xFF, 0xFF, 0x0F])),
    Attack(
      "bytes after the streams", "'w': chunk 0: 1 bytes after the last stream" + layout,
      file(chunk: chunk64 + [0])),
    Attack(
      "raw stream too short", "'w': chunk 0: a raw stream of 2 bytes instead of 64" + layout,
      file(chunk: [0, 1, 0, 1, 2, 0, 0, 0, 1, 2])),
    Attack(
      "plane too short", "'w': chunk 0: a raw stream of 31 bytes instead of 32" + layout,
      file(
        chunk: [0, 2, 1, 2, 32, 0, 0, 0, 31, 0, 0, 0] + [UInt8](repeating: 1, count: 63))),
    Attack(
      "no frame", "'w': chunk 0: a zstd frame that does not decode to 64 bytes" + layout,
      file(chunk: [0, 1, 0, 1, 2, 0, 0, 0x10, 1, 2])),
    Attack(
      "bomb", "'w': chunk 0: a zstd frame that does not decode to 64 bytes" + layout,
      file(chunk: framed(AttackTests.zstdFrame([UInt8](repeating: 0, count: 8 << 20))))),
    Attack(
      "frame too short", "'w': chunk 0: a zstd frame that does not decode to 64 bytes" + layout,
      file(chunk: framed(AttackTests.zstdFrame([UInt8](repeating: 0, count: 63))))),
    Attack(
      "words that do not fit", "'w': chunk 0: words of 8 bytes in a chunk of 63 bytes" + layout,
      file(
        chunk: [0, 8, 0, 8] + [UInt8](repeating: 0, count: 32), byteCount: 63,
        tensor: .tensor(2, [63], blob: 1))),
    Attack(
      "bitmap too long",
      "'w': chunk 0: a bitmap with bits set past its 63 words" + layout,
      file(
        chunk: [1, 1, 0, 2, 8, 0, 0, 0, 0, 0, 0, 0] + [0, 0, 0, 0, 0, 0, 0, 0x80], byteCount: 63,
        tensor: .tensor(2, [63], blob: 1))),
    Attack(
      "more bits than values", "'w': chunk 0: a raw stream of 1 bytes instead of 2" + layout,
      file(chunk: [1, 1, 0, 2, 8, 0, 0, 0, 1, 0, 0, 0] + [3, 0, 0, 0, 0, 0, 0, 0] + [9])),
    Attack(
      "no palette", "'w': chunk 0: a palette of 0 bytes for words of 4 bytes" + layout,
      file(chunk: [2, 4, 1, 1, 2, 0, 0, 0, 0, 0])),
    Attack(
      "palette of half a word", "'w': chunk 0: a palette of 6 bytes for words of 4 bytes" + layout,
      file(chunk: [2, 4, 1, 1, 2, 0, 0, 0, 0, 0], palette: [1, 2, 3, 4, 5, 6])),
    Attack(
      "palette too long", "'w': chunk 0: a palette of 257 bytes for words of 1 bytes" + layout,
      file(
        chunk: [2, 1, 1, 1, 8, 0, 0, 0] + [UInt8](repeating: 0, count: 8),
        palette: [UInt8](repeating: 0, count: 257))),
    Attack(
      "index past the palette",
      "'w': chunk 0: an index past the 1 entries of its palette" + layout,
      file(chunk: [2, 4, 1, 1, 2, 0, 0, 0, 0, 1], palette: [1, 2, 3, 4])),
  ]

  static func framed(_ frame: [UInt8]) -> [UInt8] {
    var chunk: [UInt8] = [0, 1, 0, 1]
    chunk.appendNumber(UInt32(frame.count) | 1 << 28)
    return chunk + frame
  }

  static let tensorAttacks = [
    Attack(
      "more elements than bytes", "'w': 64 bytes for a tensor f32 [64]; expected 256",
      file(tensor: .tensor(1, [64], blob: 1))),
    Attack(
      "more elements than can be counted",
      "'w': shape [4611686018427387904, 4] has more elements than can be counted",
      file(tensor: .tensor(1, [1 << 62, 4], blob: 1))),
    Attack(
      "extent over 2⁶³",
      "'w': an extent of 9223372036854775808; expected at most 8589934592. "
        + "Raise ReadLimits.tensorBytes if the file can be trusted",
      file(tensor: .tensor(1, [1 << 63], blob: 1))),
    Attack(
      "blob out of range", "'w': blob 1; expected 0 ... 0", file(tensor: .tensor(2, [64], blob: 2))),
    Attack(
      "element type 0", "'w': element type 0; expected a number of ONNX's TensorProto.DataType",
      file(tensor: .tensor(0, [64], blob: 1))),
    Attack(
      "too few bytes inside", "'w': 3 bytes for a tensor u8 [4]; expected 4",
      file(tensor: .tensor(2, [4], bytes: [1, 2, 3]))),
    Attack(
      "a boolean of 2", "'w': 2 as boolean 2; expected 0 or 1",
      file(tensor: .tensor(9, [64], blob: 1))),
    Attack(
      "a boolean of 3 inside", "'w': 3 as boolean 0; expected 0 or 1",
      file(tensor: .tensor(9, [1], bytes: [3]))),
    Attack(
      "strings without lengths", "'w': 64 bytes for strings [17]",
      file(tensor: .tensor(8, [17], blob: 1))),
    Attack(
      "string too long", "'w': string 0 of 50462976 bytes; expected at most the 60 left",
      file(tensor: .tensor(8, [1], blob: 1))),
    Attack(
      "string that is not UTF-8", "'w': string 0 that is not UTF-8",
      file(tensor: .tensor(8, [1], bytes: [1, 0, 0, 0, 0xFF]))),
    Attack(
      "bytes after the strings", "'w': 1 bytes after the last string",
      file(tensor: .tensor(8, [1], bytes: [0, 0, 0, 0, 65]))),
    Attack(
      "more than the caller allows",
      "'w': 64 or more decoded bytes in all; expected at most 63. "
        + "Raise ReadLimits.decodedBytes if the file can be trusted", file(),
      AttackTests.limits { $0.decodedBytes = 63 }),
    Attack(
      "a tensor larger than the caller allows",
      "blob 0: 64 decoded bytes; expected at most 63. "
        + "Raise ReadLimits.tensorBytes if the file can be trusted", file(),
      AttackTests.limits { $0.tensorBytes = 63 }),
  ]

  /// Many rows that share one blob decode as often as they are asked for; each counts.
  @Test func sharedBlobsCountEachTime() throws {
    var attacked = Self.file()
    for _ in 0..<20 { attacked.graph = attacked.graph.message(10, .tensor(2, [64], blob: 1)) }
    let error = #expect(throws: ModelError.self) {
      try Self.load(attacked, AttackTests.limits { $0.decodedBytes = 640 })
    }
    #expect(
      error?.description == "tensor 10: 704 or more decoded bytes in all; expected at most 640. "
        + "Raise ReadLimits.decodedBytes if the file can be trusted")
  }

  @Test func damageInAChunkIsFoundWhenItIsDecoded() throws {
    var bytes = Self.file().bytes
    bytes[64 + 20] ^= 1
    let model = try Model(bytes: bytes)
    let error = #expect(throws: ModelError.self) { try model.main.weights[ValueID(0)]?.tensor() }
    #expect(error?.code == .corrupted)
    #expect(error?.site.operand == "'w'")
  }

  @Test func laterMinorVersionsAreRead() throws {
    var later = Self.file()
    later.minor = 9
    later.graph = later.graph.number(1000, 5).bytes(1001, [1, 2, 3])
    #expect(try Self.load(later)?.count == 64)
  }
}
