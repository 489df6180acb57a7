import ModelFormat

/// How a camera was held when it took a picture: the orientation tag of EXIF 2.3 (CIPA DC-008), section 4.6.4.
enum EXIF {
  /// The orientation that a JPEG states, 1 … 8; 1, upright, where a file does not say or says nonsense.
  static func jpeg(_ jpeg: UnsafeRawBufferPointer) -> Int {
    var position = 2
    while position + 4 <= jpeg.count, jpeg[position] == 0xFF, jpeg[position + 1] != 0xDA {
      let length = Int(jpeg[position + 2]) << 8 | Int(jpeg[position + 3])
      let end = position + 2 + length
      guard length >= 2, end <= jpeg.count else { return 1 }
      let segment = UnsafeRawBufferPointer(rebasing: jpeg[position + 4..<end])
      if jpeg[position + 1] == 0xE1, segment.starts(with: Array("Exif\0\0".utf8)) {
        return tag(UnsafeRawBufferPointer(rebasing: segment[6...])) ?? 1
      }
      position = end
    }
    return 1
  }

  /// The orientation that a PNG states in its chunk `eXIf`.
  static func png(_ png: UnsafeRawBufferPointer) -> Int {
    var position = 8
    while position + 12 <= png.count {
      let size = png[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
      let start = position + 8
      guard size <= png.count - start - 4 else { return 1 }
      if png[position + 4..<start].elementsEqual("eXIf".utf8) {
        return tag(UnsafeRawBufferPointer(rebasing: png[start..<start + size])) ?? 1
      }
      position = start + size + 4
    }
    return 1
  }

  /// The orientation that a WebP file states in its chunk `EXIF`.
  static func webp(_ webp: UnsafeRawBufferPointer) -> Int {
    var position = 12
    while position + 8 <= webp.count {
      let size = webp[position + 4..<position + 8].reversed().reduce(0) { $0 << 8 | Int($1) }
      let start = position + 8
      guard size <= webp.count - start else { return 1 }
      if webp[position..<position + 4].elementsEqual("EXIF".utf8) {
        let chunk = webp[start..<start + size]
        // Some writers keep the mark that only a JPEG needs.
        let mark = chunk.starts(with: Array("Exif\0\0".utf8)) ? 6 : 0
        return tag(UnsafeRawBufferPointer(rebasing: chunk.dropFirst(mark))) ?? 1
      }
      position = start + size + size % 2
    }
    return 1
  }

  /// The orientation in the first directory of a TIFF header.
  private static func tag(_ tiff: UnsafeRawBufferPointer) -> Int? {
    guard tiff.count >= 8 else { return nil }
    let isLittle = tiff.starts(with: Array("II".utf8))
    func number(_ offset: Int, _ count: Int) -> Int? {
      guard offset >= 0, offset + count <= tiff.count else { return nil }
      let bytes = tiff[offset..<offset + count]
      return (isLittle ? Array(bytes.reversed()) : Array(bytes)).reduce(0) { $0 << 8 | Int($1) }
    }
    guard let directory = number(4, 4), let entries = number(directory, 2) else { return nil }
    for entry in 0..<entries {
      let offset = directory + 2 + entry * 12
      guard let tag = number(offset, 2) else { return nil }
      if tag == 0x0112, let value = number(offset + 8, 2), (1...8) ~= value { return value }
    }
    return nil
  }
}

extension Image {
  /// The upright picture of one that was stored in EXIF orientation `orientation`.
  func oriented(_ orientation: Int) -> Image {
    guard (2...8) ~= orientation else { return self }
    let isTurned = orientation >= 5
    let (width, height) = isTurned ? (self.height, self.width) : (self.width, self.height)
    let count = channels.rawValue
    var result: [UInt8] = []
    result.reserveCapacity(pixels.count)
    for y in 0..<height {
      for x in 0..<width {
        let (column, row) = isTurned ? (y, x) : (x, y)
        let isMirrored = [2, 3, 7, 8].contains(orientation)
        let isFlipped = [3, 4, 6, 7].contains(orientation)
        let sourceX = isMirrored ? self.width - 1 - column : column
        let sourceY = isFlipped ? self.height - 1 - row : row
        let start = (sourceY * self.width + sourceX) * count
        result.append(contentsOf: pixels[start..<start + count])
      }
    }
    return Image(width, height, channels, result)
  }
}
