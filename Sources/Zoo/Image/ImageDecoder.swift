import ModelFormat
import ZooRuntime

/// `ImageDecoder`: the pixels of an encoded picture.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `encoded_stream` | `[bytes]` | `u8`: a BMP, JPEG, JPEG 2000, PNG, PNM, TIFF or WebP file |
/// | output | `image` | `[height, width, channels]` | `u8` |
/// | attr   | `pixel_format` | | `RGB` (default), `BGR`: 3 channels; `Grayscale`: 1, the luma of ITU-R BT.601 |
///
/// Alpha is dropped, no picture is turned by its EXIF data, and numbers are rounded as Pillow's are, which the standard's reference uses.
/// A stream that cannot be decoded is refused, as that reference does; an empty picture, of which the standard's text
/// speaks, would go on as if it were one.
///
/// The operator is part of ``PluginRegistry/standard``, not of the bare runtime. Source: ONNX `ImageDecoder`, opset 20.
struct ImageDecoder: ValueOperator {
  static let entry = OperatorEntry("ImageDecoder", [20], ImageDecoder.init)

  private enum Order: String, CaseIterable {
    case rgb = "RGB"
    case bgr = "BGR"
    case gray = "Grayscale"
  }

  private let order: Order

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    let names = Order.allCases.map(\.rawValue)
    order = Order(rawValue: try node.choice("pixel_format", of: names, default: "RGB")) ?? .rgb
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let stream = try inputs.tensor(0, of: [.u8])
    if let shape = stream.shape, shape.rank != 1 {
      throw ModelError(.shapeMismatch, "a stream of shape \(shape)", expected: "[bytes]")
    }
    return [.tensor(.u8, [.unknown, .unknown, .fixed(order == .gray ? 1 : 3)])]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    let stored = try call.tensor(0).withBytes { (bytes) throws(ModelError) in
      try Image.decode(bytes, Image.Limits(), turns: false)
    }
    let opaque = stored.withoutAlpha()
    let image = order == .gray ? opaque.gray() : opaque.rgb()
    var pixels = image.pixels
    if order == .bgr {
      for start in stride(from: 0, to: pixels.count, by: 3) { pixels.swapAt(start, start + 2) }
    }
    let shape = [image.height, image.width, image.channels.rawValue]
    return [.tensor(try Tensor(pixels, shape: shape))]
  }
}
