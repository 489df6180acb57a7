import Foundation
import Testing
import Zoo

/// Every picture that ever broke a decoder, and those that fuzzing starts from, decoded once more.
@Suite struct ImageReplayTests {
  static let files: [String] = {
    let fuzz = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Fuzz")
    return ["Seeds", "Failures"].flatMap { kind in
      let folder = fuzz.appendingPathComponent("\(kind)/image-decoder").path
      let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
      return names.sorted().map { "\(folder)/\($0)" }
    }
  }()

  @Test func thereAreInputs() { #expect(Self.files.count >= 7) }

  @Test(arguments: files)
  func isDecodedOrRefused(path: String) throws {
    var limits = Image.Limits()
    limits.pixels = 1 << 20
    do {
      let image = try Image(decoding: Fixture.bytes(path), limits: limits)
      #expect(image.width > 0 && image.height > 0)
      #expect(image.pixels.count == image.width * image.height * image.channels.rawValue)
    } catch let error as ModelError {
      #expect(!error.description.isEmpty)
    }
  }

  @Test("turns a PNG and a WebP as their EXIF data say, and takes any damage of it")
  func exif() throws {
    let files = Self.files.filter { $0.contains("/exif.") }
    #expect(files.count == 3)
    for path in files {
      let bytes = try Fixture.bytes(path)
      let image = try Image(decoding: bytes)
      #expect((image.width, image.height) == (5, 7))
      // Orientation 6: what was stored last comes first.
      if !path.hasSuffix("jpg") {
        #expect(image.pixels.prefix(3) == [46, 60, 230])
        #expect(image.pixels[12..<15] == [255, 228, 34])
      }
      for variant in Fixture.damaged(bytes) { _ = try? Image(decoding: variant) }
    }
  }
}
