import CTurboJPEG
import ModelFormat

/// JPEG through libturbojpeg.
enum JPEG {
  static func decode(
    _ bytes: UnsafeRawBufferPointer, _ limits: Image.Limits
  ) throws(ModelError) -> Image {
    guard let handle = tjInitDecompress() else {
      throw ModelError(.limitExceeded, "no memory for a JPEG decoder")
    }
    defer { tjDestroy(handle) }
    let data = bytes.assumingMemoryBound(to: UInt8.self).baseAddress
    let size = UInt(bytes.count)
    var (width, height, sampling, space) = (Int32(0), Int32(0), Int32(0), Int32(0))
    guard tjDecompressHeader3(handle, data, size, &width, &height, &sampling, &space) == 0 else {
      throw failure(handle)
    }
    try Image.checkSize(Int(width), Int(height), limits)
    let isGray = space == Int32(TJCS_GRAY.rawValue)
    let isCMYK = space == Int32(TJCS_CMYK.rawValue) || space == Int32(TJCS_YCCK.rawValue)
    let format = isGray ? TJPF_GRAY : isCMYK ? TJPF_CMYK : TJPF_RGB
    let count = Int(width) * Int(height)
    var pixels = [UInt8](repeating: 0, count: count * (isGray ? 1 : isCMYK ? 4 : 3))
    // A stream that ends early is only a warning to the library, but half a picture is no picture. The number of
    // scans is limited because each costs a pass over all pixels.
    guard
      tjDecompress2(
        handle, data, size, &pixels, width, 0, height, Int32(format.rawValue), TJFLAG_LIMITSCANS)
        == 0
    else { throw failure(handle) }
    if isCMYK { pixels = rgb(cmyk: pixels) }
    return Image(Int(width), Int(height), isGray ? .gray : .rgb, pixels)
  }

  /// Files with four inks hold them inverted, as Adobe writes them: 255 is no ink.
  private static func rgb(cmyk: [UInt8]) -> [UInt8] {
    var rgb: [UInt8] = []
    rgb.reserveCapacity(cmyk.count / 4 * 3)
    for pixel in stride(from: 0, to: cmyk.count, by: 4) {
      for channel in 0..<3 {
        let product = Int(cmyk[pixel + channel]) * Int(cmyk[pixel + 3])
        rgb.append(UInt8((product + 127) / 255))
      }
    }
    return rgb
  }

  private static func failure(_ handle: tjhandle) -> ModelError {
    let reason = tjGetErrorStr2(handle).map { String(cString: $0) } ?? "unknown"
    return ImageFormat.damaged("JPEG", reason)
  }
}
