import ModelFormat

/// The portable formats of Netpbm: bitmaps, grey and colour maps, plain and raw (`P1` to `P6`), and `P7` (PAM).
///
/// Source: the manual pages pbm(5), pgm(5), ppm(5) and pam(5) of Netpbm.
struct PNM {
  private let bytes: [UInt8]
  private var position = 2

  static func decode(
    _ bytes: UnsafeRawBufferPointer, _ limits: Image.Limits
  ) throws(ModelError) -> Image {
    var reader = PNM(bytes: Array(bytes))
    return try reader.read(limits)
  }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  private static func damaged(_ reason: String) -> ModelError {
    ImageFormat.damaged("PNM", reason)
  }

  private mutating func read(_ limits: Image.Limits) throws(ModelError) -> Image {
    let kind = Int(bytes[1]) - 0x30
    if kind == 7 { return try readPAM(limits) }
    let (width, height) = (try number(), try number())
    try Image.checkSize(width, height, limits)
    let isBitmap = kind == 1 || kind == 4
    let most = isBitmap ? 1 : try number()
    let channels: Image.Channels = kind == 3 || kind == 6 ? .rgb : .gray
    let scale = try Self.scale(most)
    let count = width * height * channels.rawValue
    if kind == 1 { return Image(width, height, .gray, try plainBits(count)) }
    if kind <= 3 { return Image(width, height, channels, try plain(count, scale)) }
    try endHeader()
    let pixels = kind == 4 ? try rawBits(width, height) : try raw(count, scale)
    return Image(width, height, channels, pixels)
  }

  /// The 8-bit values of 0 ... `most`.
  private static func scale(_ most: Int) throws(ModelError) -> [UInt8] {
    guard (1...65535).contains(most) else {
      throw damaged("a largest value of \(most), which must be 1 to 65535")
    }
    return (0...most).map { value in
      UInt8((Double(value) / Double(most) * 255).rounded(.toNearestOrEven))
    }
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D) ~= byte }

  private mutating func skipSpaceAndComments() {
    while position < bytes.count {
      if bytes[position] == 0x23 {
        while position < bytes.count, bytes[position] != 0x0A, bytes[position] != 0x0D {
          position += 1
        }
      } else if Self.isSpace(bytes[position]) {
        position += 1
      } else {
        return
      }
    }
  }

  private mutating func number() throws(ModelError) -> Int {
    skipSpaceAndComments()
    let start = position
    var value = 0
    while position < bytes.count, (0x30...0x39) ~= bytes[position] {
      value = value * 10 + Int(bytes[position]) - 0x30
      position += 1
      guard position - start <= 10 else { throw Self.damaged("a number of over 10 digits") }
    }
    guard position > start else { throw Self.damaged("no number where one belongs") }
    return value
  }

  /// One blank stands between the header and raw samples.
  private mutating func endHeader() throws(ModelError) {
    guard position < bytes.count, Self.isSpace(bytes[position]) else {
      throw Self.damaged("no samples")
    }
    position += 1
  }

  private mutating func plainBits(_ count: Int) throws(ModelError) -> [UInt8] {
    // Each takes a byte at least.
    guard count <= bytes.count - position else { throw Self.damaged("its samples end early") }
    var pixels: [UInt8] = []
    pixels.reserveCapacity(count)
    for _ in 0..<count {
      skipSpaceAndComments()
      guard position < bytes.count, bytes[position] & 0xFE == 0x30 else {
        throw Self.damaged("no bit where one belongs")
      }
      pixels.append(bytes[position] == 0x31 ? 0 : 255)
      position += 1
    }
    return pixels
  }

  private mutating func plain(_ count: Int, _ scale: [UInt8]) throws(ModelError) -> [UInt8] {
    guard count <= bytes.count - position else { throw Self.damaged("its samples end early") }
    var pixels: [UInt8] = []
    pixels.reserveCapacity(count)
    for _ in 0..<count {
      let value = try number()
      guard value < scale.count else {
        throw Self.damaged("a sample of \(value), at most \(scale.count - 1)")
      }
      pixels.append(scale[value])
    }
    return pixels
  }

  private func rawBits(_ width: Int, _ height: Int) throws(ModelError) -> [UInt8] {
    let stride = (width + 7) / 8
    guard stride * height <= bytes.count - position else {
      throw Self.damaged("its samples end early")
    }
    var pixels: [UInt8] = []
    pixels.reserveCapacity(width * height)
    for y in 0..<height {
      for x in 0..<width {
        let byte = bytes[position + y * stride + x / 8]
        pixels.append(byte >> UInt8(7 - x % 8) & 1 == 1 ? 0 : 255)
      }
    }
    return pixels
  }

  private func raw(_ count: Int, _ scale: [UInt8]) throws(ModelError) -> [UInt8] {
    let size = scale.count > 256 ? 2 : 1
    guard count * size <= bytes.count - position else {
      throw Self.damaged("its samples end early")
    }
    var pixels: [UInt8] = []
    pixels.reserveCapacity(count)
    for index in 0..<count {
      let place = position + index * size
      let value = size == 1 ? Int(bytes[place]) : Int(bytes[place]) << 8 | Int(bytes[place + 1])
      guard value < scale.count else {
        throw Self.damaged("a sample of \(value), at most \(scale.count - 1)")
      }
      pixels.append(scale[value])
    }
    return pixels
  }

  private mutating func readPAM(_ limits: Image.Limits) throws(ModelError) -> Image {
    var (width, height, depth, most) = (0, 0, 0, 0)
    header: while true {
      skipSpaceAndComments()
      let start = position
      while position < bytes.count, !Self.isSpace(bytes[position]) { position += 1 }
      switch String(decoding: bytes[start..<position], as: UTF8.self) {
      case "WIDTH": width = try number()
      case "HEIGHT": height = try number()
      case "DEPTH": depth = try number()
      case "MAXVAL": most = try number()
      case "TUPLTYPE":
        while position < bytes.count, bytes[position] != 0x0A { position += 1 }
      case "ENDHDR": break header
      default: throw Self.damaged("a header without its end")
      }
    }
    try Image.checkSize(width, height, limits)
    guard let channels = Image.Channels(rawValue: depth) else {
      throw ModelError(
        .malformed, "a PAM image of depth \(depth)", expected: "1 to 4")
    }
    let scale = try Self.scale(most)
    try endHeader()
    return Image(width, height, channels, try raw(width * height * depth, scale))
  }
}
