import ModelFormat

extension Image {
  /// In colour, on white where the picture is transparent.
  public func rgb() -> Image { converted(to: .rgb) }

  /// Grey levels by the luma of ITU-R BT.601, on white where the picture is transparent.
  public func gray() -> Image { converted(to: .gray) }

  private func converted(to target: Channels) -> Image {
    let opaque = channels.hasAlpha ? onWhite() : self
    if opaque.channels == target { return opaque }
    var result: [UInt8] = []
    result.reserveCapacity(width * height * target.rawValue)
    if target == .rgb {
      for value in opaque.pixels { result.append(contentsOf: [value, value, value]) }
    } else {
      for start in stride(from: 0, to: opaque.pixels.count, by: 3) {
        let red = UInt32(opaque.pixels[start]) * 19595
        let green = UInt32(opaque.pixels[start + 1]) * 38470
        let blue = UInt32(opaque.pixels[start + 2]) * 7471
        result.append(UInt8((red + green + blue + 0x8000) >> 16))
      }
    }
    return Image(width, height, target, result)
  }

  private func onWhite() -> Image {
    let colors = channels.rawValue - 1
    var result: [UInt8] = []
    result.reserveCapacity(width * height * colors)
    for start in stride(from: 0, to: pixels.count, by: colors + 1) {
      let alpha = Int(pixels[start + colors])
      for value in pixels[start..<start + colors] {
        result.append(UInt8((Int(value) * alpha + 255 * (255 - alpha) + 127) / 255))
      }
    }
    return Image(width, height, colors == 1 ? .gray : .rgb, result)
  }

  /// The colours alone, as they are where the picture is transparent.
  func withoutAlpha() -> Image {
    guard channels.hasAlpha else { return self }
    let colors = channels.rawValue - 1
    var result: [UInt8] = []
    result.reserveCapacity(width * height * colors)
    for start in stride(from: 0, to: pixels.count, by: colors + 1) {
      result.append(contentsOf: pixels[start..<start + colors])
    }
    return Image(width, height, colors == 1 ? .gray : .rgb, result)
  }

  /// The colours of a picture whose colours have been multiplied by its alpha.
  func withoutPremultiplying() -> Image {
    guard channels.hasAlpha else { return self }
    let colors = channels.rawValue - 1
    var result = pixels
    for start in stride(from: 0, to: pixels.count, by: colors + 1) {
      let alpha = Int(pixels[start + colors])
      guard alpha > 0 else { continue }
      for index in start..<start + colors {
        result[index] = UInt8(min(255, 255 * Int(pixels[index]) / alpha))
      }
    }
    return Image(width, height, channels, result)
  }

  /// Every value subtracted from 255.
  func inverted() -> Image { Image(width, height, channels, pixels.map { 255 - $0 }) }

  /// The part that begins at column `x` and row `y`.
  ///
  /// - Throws: `.outOfRange` unless it lies inside the picture.
  public func cropped(
    x: Int, y: Int, width: Int, height: Int
  ) throws(ModelError) -> Image {
    guard x >= 0, y >= 0, width > 0, height > 0, width <= self.width - x, height <= self.height - y
    else {
      throw ModelError(
        .outOfRange, "a part of \(width) × \(height) pixels at (\(x), \(y))",
        expected: "a part of the \(self.width) × \(self.height) pixels")
    }
    let count = channels.rawValue
    var result: [UInt8] = []
    result.reserveCapacity(width * height * count)
    for row in y..<y + height {
      let start = (row * self.width + x) * count
      result.append(contentsOf: pixels[start..<start + width * count])
    }
    return Image(width, height, channels, result)
  }

  /// The picture with its top left corner at (`x`, `y`) of a canvas of that size and value; what does not fit is
  /// cut off.
  ///
  /// - Throws: `.shapeMismatch` unless both extents are at least 1.
  public func placed(
    x: Int, y: Int, width: Int, height: Int, background: UInt8
  ) throws(ModelError) -> Image {
    let count = channels.rawValue
    let canvas = [UInt8](
      repeating: background,
      count: try Tensor.count(of: [max(0, height), max(0, width), count]))
    var result = try Image(width: width, height: height, channels: channels, pixels: canvas)
    let columns = max(0, x)..<max(0, x, min(width, x + self.width))
    for row in max(0, y)..<max(0, y, min(height, y + self.height)) where !columns.isEmpty {
      let source = ((row - y) * self.width + columns.lowerBound - x) * count
      let target = (row * width + columns.lowerBound) * count
      let length = columns.count * count
      result.pixels.replaceSubrange(
        target..<target + length, with: pixels[source..<source + length])
    }
    return result
  }
}
