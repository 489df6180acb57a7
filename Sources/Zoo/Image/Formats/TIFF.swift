import CTiff
import ModelFormat

/// TIFF and BigTIFF through libtiff: the first picture of a file, upright.
///
/// Samples may be of 1, 2, 4, 8 or 16 bits, in any of the colour spaces and compressions that libtiff reads as RGBA.
enum TIFF {
  /// Written by its initializer only.
  nonisolated(unsafe) private static let library = zoo_tiff_load()

  static func decode(
    _ bytes: UnsafeRawBufferPointer, _ limits: Image.Limits
  ) throws(ModelError) -> Image {
    guard let tiff = library else {
      throw ModelError(
        .fileAccess, "a TIFF, and no libtiff 4.5 or newer on this system",
        remedy: "install it, or convert the picture to PNG")
    }
    var log = zoo_tiff_log()
    // libtiff keeps the pointer for as long as the file is open.
    return try withLog(&log) { (log) throws(ModelError) in
      let source = ByteSource(bytes)
      guard let file = open(tiff, source, log, limits) else { throw damaged(log) }
      defer {
        tiff.pointee.TIFFClose(file)
        withExtendedLifetime(source) {}
      }
      return try read(tiff, file, log, limits)
    }
  }

  private static func withLog<R>(
    _ log: inout zoo_tiff_log,
    _ body: (UnsafeMutablePointer<zoo_tiff_log>) throws(ModelError) -> R
  ) throws(ModelError) -> R {
    try body(&log)
  }

  private static func open(
    _ tiff: UnsafePointer<zoo_tiff>, _ source: ByteSource,
    _ log: UnsafeMutablePointer<zoo_tiff_log>, _ limits: Image.Limits
  ) -> OpaquePointer? {
    // A strip or tile may be the whole picture, with four samples of 16 bits.
    let bytes = tmsize_t(8 * limits.pixels + 1 << 16)
    guard let options = zoo_tiff_options(tiff, log, bytes) else { return nil }
    defer { tiff.pointee.TIFFOpenOptionsFree(options) }
    // "m": no mapping, all reading goes through the function that checks.
    return tiff.pointee.TIFFClientOpenExt(
      "image", "rm", Unmanaged.passUnretained(source).toOpaque(),
      { handle, buffer, count in
        guard let handle, let buffer else { return 0 }
        return tmsize_t(ByteSource.at(handle).read(into: buffer, Int(count)))
      },
      { _, _, _ in 0 },
      { handle, offset, origin in
        guard let handle else { return UInt64.max }
        return ByteSource.at(handle).seek(offset, origin)
      },
      { _ in 0 },
      { handle in handle.map { UInt64(ByteSource.at($0).count) } ?? 0 },
      nil, nil, options)
  }

  private static func read(
    _ tiff: UnsafePointer<zoo_tiff>, _ file: OpaquePointer,
    _ log: UnsafeMutablePointer<zoo_tiff_log>, _ limits: Image.Limits
  ) throws(ModelError) -> Image {
    let width = Int(zoo_tiff_long(tiff, file, UInt32(TIFFTAG_IMAGEWIDTH)))
    let height = Int(zoo_tiff_long(tiff, file, UInt32(TIFFTAG_IMAGELENGTH)))
    try Image.checkSize(width, height, limits)
    let extra = zoo_tiff_extra_sample(tiff, file)
    if extra == EXTRASAMPLE_UNASSALPHA { _ = zoo_tiff_take_alpha_as_stored(tiff, file) }
    var image = TIFFRGBAImage()
    var message = [CChar](repeating: 0, count: 1024)
    guard tiff.pointee.TIFFRGBAImageBegin(&image, file, 1, &message) != 0 else {
      log.pointee.message.0 == 0 ? note(message, in: log) : ()
      throw damaged(log)
    }
    defer { tiff.pointee.TIFFRGBAImageEnd(&image) }
    let orientation = Int(image.orientation)
    // No flipping here: libtiff would not turn, which some orientations need.
    image.req_orientation = image.orientation
    var raster = [UInt32](repeating: 0, count: width * height)
    guard tiff.pointee.TIFFRGBAImageGet(&image, &raster, UInt32(width), UInt32(height)) != 0,
      log.pointee.message.0 == 0
    else { throw damaged(log) }
    let isGray = image.photometric <= UInt16(PHOTOMETRIC_MINISBLACK)
    let picture = picture(raster, width, height, isGray: isGray, hasAlpha: image.alpha != 0)
    let stored = extra == EXTRASAMPLE_ASSOCALPHA ? picture.withoutPremultiplying() : picture
    return stored.oriented(orientation)
  }

  /// - Parameter raster: A pixel each, from red in the lowest to alpha in the highest byte.
  private static func picture(
    _ raster: [UInt32], _ width: Int, _ height: Int, isGray: Bool, hasAlpha: Bool
  ) -> Image {
    let colors: [UInt32] = isGray ? [0] : [0, 8, 16]
    let shifts = hasAlpha ? colors + [24] : colors
    let pixels = [UInt8](unsafeUninitializedCapacity: raster.count * shifts.count) { out, count in
      for pixel in raster {
        for shift in shifts {
          out[count] = UInt8(truncatingIfNeeded: pixel >> shift)
          count += 1
        }
      }
    }
    let channels = Image.Channels(rawValue: shifts.count) ?? .rgb
    return Image(width, height, channels, pixels)
  }

  private static func note(_ message: [CChar], in log: UnsafeMutablePointer<zoo_tiff_log>) {
    withUnsafeMutableBytes(of: &log.pointee.message) { target in
      for (index, byte) in message.prefix(target.count - 1).enumerated() {
        target[index] = UInt8(bitPattern: byte)
      }
    }
  }

  private static func damaged(_ log: UnsafeMutablePointer<zoo_tiff_log>) -> ModelError {
    let reason = withUnsafeBytes(of: log.pointee.message) { message in
      String(decoding: message.prefix { $0 != 0 }, as: UTF8.self)
    }
    return ImageFormat.damaged("TIFF", reason.isEmpty ? "it cannot be read" : reason)
  }
}
