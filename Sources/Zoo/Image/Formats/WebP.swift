import CWebP
import ModelFormat

/// WebP through libwebp; of an animation, the first picture.
enum WebP {
  static func decode(
    _ bytes: UnsafeRawBufferPointer, _ limits: Image.Limits
  ) throws(ModelError) -> Image {
    let data = bytes.assumingMemoryBound(to: UInt8.self).baseAddress
    var features = WebPBitstreamFeatures()
    guard WebPGetFeatures(data, bytes.count, &features) == VP8_STATUS_OK else {
      throw ImageFormat.damaged("WebP", "no header of a picture")
    }
    let (width, height) = (Int(features.width), Int(features.height))
    try Image.checkSize(width, height, limits)
    let hasAlpha = features.has_alpha != 0
    if features.has_animation != 0 {
      let picture = try firstFrame(bytes, width, height)
      return hasAlpha ? picture : picture.withoutAlpha()
    }
    let channels: Image.Channels = hasAlpha ? .rgbAlpha : .rgb
    var pixels = [UInt8](repeating: 0, count: width * height * channels.rawValue)
    let (size, stride) = (pixels.count, Int32(width * channels.rawValue))
    let isRead =
      hasAlpha
      ? WebPDecodeRGBAInto(data, bytes.count, &pixels, size, stride) != nil
      : WebPDecodeRGBInto(data, bytes.count, &pixels, size, stride) != nil
    guard isRead else { throw ImageFormat.damaged("WebP", "its data ends early or is wrong") }
    return Image(width, height, channels, pixels)
  }

  private static func firstFrame(
    _ bytes: UnsafeRawBufferPointer, _ width: Int, _ height: Int
  ) throws(ModelError) -> Image {
    var data = WebPData(
      bytes: bytes.assumingMemoryBound(to: UInt8.self).baseAddress, size: bytes.count)
    guard let decoder = zoo_webp_animation(&data, nil) else {
      throw ImageFormat.damaged("WebP", "no animation that can be read")
    }
    defer { WebPAnimDecoderDelete(decoder) }
    var canvas: UnsafeMutablePointer<UInt8>?
    var time: Int32 = 0
    guard WebPAnimDecoderGetNext(decoder, &canvas, &time) != 0, let canvas else {
      throw ImageFormat.damaged("WebP", "its first picture is wrong")
    }
    let pixels = UnsafeBufferPointer(start: canvas, count: width * height * 4)
    return Image(width, height, .rgbAlpha, Array(pixels))
  }
}
