import CKernels

/// Turns stored chunks back into bytes. One object serves one thread at a time.
///
/// Nothing that a chunk declares is trusted: lengths must add up to the stored size, and every stream decodes into
/// memory whose size follows from the blob's own.
final class ChunkDecoder {
  private let zstd: ZstdDecompressor
  private let scratch: UnsafeMutableRawBufferPointer
  private let palette: [UInt8]

  /// - Parameters:
  ///   - chunkBytes: The decoded size of the largest chunk to come.
  ///   - palette: The blob's palette, empty if it has none.
  init(chunkBytes: Int, palette: [UInt8]) throws(ModelError) {
    zstd = try ZstdDecompressor()
    self.palette = palette
    // A bitmap and the planes of all words are the most that a chunk turns into.
    scratch = .allocate(byteCount: chunkBytes + chunkBytes / 8 + 64, alignment: 64)
  }

  deinit { scratch.deallocate() }

  /// - Throws: `.malformed` unless `stored` is one chunk that decodes to exactly `target.count` bytes.
  func decode(
    _ stored: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer
  ) throws(ModelError) {
    let (transform, streams) = try Self.streams(of: stored)
    guard target.count % transform.width == 0 else {
      throw .badChunk("words of \(transform.width) bytes in a chunk of \(target.count) bytes")
    }
    var room = scratch[...]
    let count = target.count / transform.width
    switch transform {
    case .planes(1, _):
      try decode(streams[0], into: target)
    case .planes(let width, let rotated):
      try merge(streams[...], count: count, width, rotated, room: &room, into: target.baseAddress!)
    case .sparse(let width, let rotated):
      let bitmap = try open(streams[0], count: (count + 7) / 8, room: &room)
      let base = bitmap.assumingMemoryBound(to: UInt8.self)
      // Bits past the last word would count values that the bitmap has no word for.
      if count % 8 != 0, base[count / 8] >> (count % 8) != 0 {
        throw .badChunk("a bitmap with bits set past its \(count) words")
      }
      let present = Int(zoo_bit_count(base, Int64((count + 7) / 8)))
      let values = UnsafeMutableRawPointer.allocate(
        byteCount: max(present * width, 1), alignment: 64)
      defer { values.deallocate() }
      try merge(streams[1...], count: present, width, rotated, room: &room, into: values)
      zoo_nonzero_scatter(base, values, Int64(count), Int32(width), target.baseAddress)
    case .palette(let width, let bits):
      let entries = palette.count / width
      guard entries > 0, entries <= 256, palette.count % width == 0 else {
        throw .badChunk("a palette of \(palette.count) bytes for words of \(width) bytes")
      }
      let indices = try open(streams[0], count: (count * bits + 7) / 8, room: &room)
      let fits = zoo_palette_expand(
        indices.assumingMemoryBound(to: UInt8.self), Int64(count), Int32(bits), palette,
        Int32(entries), Int32(width), target.baseAddress)
      if fits == 0 { throw .badChunk("an index past the \(entries) entries of its palette") }
    }
  }

  private struct Stream {
    let codec: StreamCodec
    let bytes: UnsafeRawBufferPointer
  }

  private static func streams(
    of stored: UnsafeRawBufferPointer
  ) throws(ModelError) -> (ChunkTransform, [Stream]) {
    guard stored.count >= ChunkTransform.headBytes else {
      throw .badChunk("\(stored.count) bytes where a chunk's head has 4")
    }
    guard
      let transform = ChunkTransform(kind: stored[0], width: stored[1], parameter: stored[2]),
      transform.streamCount == stored[3]
    else {
      throw ModelError(
        .unsupportedVersion,
        "a chunk of kind \(stored[0]), width \(stored[1]), parameter \(stored[2]) with \(stored[3]) streams",
        expected: "one of the kinds of version 1")
    }
    var start = ChunkTransform.headBytes + ChunkTransform.descriptorBytes * transform.streamCount
    guard start <= stored.count else {
      throw .badChunk("\(stored.count) bytes where a chunk's head has \(start)")
    }
    var streams: [Stream] = []
    for index in 0..<transform.streamCount {
      let descriptor = stored.u32(at: ChunkTransform.headBytes + 4 * index)
      let length = Int(descriptor & (1 << StreamCodec.lengthBits - 1))
      guard let codec = StreamCodec(rawValue: descriptor >> StreamCodec.lengthBits) else {
        throw .badChunk("a stream of codec \(descriptor >> StreamCodec.lengthBits)")
      }
      guard length <= stored.count - start else {
        throw .badChunk("a stream of \(length) bytes where \(stored.count - start) are left")
      }
      streams.append(
        Stream(
          codec: codec, bytes: UnsafeRawBufferPointer(rebasing: stored[start..<start + length])))
      start += length
    }
    guard start == stored.count else {
      throw .badChunk("\(stored.count - start) bytes after the last stream")
    }
    return (transform, streams)
  }

  private func decode(
    _ stream: Stream, into target: UnsafeMutableRawBufferPointer
  ) throws(ModelError) {
    switch stream.codec {
    case .raw:
      guard stream.bytes.count == target.count else {
        throw .badChunk("a raw stream of \(stream.bytes.count) bytes instead of \(target.count)")
      }
      target.copyMemory(from: stream.bytes)
    case .zstd:
      guard zstd.decompress(stream.bytes, into: target) else {
        throw .badChunk("a zstd frame that does not decode to \(target.count) bytes")
      }
    }
  }

  /// The decoded bytes of a stream: where they lie if they are raw, else at the start of `room`, which shrinks.
  private func open(
    _ stream: Stream, count: Int, room: inout Slice<UnsafeMutableRawBufferPointer>
  ) throws(ModelError) -> UnsafeRawPointer {
    if stream.codec == .raw, stream.bytes.count == count, let base = stream.bytes.baseAddress {
      return base
    }
    let target = UnsafeMutableRawBufferPointer(rebasing: room.prefix(count))
    try decode(stream, into: target)
    room = room.dropFirst(count)
    return UnsafeRawPointer(target.baseAddress!)
  }

  private func merge(
    _ streams: ArraySlice<Stream>, count: Int, _ width: Int, _ rotated: Bool,
    room: inout Slice<UnsafeMutableRawBufferPointer>, into words: UnsafeMutableRawPointer
  ) throws(ModelError) {
    var planes: [UnsafePointer<UInt8>?] = []
    for stream in streams {
      let plane = try open(stream, count: count, room: &room)
      planes.append(plane.assumingMemoryBound(to: UInt8.self))
    }
    zoo_planes_merge(planes, Int64(count), Int32(width), rotated ? 1 : 0, words)
  }
}

extension UnsafeRawBufferPointer {
  /// The little-endian word at `offset`, which must lie inside.
  func u32(at offset: Int) -> UInt32 {
    UInt32(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }

  func u64(at offset: Int) -> UInt64 {
    UInt64(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }
}
