import CPng
import ModelFormat

/// PNG through libpng's simplified interface, which never leaves by longjmp.
///
/// Samples are taken as they are stored, whatever gamma the file states: that is what models are trained on.
enum PNG {
  static func decode(
    _ bytes: UnsafeRawBufferPointer, _ limits: Image.Limits
  ) throws(ModelError) -> Image {
    guard let plain = withoutGamma(bytes) else { return try decodePlain(bytes, limits) }
    var result: Result<Image, ModelError>?
    plain.withUnsafeBytes { plain in
      do throws(ModelError) { result = .success(try decodePlain(plain, limits)) } catch {
        result = .failure(error)
      }
    }
    guard let result else { preconditionFailure() }
    return try result.get()
  }

  /// The file without its chunk `gAMA`, which the simplified interface would apply; `nil` if it has none.
  private static func withoutGamma(_ bytes: UnsafeRawBufferPointer) -> [UInt8]? {
    var position = 8
    while position + 12 <= bytes.count {
      let size = bytes[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
      let type = bytes[position + 4..<position + 8]
      let end = position + 12 + size
      // Pixels follow; a gamma behind them counts for nothing.
      if type.elementsEqual("IDAT".utf8) || end > bytes.count { return nil }
      if type.elementsEqual("gAMA".utf8) { return Array(bytes[..<position]) + Array(bytes[end...]) }
      position = end
    }
    return nil
  }

  private static func decodePlain(
    _ bytes: UnsafeRawBufferPointer, _ limits: Image.Limits
  ) throws(ModelError) -> Image {
    var image = png_image()
    image.version = UInt32(PNG_IMAGE_VERSION)
    defer { png_image_free(&image) }
    guard png_image_begin_read_from_memory(&image, bytes.baseAddress, bytes.count) != 0 else {
      throw failure(image)
    }
    let (width, height) = (Int(image.width), Int(image.height))
    try Image.checkSize(width, height, limits)
    // Values of 16 bits without a stated gamma are taken as sRGB, like those of 8 bits.
    image.flags |= UInt32(PNG_IMAGE_FLAG_16BIT_sRGB)
    image.format &= PNG_FORMAT_FLAG_COLOR.asWord | PNG_FORMAT_FLAG_ALPHA.asWord
    guard let channels = Image.Channels(rawValue: Int(image.format & 3) + 1) else {
      throw failure(image)
    }
    var pixels = [UInt8](repeating: 0, count: width * height * channels.rawValue)
    let stride = Int32(width * channels.rawValue)
    let isRead = pixels.withUnsafeMutableBytes {
      png_image_finish_read(&image, nil, $0.baseAddress, stride, nil) != 0
    }
    // What is no more than a warning (a wrong checksum of a comment) leaves the pixels right.
    guard isRead else { throw failure(image) }
    return Image(width, height, channels, pixels)
  }

  static func encode(_ picture: Image) throws(ModelError) -> [UInt8] {
    var image = png_image()
    image.version = UInt32(PNG_IMAGE_VERSION)
    image.width = UInt32(picture.width)
    image.height = UInt32(picture.height)
    image.format = UInt32(picture.channels.rawValue - 1)
    defer { png_image_free(&image) }
    let stride = Int32(picture.width * picture.channels.rawValue)
    var size = 0
    guard png_image_write_to_memory(&image, nil, &size, 0, picture.pixels, stride, nil) != 0 else {
      throw failure(image)
    }
    var bytes = [UInt8](repeating: 0, count: size)
    guard png_image_write_to_memory(&image, &bytes, &size, 0, picture.pixels, stride, nil) != 0
    else { throw failure(image) }
    return Array(bytes.prefix(size))
  }

  private static func failure(_ image: png_image) -> ModelError {
    let reason = withUnsafeBytes(of: image.message) { message in
      String(decoding: message.prefix { $0 != 0 }, as: UTF8.self)
    }
    return ImageFormat.damaged("PNG", reason)
  }
}

extension BinaryInteger {
  fileprivate var asWord: UInt32 { UInt32(truncatingIfNeeded: self) }
}
