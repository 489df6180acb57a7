import Synchronization

/// Gives the bytes of one blob of a mapped file.
final class BlobReader: Sendable {
  let blob: Blob
  let offset: Int
  private let file: MappedFile
  private let isVerified = Atomic<Bool>(false)

  /// - Parameter offset: Where the blob starts; all of it lies in the file.
  init(_ blob: Blob, at offset: Int, in file: MappedFile) {
    self.blob = blob
    self.offset = offset
    self.file = file
  }

  /// Raw bytes as they lie in the file; their checksums are compared once. `nil` unless the blob is raw.
  func view() throws(ModelError) -> TensorBuffer? {
    guard blob.encoding == .raw else { return nil }
    if !isVerified.load(ordering: .acquiring) {
      try inParallel(blob.chunkCount, grain: 4) { (chunks) throws(ModelError) in
        for chunk in chunks { _ = try self.checked(chunk, self.blob.range(ofChunk: chunk)) }
      }
      isVerified.store(true, ordering: .releasing)
    }
    return try file.buffer(offset..<offset + blob.byteCount)
  }

  /// Writes the decoded bytes to `target`, which has exactly that size, in parallel.
  ///
  /// - Throws: `.corrupted` if a checksum does not match, `.malformed` if a chunk is none,
  ///   `.unsupportedVersion` if it is of a kind that this version does not know.
  func decode(into target: UnsafeMutableRawBufferPointer) throws(ModelError) {
    switch blob.encoding {
    case .raw:
      guard let buffer = try view() else { return }
      target.copyMemory(from: UnsafeRawBufferPointer(start: buffer.base, count: blob.byteCount))
    case .chunks:
      try decodeChunks(into: Target(bytes: target))
    case .unknown(let number):
      throw ModelError(
        .unsupportedVersion, "bytes of encoding \(number)", expected: "0 (raw) or 1 (chunks)",
        remedy: "use a newer version of this library")
    }
  }

  /// Memory in which every thread writes a part of its own.
  private struct Target: @unchecked Sendable {
    let bytes: UnsafeMutableRawBufferPointer
  }

  private func decodeChunks(into target: Target) throws(ModelError) {
    var starts: [Int] = []
    var start = 0
    for size in blob.stored {
      starts.append(start)
      start += Int(size)
    }
    let offsets = starts
    // What is decoded in less time than a thread takes to wake stays on this one.
    let grain = (512 << 10) / max(1, blob.chunkBytes)
    try inParallel(blob.chunkCount, grain: grain) { (chunks) throws(ModelError) in
      let decoder = try ChunkDecoder(
        chunkBytes: min(self.blob.chunkBytes, self.blob.byteCount), palette: self.blob.palette)
      for chunk in chunks {
        let start = offsets[chunk]
        let stored = try self.checked(chunk, start..<start + Int(self.blob.stored[chunk]))
        let part = UnsafeMutableRawBufferPointer(
          rebasing: target.bytes[self.blob.range(ofChunk: chunk)])
        do throws(ModelError) {
          try decoder.decode(stored, into: part)
        } catch {
          throw ModelError(
            error.code, "chunk \(chunk): \(error.found)", expected: error.expected,
            remedy: error.remedy, at: error.site)
        }
        self.file.release(
          self.offset + start..<self.offset + start + Int(self.blob.stored[chunk]))
      }
    }
  }

  func release() { file.release(offset..<offset + blob.storedByteCount) }

  /// The stored bytes of a chunk, if its checksum matches.
  private func checked(_ chunk: Int, _ range: Range<Int>) throws(ModelError)
    -> UnsafeRawBufferPointer
  {
    let bytes = UnsafeRawBufferPointer(
      rebasing: file.bytes[offset + range.lowerBound..<offset + range.upperBound])
    let actual = crc32c(bytes)
    guard isChecksum(actual, blob.checksums[chunk]) else {
      throw .checksum("chunk \(chunk)", blob.checksums[chunk], actual)
    }
    return bytes
  }
}

/// The elements of a tensor in a .zoo file.
struct StoredTensor: WeightSource {
  let elementType: ElementType
  let shape: [Int]
  /// What messages call it.
  let name: String
  let reader: BlobReader

  var storedByteCount: Int { reader.blob.storedByteCount }

  var encoding: String {
    switch reader.blob.encoding {
    case .raw: "raw"
    case .chunks: reader.blob.palette.isEmpty ? "zstd" : "palette"
    case .unknown(let number): "encoding \(number)"
    }
  }

  func load() throws(ModelError) -> Tensor {
    do throws(ModelError) {
      if elementType == .string {
        return try TensorBytes.strings(try reader.allBytes(), shape: shape)
      }
      let tensor =
        if let view = try reader.view() {
          try Tensor(elementType, shape: shape, sharing: view)
        } else {
          try Tensor(elementType, shape: shape) { (bytes) throws(ModelError) in
            try reader.decode(into: bytes)
          }
        }
      if elementType == .bool { try TensorBytes.checkBooleans(tensor) }
      return tensor
    } catch {
      throw error.at(operand: name)
    }
  }

  func release() { reader.release() }
}

extension BlobReader {
  /// All decoded bytes.
  func allBytes() throws(ModelError) -> [UInt8] {
    var failure: ModelError?
    let bytes = [UInt8](unsafeUninitializedCapacity: blob.byteCount) { target, count in
      do throws(ModelError) {
        let room = UnsafeMutableRawBufferPointer(target)
        try decode(into: UnsafeMutableRawBufferPointer(rebasing: room[..<blob.byteCount]))
        count = blob.byteCount
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return bytes
  }
}
