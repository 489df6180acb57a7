import ModelFormat

/// A file format of pictures.
///
/// The decoders take bytes from strangers: each checks the size that a file declares against the limits before it
/// makes room for pixels, and throws for what is damaged or ends early.
struct ImageFormat: Sendable {
  typealias Decoder =
    @Sendable (UnsafeRawBufferPointer, Image.Limits) throws(ModelError) -> Image

  let name: String
  /// What a file of the format begins with; `nil` for a byte that may be anything.
  let beginnings: [[UInt8?]]
  /// The picture as it is stored.
  let decode: Decoder
  /// The EXIF orientation of a picture, where the format leaves it to the reader.
  let orientation: @Sendable (UnsafeRawBufferPointer) -> Int

  init(
    _ name: String, _ beginnings: [[UInt8?]], _ decode: @escaping Decoder,
    orientation: @escaping @Sendable (UnsafeRawBufferPointer) -> Int = { _ in 1 }
  ) {
    self.name = name
    self.beginnings = beginnings
    self.decode = decode
    self.orientation = orientation
  }

  /// Every format that the library reads.
  static let all: [ImageFormat] = [
    ImageFormat(
      "PNG", [[0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]], PNG.decode,
      orientation: EXIF.png),
    ImageFormat("JPEG", [[0xFF, 0xD8, 0xFF]], JPEG.decode, orientation: EXIF.jpeg),
    ImageFormat(
      "JPEG 2000",
      [
        [0, 0, 0, 0x0C, 0x6A, 0x50, 0x20, 0x20, 0x0D, 0x0A, 0x87, 0x0A],
        [0xFF, 0x4F, 0xFF, 0x51],
      ], JPEG2000.decode),
    ImageFormat(
      "TIFF",
      [
        [0x49, 0x49, 0x2A, 0], [0x4D, 0x4D, 0, 0x2A],
        [0x49, 0x49, 0x2B, 0], [0x4D, 0x4D, 0, 0x2B],
      ], TIFF.decode),
    ImageFormat(
      "WebP",
      [[0x52, 0x49, 0x46, 0x46, nil, nil, nil, nil, 0x57, 0x45, 0x42, 0x50]], WebP.decode,
      orientation: EXIF.webp),
    ImageFormat("BMP", [[0x42, 0x4D]], BMP.decode),
    ImageFormat("PNM", (UInt8(0x31)...0x37).map { [0x50, $0] }, PNM.decode),
  ]

  func matches(_ bytes: UnsafeRawBufferPointer) -> Bool {
    beginnings.contains { beginning in
      bytes.count >= beginning.count
        && zip(beginning, bytes).allSatisfy { $0 == nil || $0 == $1 }
    }
  }

  /// What a decoder throws for bytes that are no whole picture.
  static func damaged(_ name: String, _ reason: String) -> ModelError {
    ModelError(.malformed, "a damaged \(name) image: \(reason)", expected: "a whole \(name) image")
  }
}
