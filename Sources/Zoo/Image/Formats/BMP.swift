import ModelFormat

/// Windows and OS/2 bitmaps: 1 to 32 bits a pixel, palettes, bit fields, run lengths.
///
/// Source: Microsoft, "Bitmap Storage" (BITMAPCOREHEADER to BITMAPV5HEADER).
struct BMP {
  private let bytes: [UInt8]
  private let header: BMPHeader

  static func decode(
    _ bytes: UnsafeRawBufferPointer, _ limits: Image.Limits
  ) throws(ModelError) -> Image {
    let header = try BMPHeader(bytes)
    try Image.checkSize(header.width, header.height, limits)
    let picture = try BMP(bytes: Array(bytes), header: header)
    return header.bits <= 8 ? try picture.indexed() : try picture.direct()
  }

  private init(bytes: [UInt8], header: BMPHeader) throws(ModelError) {
    self.bytes = bytes
    self.header = header
    guard header.dataOffset <= bytes.count else { throw Self.damaged("no pixels") }
    if header.compression == .runs { return }
    let size = header.stride * header.height
    guard size <= bytes.count - header.dataOffset else {
      throw Self.damaged("\(bytes.count - header.dataOffset) of \(size) bytes of pixels")
    }
  }

  static func damaged(_ reason: String) -> ModelError { ImageFormat.damaged("BMP", reason) }

  /// Where row `y` from the top begins among `height` rows of `stride`.
  private func row(_ y: Int, _ stride: Int) -> Int {
    stride * (header.isTopDown ? y : header.height - 1 - y)
  }

  private func indexed() throws(ModelError) -> Image {
    let palette = try header.palette(bytes)
    let isPacked = header.compression != .runs
    let indices = isPacked ? bytes[header.dataOffset...] : try runs()[...]
    let (bits, stride) = isPacked ? (header.bits, header.stride) : (8, header.width)
    let isGray = palette.allSatisfy { $0.0 == $0.1 && $0.1 == $0.2 }
    var pixels: [UInt8] = []
    pixels.reserveCapacity(header.width * header.height * (isGray ? 1 : 3))
    for y in 0..<header.height {
      let start = indices.startIndex + row(y, stride)
      for x in 0..<header.width {
        let byte = Int(indices[start + x * bits / 8])
        let index = byte >> (8 - bits - x * bits % 8) & (1 << bits - 1)
        guard index < palette.count else {
          throw Self.damaged("colour \(index) of \(palette.count)")
        }
        let color = palette[index]
        pixels.append(color.0)
        if !isGray {
          pixels.append(color.1)
          pixels.append(color.2)
        }
      }
    }
    return Image(header.width, header.height, isGray ? .gray : .rgb, pixels)
  }

  /// The palette's index of every pixel, in the order of the file's rows; what no run covers is 0.
  private func runs() throws(ModelError) -> [UInt8] {
    var indices = [UInt8](repeating: 0, count: header.width * header.height)
    var (position, x, y) = (header.dataOffset, 0, 0)
    let isNibbles = header.bits == 4
    func put(_ byte: Int, _ isSecond: Bool) {
      // Some writers let a run end beyond the row's end.
      guard x < header.width, y < header.height else { return }
      let nibble = isSecond ? byte & 15 : byte >> 4
      indices[y * header.width + x] = UInt8(isNibbles ? nibble : byte)
      x += 1
    }
    while true {
      guard position + 1 < bytes.count else { throw Self.damaged("its runs end early") }
      let (count, value) = (Int(bytes[position]), Int(bytes[position + 1]))
      position += 2
      switch (count, value) {
      case (0, 0): (x, y) = (0, y + 1)
      case (0, 1): return indices
      case (0, 2):
        guard position + 1 < bytes.count else { throw Self.damaged("its runs end early") }
        (x, y) = (x + Int(bytes[position]), y + Int(bytes[position + 1]))
        position += 2
      case (0, _):
        let size = isNibbles ? (value + 1) / 2 : value
        guard size + size % 2 <= bytes.count - position else {
          throw Self.damaged("its runs end early")
        }
        for index in 0..<value {
          put(Int(bytes[position + (isNibbles ? index / 2 : index)]), index % 2 == 1)
        }
        position += size + size % 2
      default:
        for index in 0..<count { put(value, index % 2 == 1) }
      }
    }
  }

  private func direct() throws(ModelError) -> Image {
    let fields = try header.fields()
    let size = header.bits / 8
    var pixels: [UInt8] = []
    pixels.reserveCapacity(header.width * header.height * fields.count)
    for y in 0..<header.height {
      let start = header.dataOffset + row(y, header.stride)
      for x in 0..<header.width {
        var pixel: UInt32 = 0
        for index in 0..<size {
          pixel |= UInt32(bytes[start + x * size + index]) << UInt32(8 * index)
        }
        for field in fields { pixels.append(field.value(pixel)) }
      }
    }
    return Image(header.width, header.height, fields.count == 4 ? .rgbAlpha : .rgb, pixels)
  }
}
