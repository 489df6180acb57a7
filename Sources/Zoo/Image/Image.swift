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
    /// Whether the file may be a pipe, which is read to its end.
    public var takesPipes = false

    public init() {}
  }

  /// Reads a file of any format that ``init(decoding:limits:)`` decodes.
  public init(contentsOf path: String, limits: Limits = Limits()) throws(ModelError) {
    do throws(ModelError) {
      let file = try MappedFile(path: path, pipeLimit: limits.takesPipes ? limits.fileBytes : 0)
      self = try Self.decode(file.bytes, limits)
      withExtendedLifetime(file) {}
    } catch { throw error.at(file: path) }
  }

  /// Decodes a BMP, JPEG, JPEG 2000, PNG, PNM, TIFF or WebP file; its content decides which. Values of 16 bits are
  /// rounded to 8; a JPEG, PNG, TIFF or WebP is turned as its orientation says; of several pictures, the first counts.
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

  /// - Parameter turns: Whether a picture is turned as EXIF says, where the format leaves that to the reader.
  static func decode(
    _ bytes: UnsafeRawBufferPointer, _ limits: Limits, turns: Bool = true
  ) throws(ModelError) -> Image {
    guard bytes.count <= limits.fileBytes else {
      throw ModelError(
        .limitExceeded, "an image file of \(bytes.count) bytes",
        expected: "at most \(limits.fileBytes)")
    }
    guard let format = ImageFormat.all.first(where: { $0.matches(bytes) }) else {
      throw ModelError(
        .malformed, "no image of a known format",
        expected: ImageFormat.all.map(\.name).joined(separator: ", "))
    }
    let image = try format.decode(bytes, limits)
    return turns ? image.oriented(format.orientation(bytes)) : image
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
