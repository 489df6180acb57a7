import ModelFormat

/// A picture in memory: rows from the top, pixels from the left, channels of a pixel side by side, 8 bits each.
public struct Image: Sendable, Equatable {
  public let width: Int
  public let height: Int
  public let channels: Channels
  /// `height · width · channels` values.
  public internal(set) var pixels: [UInt8]

  /// What the values of a pixel are; raw values are their number.
  public enum Channels: Int, Sendable {
    case gray = 1
    case grayAlpha = 2
    case rgb = 3
    case rgbAlpha = 4

    var hasAlpha: Bool { self == .grayAlpha || self == .rgbAlpha }
    var isColor: Bool { rawValue >= 3 }
  }

  /// - Throws: `.shapeMismatch` unless both extents are at least 1 and there is one value per channel and pixel.
  public init(
    width: Int, height: Int, channels: Channels, pixels: [UInt8]
  ) throws(ModelError) {
    guard width > 0, height > 0 else {
      throw ModelError(
        .shapeMismatch, "an image of \(width) × \(height) pixels", expected: "at least 1 × 1")
    }
    let count = try Tensor.count(of: [height, width, channels.rawValue])
    guard pixels.count == count else {
      throw ModelError(
        .shapeMismatch, "\(pixels.count) values for \(width) × \(height) pixels \(channels)",
        expected: "\(count)")
    }
    self.init(width, height, channels, pixels)
  }

  init(_ width: Int, _ height: Int, _ channels: Channels, _ pixels: [UInt8]) {
    self.width = width
    self.height = height
    self.channels = channels
    self.pixels = pixels
  }

  /// What a decoder may spend on a picture.
  public struct Limits: Sendable {
    /// Width times height.
    public var pixels = 1 << 26
    /// Bytes of the file.
    public var fileBytes = 1 << 28

    public init() {}
  }

  /// Reads a PNG or JPEG file; its content decides which.
  public init(contentsOf path: String, limits: Limits = Limits()) throws(ModelError) {
    do throws(ModelError) {
      let file = try MappedFile(path: path)
      self = try Self.decode(file.bytes, limits)
      withExtendedLifetime(file) {}
    } catch { throw error.at(file: path) }
  }

  /// Decodes PNG or JPEG. Values of 16 bits are rounded to 8; a JPEG is turned as its EXIF orientation says.
  ///
  /// - Throws: `.malformed` for bytes that are no such image or end early, `.limitExceeded` for too many pixels.
  public init(decoding bytes: [UInt8], limits: Limits = Limits()) throws(ModelError) {
    var result: Result<Image, ModelError>?
    bytes.withUnsafeBytes { bytes in
      do throws(ModelError) { result = .success(try Self.decode(bytes, limits)) } catch {
        result = .failure(error)
      }
    }
    guard let result else { preconditionFailure() }
    self = try result.get()
  }

  private static func decode(
    _ bytes: UnsafeRawBufferPointer, _ limits: Limits
  ) throws(ModelError) -> Image {
    guard bytes.count <= limits.fileBytes else {
      throw ModelError(
        .limitExceeded, "an image file of \(bytes.count) bytes",
        expected: "at most \(limits.fileBytes)")
    }
    if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
      return try PNG.decode(bytes, limits)
    }
    if bytes.starts(with: [0xFF, 0xD8, 0xFF]) { return try JPEG.decode(bytes, limits) }
    throw ModelError(.malformed, "no image of a known format", expected: "PNG or JPEG")
  }

  static func checkSize(_ width: Int, _ height: Int, _ limits: Limits) throws(ModelError) {
    let (pixels, overflow) = width.multipliedReportingOverflow(by: height)
    guard width > 0, height > 0, !overflow, pixels <= limits.pixels else {
      throw ModelError(
        .limitExceeded, "an image of \(width) × \(height) pixels",
        expected: "1 ... \(limits.pixels) pixels")
    }
  }

  /// The picture as a PNG file.
  public func png() throws(ModelError) -> [UInt8] { try PNG.encode(self) }
}
