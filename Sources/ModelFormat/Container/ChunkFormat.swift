/// How the bytes of a chunk are turned into streams; `schemas/container.md` specifies the layout.
///
/// A stored chunk is a head of four bytes (kind, width, parameter, number of streams), a descriptor of four bytes for
/// each stream (codec in the upper 4 bits, length in the lower 28), then the streams.
enum ChunkTransform: Hashable {
  /// `width` streams: byte k of every word. Rotated: each word was turned left by one bit before.
  case planes(width: Int, rotated: Bool)
  /// A bitmap of the words that are not zero, then the planes of those words.
  case sparse(width: Int, rotated: Bool)
  /// Places in the blob's palette, `bits` each.
  case palette(width: Int, bits: Int)

  static let headBytes = 4
  static let descriptorBytes = 4

  var width: Int {
    switch self {
    case .planes(let width, _), .sparse(let width, _), .palette(let width, _): width
    }
  }

  var streamCount: Int {
    switch self {
    case .planes(let width, _): width
    case .sparse(let width, _): 1 + width
    case .palette: 1
    }
  }

  var head: [UInt8] {
    let (kind, parameter): (UInt8, Int) =
      switch self {
      case .planes(_, let rotated): (0, rotated ? 1 : 0)
      case .sparse(_, let rotated): (1, rotated ? 1 : 0)
      case .palette(_, let bits): (2, bits)
      }
    return [kind, UInt8(width), UInt8(parameter), UInt8(streamCount)]
  }

  /// `nil` for a head that this version does not know.
  init?(kind: UInt8, width: UInt8, parameter: UInt8) {
    guard [1, 2, 4, 8].contains(width) else { return nil }
    switch (kind, parameter) {
    case (0, 0...1): self = .planes(width: Int(width), rotated: parameter == 1)
    case (1, 0...1): self = .sparse(width: Int(width), rotated: parameter == 1)
    case (2, 1), (2, 2), (2, 4), (2, 8):
      self = .palette(width: Int(width), bits: Int(parameter))
    default: return nil
    }
  }
}

/// How one stream of a chunk is stored.
enum StreamCodec: UInt32 {
  case raw = 0
  /// One zstd frame.
  case zstd = 1

  static let lengthBits: UInt32 = 28
}

enum ChunkLimits {
  /// What the writer uses: small enough for a chunk and its planes to stay in a core's second-level cache, large
  /// enough that frame headers and Huffman tables cost nothing.
  static let standardBytes = 256 << 10
  /// What the reader accepts.
  static let maximalBytes = 16 << 20
  /// Chunks hold whole words of every width.
  static let multiple = 64
}
