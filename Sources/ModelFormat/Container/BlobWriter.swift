import CKernels

/// Appends blobs to a file under construction and keeps their rows of the index. Memory stays bounded by a few
/// chunks, whatever the size of a blob.
final class BlobWriter {
  private(set) var blobs: [Blob] = []
  /// Where the next byte goes.
  private(set) var offset = ContainerHeader.byteCount
  private let file: AtomicFile
  private let level: CompressionLevel
  private var known: [Content: [(number: UInt32, source: Source)]] = [:]

  /// Chunks that are coded before any of them is written.
  private static let batch = 32

  init(_ file: AtomicFile, level: CompressionLevel) {
    self.file = file
    self.level = level
  }

  /// Bytes to store, which can be asked for again.
  enum Source {
    case weight(Weight)
    case bytes([UInt8])

    func withBytes<R>(
      _ body: (UnsafeRawBufferPointer) throws(ModelError) -> R
    ) throws(ModelError) -> R {
      switch self {
      case .weight(let weight):
        try weight.withTensor { (tensor) throws(ModelError) in try TensorBytes.with(tensor, body) }
      case .bytes(let bytes): try TensorBytes.with(bytes, body)
      }
    }

    /// The type of the elements if a reader wants to use them where they lie.
    var elementType: ElementType? {
      guard case .weight(let weight) = self, weight.elementType != .string else { return nil }
      return weight.elementType
    }
  }

  private struct Content: Hashable {
    let byteCount: Int
    let checksum: UInt32
  }

  /// Stores the bytes unless the same bytes are stored already; gives the number of the blob.
  func add(_ source: Source) throws(ModelError) -> UInt32 {
    try source.withBytes { (bytes) throws(ModelError) in
      let content = Content(byteCount: bytes.count, checksum: crc32c(bytes))
      for (number, earlier) in known[content, default: []] {
        let isSame = try earlier.withBytes { (other) throws(ModelError) in
          other.hasSameBytes(as: bytes)
        }
        if isSame { return number }
      }
      blobs.append(try store(Input(bytes: bytes), source.elementType))
      let number = UInt32(blobs.count)
      known[content, default: []].append((number, source))
      return number
    }
  }

  private struct Input: @unchecked Sendable {
    let bytes: UnsafeRawBufferPointer
  }

  private func store(_ input: Input, _ element: ElementType?) throws(ModelError) -> Blob {
    let start = offset
    let coded = try storeChunks(input, element)
    if Double(coded.storedByteCount) <= Self.paying(element, level) * Double(input.bytes.count) {
      return coded
    }
    offset = start
    return try storeRaw(input)
  }

  /// The share of its bytes that a tensor may keep if it is to be worth decoding. Raw bytes are used where they lie,
  /// which no code can match; bytes without a type are copied anyway.
  private static func paying(_ element: ElementType?, _ level: CompressionLevel) -> Double {
    guard element != nil else { return 1 }
    return switch level {
    case .fast: 0.95
    case .default: 0.97
    case .max: 0.99
    }
  }

  private func storeRaw(_ input: Input) throws(ModelError) -> Blob {
    try align(to: TensorBuffer.alignment)
    var blob = Blob(
      byteCount: input.bytes.count, encoding: .raw, chunkBytes: ChunkLimits.standardBytes)
    for chunk in 0..<blob.chunkCount {
      let bytes = UnsafeRawBufferPointer(rebasing: input.bytes[blob.range(ofChunk: chunk)])
      blob.checksums.append(crc32c(bytes))
      try write(bytes)
    }
    return blob
  }

  private func storeChunks(_ input: Input, _ element: ElementType?) throws(ModelError) -> Blob {
    var blob = Blob(
      byteCount: input.bytes.count, encoding: .chunks, chunkBytes: ChunkLimits.standardBytes)
    let palette = Self.palette(of: input.bytes, element)
    let entries = palette.map { $0.count / ChunkPlan.wordBytes(of: element) }
    let plan = ChunkPlan(element, palette: entries, level: level)
    var usesPalette = false
    for first in stride(from: 0, to: blob.chunkCount, by: Self.batch) {
      let batch = first..<min(first + Self.batch, blob.chunkCount)
      let row = blob
      let chunks = Slots<[UInt8]>(count: batch.count, initial: [])
      try inParallel(batch.count) { (range) throws(ModelError) in
        let encoder = try ChunkEncoder(
          plan, palette: palette ?? [], chunkBytes: min(row.chunkBytes, row.byteCount))
        for index in range {
          let part = row.range(ofChunk: first + index)
          chunks[index] = encoder.encode(UnsafeRawBufferPointer(rebasing: input.bytes[part]))
        }
      }
      for index in 0..<batch.count {
        let chunk = chunks[index]
        blob.stored.append(UInt32(chunk.count))
        if chunk[0] == 2 { usesPalette = true }
        try TensorBytes.with(chunk) { (bytes) throws(ModelError) in
          blob.checksums.append(crc32c(bytes))
          try write(bytes)
        }
      }
    }
    blob.palette = usesPalette ? palette ?? [] : []
    return blob
  }

  /// All different words of the tensor, ascending, if there are few enough and each occurs often.
  private static func palette(
    of bytes: UnsafeRawBufferPointer, _ element: ElementType?
  ) -> [UInt8]? {
    let width = ChunkPlan.wordBytes(of: element)
    guard width > 1 else { return nil }
    var table = [UInt8](repeating: 0, count: 256 * width)
    let entries = zoo_palette_collect(
      bytes.baseAddress, Int64(bytes.count / width), Int32(width), &table, 0)
    guard entries > 0, bytes.count >= 16 * Int(entries) * width else { return nil }
    return Array(table[..<(Int(entries) * width)])
  }

  private func write(_ bytes: UnsafeRawBufferPointer) throws(ModelError) {
    try file.write(bytes, at: offset)
    offset += bytes.count
  }

  /// Fills with zeros up to a multiple of `alignment`.
  func align(to alignment: Int) throws(ModelError) {
    let missing = (alignment - offset % alignment) % alignment
    try TensorBytes.with([UInt8](repeating: 0, count: missing)) { (bytes) throws(ModelError) in
      try write(bytes)
    }
  }
}

/// An array in which every thread writes elements of its own.
final class Slots<Element: Sendable>: @unchecked Sendable {
  private let elements: UnsafeMutableBufferPointer<Element>

  init(count: Int, initial: Element) {
    elements = .allocate(capacity: count)
    elements.initialize(repeating: initial)
  }

  deinit {
    elements.deinitialize()
    elements.deallocate()
  }

  subscript(index: Int) -> Element {
    get { elements[index] }
    set { elements[index] = newValue }
  }
}
