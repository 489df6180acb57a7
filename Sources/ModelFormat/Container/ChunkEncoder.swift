import CKernels

/// What a writer tries for the chunks of one tensor.
struct ChunkPlan {
  /// In the order of preference: of two that are equally small the first wins.
  var transforms: [ChunkTransform]
  /// Beside raw bytes; the smallest wins, stream by stream.
  var efforts: [ZstdCompressor.Effort]
  /// For the streams of the transform that won.
  var lastEffort: ZstdCompressor.Effort?
  /// From which share of zero words on a bitmap is tried.
  static let sparseShare = 0.25

  /// - Parameters:
  ///   - element: `nil` for bytes without a type.
  ///   - palette: The number of entries, if there is a palette.
  init(_ element: ElementType?, palette: Int?, level: CompressionLevel) {
    let width = Self.wordBytes(of: element)
    let isFloat = element.map { $0.isFloatingPoint || $0.isComplex } ?? false
    let rotated = isFloat && width > 1
    efforts = [.frequencies, .level(3)]
    transforms = [.planes(width: width, rotated: rotated)]
    if level == .fast {
      if isFloat { efforts = [.frequencies] }
    } else if width > 1 {
      if rotated { transforms.append(.planes(width: width, rotated: false)) }
      transforms.append(.planes(width: 1, rotated: false))
    }
    if level == .max { lastEffort = .level(19) }
    transforms.append(.sparse(width: width, rotated: rotated))
    if let palette {
      let bits = palette <= 2 ? 1 : palette <= 4 ? 2 : palette <= 16 ? 4 : 8
      transforms.append(.palette(width: width, bits: bits))
    }
  }

  /// Bytes of the words in which elements are split: those of the element, or of each half of a complex number.
  static func wordBytes(of element: ElementType?) -> Int {
    guard let element else { return 1 }
    return max(element.bitWidth / (element.isComplex ? 16 : 8), 1)
  }
}

/// Finds the smallest way to store a chunk. One object serves one thread at a time.
final class ChunkEncoder {
  private let plan: ChunkPlan
  private let palette: [UInt8]
  private let zstd: ZstdCompressor
  private let streams: UnsafeMutableRawBufferPointer
  private let frame: UnsafeMutableRawBufferPointer
  private let otherFrame: UnsafeMutableRawBufferPointer

  init(_ plan: ChunkPlan, palette: [UInt8], chunkBytes: Int) throws(ModelError) {
    self.plan = plan
    self.palette = palette
    zstd = try ZstdCompressor()
    let room = chunkBytes + chunkBytes / 8 + 64
    streams = .allocate(byteCount: room, alignment: 64)
    frame = .allocate(byteCount: room, alignment: 64)
    otherFrame = .allocate(byteCount: room, alignment: 64)
  }

  deinit {
    streams.deallocate()
    frame.deallocate()
    otherFrame.deallocate()
  }

  /// The stored form of a chunk of at least one byte.
  func encode(_ chunk: UnsafeRawBufferPointer) -> [UInt8] {
    var best: (bytes: [UInt8], transform: ChunkTransform)?
    for transform in plan.transforms where isWorthTrying(transform, chunk) {
      let limit = best.map { $0.bytes.count } ?? .max
      if let bytes = encode(chunk, transform, plan.efforts, limit: limit) {
        best = (bytes, transform)
      }
    }
    guard let best else { preconditionFailure("the first transform always gives a chunk") }
    guard let last = plan.lastEffort else { return best.bytes }
    return encode(chunk, best.transform, plan.efforts + [last], limit: best.bytes.count)
      ?? best.bytes
  }

  private func isWorthTrying(_ transform: ChunkTransform, _ chunk: UnsafeRawBufferPointer) -> Bool {
    guard chunk.count % transform.width == 0 else { return transform.width == 1 }
    guard case .sparse(let width, _) = transform else { return true }
    let count = chunk.count / width
    let zeros = count - Int(zoo_nonzero_count(chunk.baseAddress, Int64(count), Int32(width)))
    return Double(zeros) >= ChunkPlan.sparseShare * Double(count)
  }

  /// `nil` if the result is not smaller than `limit`.
  private func encode(
    _ chunk: UnsafeRawBufferPointer, _ transform: ChunkTransform,
    _ efforts: [ZstdCompressor.Effort], limit: Int
  ) -> [UInt8]? {
    let lengths = split(chunk, transform)
    var head = transform.head
    var payload: [UInt8] = []
    let headBytes = head.count + ChunkTransform.descriptorBytes * lengths.count
    var start = 0
    for length in lengths {
      let stream = UnsafeRawBufferPointer(rebasing: streams[start..<start + length])
      start += length
      let (codec, bytes) = smallest(stream, efforts)
      let descriptor = codec.rawValue << StreamCodec.lengthBits | UInt32(bytes.count)
      withUnsafeBytes(of: descriptor.littleEndian) { head.append(contentsOf: $0) }
      payload.append(contentsOf: bytes)
      if headBytes + payload.count >= limit { return nil }
    }
    return head + payload
  }

  private func smallest(
    _ stream: UnsafeRawBufferPointer, _ efforts: [ZstdCompressor.Effort]
  ) -> (StreamCodec, UnsafeRawBufferPointer) {
    var best = (StreamCodec.raw, stream)
    var (free, other) = (frame, otherFrame)
    for effort in efforts where best.1.count > 1 {
      let room = UnsafeMutableRawBufferPointer(rebasing: free.prefix(best.1.count - 1))
      guard let size = zstd.compress(stream, into: room, effort: effort) else { continue }
      best = (.zstd, UnsafeRawBufferPointer(rebasing: free[..<size]))
      swap(&free, &other)
    }
    return best
  }

  /// Writes the streams one after the other into `streams`; gives their lengths.
  private func split(_ chunk: UnsafeRawBufferPointer, _ transform: ChunkTransform) -> [Int] {
    let count = chunk.count / transform.width
    let base = streams.baseAddress!.assumingMemoryBound(to: UInt8.self)
    switch transform {
    case .planes(let width, let rotated):
      zoo_planes_split(chunk.baseAddress, Int64(count), Int32(width), rotated ? 1 : 0, base)
      return [Int](repeating: count, count: width)
    case .sparse(let width, let rotated):
      let bitmapBytes = (count + 7) / 8
      zoo_nonzero_gather(
        chunk.baseAddress, Int64(count), Int32(width), base, frame.baseAddress)
      let present = Int(zoo_bit_count(base, Int64(bitmapBytes)))
      zoo_planes_split(
        frame.baseAddress, Int64(present), Int32(width), rotated ? 1 : 0, base + bitmapBytes)
      return [bitmapBytes] + [Int](repeating: present, count: width)
    case .palette(let width, let bits):
      zoo_palette_index(
        chunk.baseAddress, Int64(count), Int32(width), palette, Int32(palette.count / width),
        Int32(bits), base)
      return [(count * bits + 7) / 8]
    }
  }
}
