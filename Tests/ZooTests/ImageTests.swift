import Testing
import Zoo

@Suite("Images")
struct ImageTests {
  private struct Case {
    var name: String
    var file: [UInt8]
    var image: Image
    /// The largest difference that a value may have.
    var tolerance: Int

    init(_ json: JSON) throws {
      func int(_ name: String) -> Int { if case .int(let n)? = json[name] { n } else { 0 } }
      func hex(_ name: String) -> [UInt8] {
        guard case .string(let text)? = json[name] else { return [] }
        let digits = Array(text.utf8)
        return stride(from: 0, to: digits.count, by: 2).compactMap {
          UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
        }
      }
      if case .string(let text)? = json["name"] ?? json["filter"] { name = text } else { name = "" }
      file = hex("file")
      tolerance = int("tolerance")
      image = try Image(
        width: int("width"), height: int("height"),
        channels: #require(Image.Channels(rawValue: max(int("channels"), 0))),
        pixels: hex("pixels"))
    }
  }

  private static func cases(_ group: String) throws -> [Case] {
    let json = try JSON(parsing: Fixture.committed("images.json"))
    guard case .array(let rows)? = json[group] else { return [] }
    return try rows.map { row in
      guard group == "resizing", case .object(let members) = row else { return try Case(row) }
      return try Case(.object(members + [JSON.Member("channels", 3)]))
    }
  }

  @Test("decodes PNG and JPEG to Pillow's pixels")
  func decoding() throws {
    let cases = try Self.cases("decoding")
    #expect(cases.count == 19)
    for entry in cases {
      let image = try Image(decoding: entry.file)
      #expect(image.channels == entry.image.channels, "\(entry.name)")
      #expect(image == entry.image, "\(entry.name)")
    }
  }

  @Test("decodes every other format to Pillow's pixels")
  func formats() throws {
    let cases = try Self.cases("formats")
    #expect(cases.count == 53)
    for entry in cases {
      let image = try Image(decoding: entry.file)
      #expect(image.channels == entry.image.channels, "\(entry.name)")
      #expect(
        (image.width, image.height) == (entry.image.width, entry.image.height), "\(entry.name)")
      let worst = zip(image.pixels, entry.image.pixels).map { abs(Int($0) - Int($1)) }.max() ?? 0
      #expect(worst <= entry.tolerance, "\(entry.name)")
    }
  }

  @Test("resizes as Pillow does")
  func resizing() throws {
    let source = try #require(try Self.cases("decoding").first).image
    let cases = try Self.cases("resizing")
    #expect(cases.count == 16)
    for entry in cases {
      let filter = try #require(Image.Interpolation(rawValue: entry.name))
      let image = try source.resized(
        width: entry.image.width, height: entry.image.height, filter)
      #expect(
        image == entry.image, "\(entry.name) \(entry.image.width) × \(entry.image.height)")
    }
  }

  @Test("shrinks by area as the mean of what is covered")
  func area() throws {
    let image = try Image(width: 3, height: 1, channels: .gray, pixels: [30, 60, 120])
    #expect(try image.resized(width: 1, height: 1, .area).pixels == [70])
    // Half of the middle pixel belongs to each side.
    #expect(try image.resized(width: 2, height: 1, .area).pixels == [40, 100])
    #expect(try image.resized(width: 3, height: 2, .nearest).pixels == [30, 60, 120, 30, 60, 120])
  }

  @Test("samples without antialiasing between the two nearest pixels")
  func sampling() throws {
    let image = try Image(width: 4, height: 1, channels: .gray, pixels: [0, 100, 200, 40])
    #expect(
      try image.resized(width: 2, height: 1, .bilinear, antialiases: false).pixels == [50, 120])
    #expect(
      try image.resized(width: 8, height: 1, .bilinear, antialiases: false).pixels
        == [0, 25, 75, 125, 175, 160, 80, 40])
  }

  @Test("writes PNG files that read back")
  func png() throws {
    for entry in try Self.cases("decoding") {
      #expect(try Image(decoding: entry.image.png()) == entry.image, "\(entry.name)")
    }
  }

  @Test("crops and places")
  func cropping() throws {
    let image = try Image(width: 2, height: 2, channels: .gray, pixels: [1, 2, 3, 4])
    #expect(try image.cropped(x: 1, y: 0, width: 1, height: 2).pixels == [2, 4])
    #expect(throws: ModelError.self) { try image.cropped(x: 1, y: 0, width: 2, height: 2) }
    #expect(throws: ModelError.self) { try image.cropped(x: .max, y: 0, width: 2, height: 2) }
    #expect(
      try image.placed(x: 1, y: -1, width: 3, height: 2, background: 9).pixels
        == [9, 3, 4, 9, 9, 9])
    #expect(try image.placed(x: 5, y: 0, width: 1, height: 1, background: 9).pixels == [9])
  }

  @Test("makes grey and colour, on white where transparent")
  func conversion() throws {
    let image = try Image(
      width: 2, height: 1, channels: .rgbAlpha,
      pixels: [255, 0, 0, 255, 0, 0, 0, 0])
    #expect(image.rgb().pixels == [255, 0, 0, 255, 255, 255])
    #expect(image.gray().pixels == [76, 255])
  }

  @Test("refuses damaged files, whichever byte is hit")
  func damage() throws {
    for entry in try Self.cases("decoding").prefix(11) {
      for cut in 0..<entry.file.count - 12 where cut % 7 == 0 {
        // The last chunk of a PNG holds no pixels.
        #expect(throws: ModelError.self, "\(entry.name) cut at \(cut)") {
          try Image(decoding: Array(entry.file[..<cut]))
        }
      }
      for variant in Fixture.damaged(entry.file) { _ = try? Image(decoding: variant) }
    }
  }

  @Test("refuses damaged files of every other format, whichever byte is hit")
  func damagedFormats() throws {
    // A flipped bit may make a picture large, which takes time and nothing else.
    var limits = Image.Limits()
    limits.pixels = 1 << 12
    for entry in try Self.cases("formats") where !entry.name.contains("orientation") {
      for cut in entry.file.indices {
        // What the last bytes of some files hold is no pixels: an end of line, the last chunk of a PNG.
        if let image = try? Image(decoding: Array(entry.file[..<cut])) {
          #expect(image == entry.image && cut >= entry.file.count - 12, "\(entry.name) \(cut)")
        }
      }
      for index in entry.file.indices {
        var variant = entry.file
        variant[index] ^= [0xFF, 0x01, 0x80][index % 3]
        _ = try? Image(decoding: variant, limits: limits)
      }
    }
  }

  @Test("refuses a picture of more pixels than the limit before making room for it")
  func limits() throws {
    var limits = Image.Limits()
    limits.pixels = 100
    for entry in try Self.cases("decoding") + Self.cases("formats") {
      let error = #expect(throws: ModelError.self) {
        try Image(decoding: entry.file, limits: limits)
      }
      #expect(error?.code == .limitExceeded)
    }
  }
}
