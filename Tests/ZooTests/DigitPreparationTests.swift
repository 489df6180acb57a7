import Testing
import Zoo

@Suite("Preparing drawn characters")
struct DigitPreparationTests {
  private let preprocessing = ImagePreprocessing(
    width: 28, height: 28, channels: .gray, fit: .digit(box: 20))

  /// A bar of `ink` on `ground`.
  private func bar(
    _ size: Int, x: Range<Int>, y: Range<Int>, ink: UInt8, ground: UInt8
  ) throws -> Image {
    var pixels = [UInt8](repeating: ground, count: size * size)
    for row in y { for column in x { pixels[row * size + column] = ink } }
    return try Image(width: size, height: size, channels: .gray, pixels: pixels)
  }

  private func ink(_ tensor: Tensor) throws -> (x: [Int], y: [Int]) {
    let values = try tensor.array(of: Float.self)
    let places = values.indices.filter { values[$0] > 0.5 }
    return (Set(places.map { $0 % 28 }).sorted(), Set(places.map { $0 / 28 }).sorted())
  }

  @Test(
    "brings ink to 20 pixels in the middle, dark on light or light on dark",
    arguments: [
      (UInt8(0), UInt8(255)), (255, 0), (40, 200), (230, 30),
    ])
  func centering(ink: UInt8, ground: UInt8) throws {
    let image = try bar(200, x: 20..<40, y: 10..<110, ink: ink, ground: ground)
    let tensor = try preprocessing.tensor([image])
    #expect(tensor.shape == [1, 1, 28, 28])
    let (columns, rows) = try self.ink(tensor)
    #expect(columns == Array(12..<16))
    #expect(rows == Array(4..<24))
    #expect(try tensor.array(of: Float.self).max() == 1)
  }

  @Test("takes a picture of the final size as it is, but for its polarity")
  func prepared() throws {
    let light = try bar(28, x: 3..<5, y: 3..<9, ink: 200, ground: 0)
    let dark = try bar(28, x: 3..<5, y: 3..<9, ink: 55, ground: 255)
    let expected = light.pixels.map { Float($0) * (1 / 255) }
    #expect(try preprocessing.tensor([light]).array(of: Float.self) == expected)
    #expect(try preprocessing.tensor([dark]).array(of: Float.self) == expected)
  }

  @Test("survives pictures without ink", arguments: [UInt8(0), 128, 255])
  func blank(level: UInt8) throws {
    let image = try bar(50, x: 0..<0, y: 0..<0, ink: 0, ground: level)
    #expect(try preprocessing.tensor([image]).shape == [1, 1, 28, 28])
  }
}
