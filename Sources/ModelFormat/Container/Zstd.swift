import CZstd

/// Makes zstd frames. One object serves one thread at a time.
final class ZstdCompressor {
  /// How hard to look for what repeats.
  enum Effort: Equatable {
    /// Not at all: only the bytes' frequencies are used. The best there is for the planes of trained floats, in which
    /// matches are accidents that cost more than they save.
    case frequencies
    case level(Int32)
  }

  private let context: OpaquePointer

  init() throws(ModelError) {
    guard let context = ZSTD_createCCtx() else { throw .noMemory(for: "a zstd compressor") }
    self.context = context
  }

  deinit { ZSTD_freeCCtx(context) }

  /// Writes a frame with its content size into `target`; returns its length, or `nil` if it does not fit.
  func compress(
    _ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer, effort: Effort
  ) -> Int? {
    ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters)
    switch effort {
    case .frequencies:
      ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, ZSTD_minCLevel())
      // ZSTD_c_literalCompressionMode, whose name is a macro.
      ZSTD_CCtx_setParameter(
        context, ZSTD_c_experimentalParam5, Int32(bitPattern: ZSTD_lcm_huffman.rawValue))
    case .level(let level):
      ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
    }
    let size = ZSTD_compress2(
      context, target.baseAddress, target.count, source.baseAddress, source.count)
    return ZSTD_isError(size) == 0 ? size : nil
  }
}

/// Reads zstd frames into memory of known size. One object serves one thread at a time.
final class ZstdDecompressor {
  private let context: OpaquePointer

  init() throws(ModelError) {
    guard let context = ZSTD_createDCtx() else { throw .noMemory(for: "a zstd decompressor") }
    self.context = context
  }

  deinit { ZSTD_freeDCtx(context) }

  /// Whether `source` is whole frames that decode to exactly `target.count` bytes. Never writes more than those,
  /// whatever the frames declare.
  func decompress(
    _ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer
  ) -> Bool {
    ZSTD_decompressDCtx(
      context, target.baseAddress, target.count, source.baseAddress, source.count) == target.count
  }
}
