import CKernels
import ModelFormat
import Testing

/// The vector kernels against their plain twins.
@Suite struct ByteKernelTests {
  static let counts = Array(0...70) + [255, 256, 257, 1023, 4096, 70_001]

  private func noise(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
  }

  @Test func checksumsAgree() {
    // RFC 3720, B.4: 32 bytes of zeros, of ones, ascending.
    #expect(zoo_crc32c(0, [UInt8](repeating: 0, count: 32), 32) == 0x8A91_36AA)
    #expect(zoo_crc32c(0, [UInt8](repeating: 0xFF, count: 32), 32) == 0x62A8_AB43)
    #expect(zoo_crc32c(0, [UInt8](0..<32), 32) == 0x46DD_794E)
    for count in Self.counts + [3071, 3072, 3073, 6144] {
      let bytes = noise(count)
      let expected = zoo_crc32c_portable(0, bytes, Int64(count))
      #expect(zoo_crc32c(0, bytes, Int64(count)) == expected, "\(count)")
      let half = zoo_crc32c(0, bytes, Int64(count / 2))
      let whole = bytes.withUnsafeBytes {
        $0.isEmpty
          ? 0 : zoo_crc32c(half, $0.baseAddress! + count / 2, Int64(count - count / 2))
      }
      #expect(whole == expected, "\(count) in halves")
    }
  }

  @Test(arguments: [1, 7, 63, 64, 65, 200])
  func aDigestDoesNotDependOnThePieces(size: Int) {
    func digest(_ bytes: [UInt8], pieces: Int) -> [UInt32] {
      var state = zoo_sha1_state()
      zoo_sha1_begin(&state)
      for start in stride(from: 0, to: bytes.count, by: pieces) {
        let piece = bytes[start..<min(start + pieces, bytes.count)]
        piece.withUnsafeBytes { zoo_sha1_add(&state, $0.baseAddress, Int64($0.count)) }
      }
      var words = [UInt32](repeating: 0, count: 5)
      zoo_sha1_end(&state, &words)
      return words
    }
    let bytes = noise(1000)
    #expect(digest(bytes, pieces: size) == digest(bytes, pieces: bytes.count))
    // FIPS 180-4's example: "abc".
    #expect(
      digest(Array("abc".utf8), pieces: size)
        == [0xa999_3e36, 0x4706_816a, 0xba3e_2571, 0x7850_c26c, 0x9cd0_d89d])
  }

  @Test(arguments: [1, 2, 4, 8], [0, 1])
  func planesAgree(width: Int, rotate: Int) {
    for count in Self.counts {
      let words = noise(count * width)
      var planes = [UInt8](repeating: 0, count: count * width)
      var expected = planes
      zoo_planes_split(words, Int64(count), Int32(width), Int32(rotate), &planes)
      zoo_planes_split_portable(words, Int64(count), Int32(width), Int32(rotate), &expected)
      #expect(planes == expected, "\(count)")
      var merged = [UInt8](repeating: 0, count: count * width)
      var twin = merged
      planes.withUnsafeBufferPointer { planes in
        let pointers: [UnsafePointer<UInt8>?] = (0..<width).map { plane in
          planes.baseAddress.map { $0 + plane * count }
        }
        zoo_planes_merge(pointers, Int64(count), Int32(width), Int32(rotate), &merged)
        zoo_planes_merge_portable(pointers, Int64(count), Int32(width), Int32(rotate), &twin)
      }
      #expect(merged == words, "\(count)")
      #expect(twin == words, "\(count)")
    }
  }

  @Test(arguments: [1, 2, 4, 8], [Pattern.noise, .zeros, .mostlyZero])
  func bitmapsComeBack(width: Int, pattern: Pattern) throws {
    let element: ElementType = [1: .u8, 2: .u16, 4: .u32, 8: .u64][width]!
    for count in Self.counts {
      let words = try pattern.tensor(element, count: count).withBytes { [UInt8]($0) }
      var bitmap = [UInt8](repeating: 0xFF, count: (count + 7) / 8)
      var values = [UInt8](repeating: 0, count: count * width)
      zoo_nonzero_gather(words, Int64(count), Int32(width), &bitmap, &values)
      let present = (0..<count).filter { i in
        words[i * width..<(i + 1) * width].contains { $0 != 0 }
      }
      let set = (0..<count).filter { bitmap[$0 / 8] >> ($0 % 8) & 1 == 1 }
      #expect(set == present)
      #expect(zoo_bit_count(bitmap, Int64(bitmap.count)) == Int64(present.count))
      #expect(zoo_nonzero_count(words, Int64(count), Int32(width)) == Int64(present.count))
      var back = [UInt8](repeating: 0xFF, count: count * width)
      zoo_nonzero_scatter(bitmap, values, Int64(count), Int32(width), &back)
      #expect(back == words)
    }
  }

  @Test(arguments: [1, 2, 4, 8], [1, 2, 3, 16, 17, 256])
  func palettesComeBack(width: Int, entries: Int) {
    guard width > 1 || entries < 256 else { return }
    var generator = SeededGenerator(seed: 3)
    let choices = (0..<entries).map { entry in
      [UInt8(entry)] + noise(width - 1, seed: UInt64(entry))
    }
    for count in Self.counts where count > 0 {
      let words = (0..<count).flatMap { _ in choices[Int.random(in: 0..<entries, using: &generator)]
      }
      var table = [UInt8](repeating: 0, count: 256 * width)
      let found = zoo_palette_collect(words, Int64(count), Int32(width), &table, 0)
      #expect(Int(found) == Set((0..<count).map { words[$0 * width] }).count)
      let bits = found <= 2 ? 1 : found <= 4 ? 2 : found <= 16 ? 4 : 8
      var indices = [UInt8](repeating: 0xAA, count: (count * bits + 7) / 8)
      zoo_palette_index(words, Int64(count), Int32(width), table, found, Int32(bits), &indices)
      var back = [UInt8](repeating: 0, count: count * width)
      let fits = zoo_palette_expand(
        indices, Int64(count), Int32(bits), table, found, Int32(width), &back)
      #expect(fits == 1)
      #expect(back == words)
    }
  }

  @Test func moreThan256WordsAreNoPalette() {
    let words = (0..<257).flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 / 256)] }
    var table = [UInt8](repeating: 0, count: 512)
    #expect(zoo_palette_collect(words, 256, 2, &table, 0) == 256)
    #expect(zoo_palette_collect(words, 257, 2, &table, 0) == -1)
  }
}
