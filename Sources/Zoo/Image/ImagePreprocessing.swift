import ModelFormat

/// How a picture of any size becomes a tensor: the contents of a `preprocessing.json` of type `image`.
///
///     value = (pixel · scale − mean) / deviation      (per channel)
public struct ImagePreprocessing: Sendable {
  public enum Channels: String, Sendable, CaseIterable { case gray, rgb, bgr }
  public enum Layout: String, Sendable, CaseIterable {
    case nchw = "NCHW"
    case nhwc = "NHWC"
  }

  /// How a picture of other proportions is brought to size.
  public enum Fit: Sendable, Equatable {
    /// Width and height on their own.
    case stretch
    /// All of it, the rest filled with `background`.
    case contain(background: UInt8)
    /// Its middle, the rest cut off.
    case cover
    /// One drawn character, as MNIST prepares them: dark or light, cut out, and centred by its mass.
    case digit(box: Int)
  }

  public var width: Int
  public var height: Int
  public var channels: Channels
  public var layout: Layout
  public var scale: Float
  /// One for all channels or one for each.
  public var mean: [Float]
  public var deviation: [Float]
  public var interpolation: Image.Interpolation
  public var antialiases: Bool
  public var fit: Fit

  public init(
    width: Int, height: Int, channels: Channels = .rgb, layout: Layout = .nchw,
    scale: Float = 1 / 255, mean: [Float] = [0], deviation: [Float] = [1],
    interpolation: Image.Interpolation = .bilinear, antialiases: Bool = true, fit: Fit = .stretch
  ) {
    self.width = width
    self.height = height
    self.channels = channels
    self.layout = layout
    self.scale = scale
    self.mean = mean
    self.deviation = deviation
    self.interpolation = interpolation
    self.antialiases = antialiases
    self.fit = fit
  }

  /// Reads the description; what is missing has the defaults of the memberwise initializer.
  init(_ json: JSONReader) throws(ModelError) {
    let extents = 1...1 << 14
    width = try json.int("width", in: extents)
    height = try json.int("height", in: extents)
    channels = try json.choice("channels", default: .rgb)
    layout = try json.choice("layout", default: .nchw)
    scale = try json.float("scale", default: 1 / 255)
    let count = channels == .gray ? 1 : 3
    mean = try json.perChannel("mean", count, default: 0)
    deviation = try json.perChannel("deviation", count, default: 1)
    if deviation.contains(0) {
      throw json.error("deviation", "0", expected: "numbers other than 0")
    }
    interpolation = try json.choice("resize", default: .bilinear)
    antialiases = try json.bool("antialias", default: true)
    fit = try Self.fit(json)
  }

  private static func fit(_ json: JSONReader) throws(ModelError) -> Fit {
    guard let settings = try json.object("fit") else { return .stretch }
    switch try settings.string("type") {
    case "stretch": return .stretch
    case "contain":
      return .contain(background: UInt8(try settings.int("background", in: 0...255, default: 0)))
    case "cover": return .cover
    case "digit": return .digit(box: try settings.int("box", in: 1...1 << 14))
    case let other:
      throw settings.error("type", "'\(other)'", expected: "stretch, contain, cover or digit")
    }
  }

  /// Pictures as one batch: `f32 [n, channels, height, width]`, or `[n, height, width, channels]`.
  public func tensor(_ images: [Image]) throws(ModelError) -> Tensor {
    let count = channels == .gray ? 1 : 3
    var values: [Float] = []
    values.reserveCapacity(images.count * width * height * count)
    for image in images { append(try prepared(image), to: &values) }
    let extents =
      layout == .nchw
      ? [images.count, count, height, width] : [images.count, height, width, count]
    return try Tensor(values, shape: extents)
  }

  /// The picture in its final size, in grey or colour.
  func prepared(_ image: Image) throws(ModelError) -> Image {
    let image = channels == .gray ? image.gray() : image.rgb()
    let scales = (Double(width) / Double(image.width), Double(height) / Double(image.height))
    func scaled(by scale: Double) throws(ModelError) -> Image {
      let width = max(1, Int((Double(image.width) * scale).rounded()))
      let height = max(1, Int((Double(image.height) * scale).rounded()))
      return try image.resized(
        width: width, height: height, interpolation, antialiases: antialiases)
    }
    func middle(_ image: Image, _ background: UInt8) throws(ModelError) -> Image {
      try image.placed(
        x: (width - image.width) / 2, y: (height - image.height) / 2, width: width,
        height: height, background: background)
    }
    switch fit {
    case .stretch:
      return try image.resized(
        width: width, height: height, interpolation, antialiases: antialiases)
    case .contain(let background):
      return try middle(scaled(by: min(scales.0, scales.1)), background)
    case .cover: return try middle(scaled(by: max(scales.0, scales.1)), 0)
    case .digit(let box):
      let ink = try image.gray().centeredInk(
        width: width, height: height, box: box, interpolation: interpolation)
      return channels == .gray ? ink : ink.rgb()
    }
  }

  private func append(_ image: Image, to values: inout [Float]) {
    let count = image.channels.rawValue
    func value(_ pixel: Int, _ channel: Int) -> Float {
      let source = channels == .bgr ? count - 1 - channel : channel
      let raw = Float(image.pixels[pixel * count + source])
      let (mean, deviation) = (mean[channel % mean.count], deviation[channel % deviation.count])
      return (raw * scale - mean) / deviation
    }
    let pixels = width * height
    if layout == .nchw {
      for channel in 0..<count {
        for pixel in 0..<pixels { values.append(value(pixel, channel)) }
      }
    } else {
      for pixel in 0..<pixels {
        for channel in 0..<count { values.append(value(pixel, channel)) }
      }
    }
  }
}

extension JSONReader {
  func choice<T: RawRepresentable<String> & CaseIterable>(
    _ name: String, default fallback: T
  ) throws(ModelError) -> T {
    let text = try string(name, default: fallback.rawValue)
    guard let value = T(rawValue: text) else {
      let choices = T.allCases.map(\.rawValue).joined(separator: ", ")
      throw error(name, "'\(text)'", expected: "one of \(choices)")
    }
    return value
  }

  fileprivate func perChannel(
    _ name: String, _ count: Int, default fallback: Float
  ) throws(ModelError) -> [Float] {
    let values = try floats(name, default: [fallback])
    guard values.count == 1 || values.count == count else {
      throw error(name, "\(values.count) numbers", expected: "1 or \(count)")
    }
    return values
  }
}
