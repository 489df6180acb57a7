/// A run of bytes in the data section: a row of the index.
struct Blob: Sendable {
  enum Encoding: Sendable, Equatable {
    case raw
    case chunks
    /// Of a later minor version: the file can be used as long as nobody asks for these bytes.
    case unknown(UInt32)
  }

  var byteCount: Int
  var encoding: Encoding
  /// Decoded bytes of every chunk but the last.
  var chunkBytes: Int
  /// Bytes of each chunk as stored; empty if raw.
  var stored: [UInt32] = []
  var checksums: [UInt32] = []
  var palette: [UInt8] = []

  var chunkCount: Int { (byteCount + chunkBytes - 1) / chunkBytes }

  var storedByteCount: Int {
    encoding == .raw ? byteCount : stored.reduce(0) { $0 + Int($1) }
  }

  /// The decoded bytes of a chunk.
  func range(ofChunk index: Int) -> Range<Int> {
    index * chunkBytes..<min((index + 1) * chunkBytes, byteCount)
  }

  /// Raw bytes are used where they lie.
  var alignment: Int { encoding == .raw ? TensorBuffer.alignment : 1 }
}
