import ModelFormat
import Testing

@Suite struct EncodingTests {
  static let chunk = 256 << 10

  struct Case: CustomTestStringConvertible {
    let element: ElementType
    let count: Int
    let pattern: Pattern
    var testDescription: String { "\(element) × \(count), \(pattern)" }
  }

  static let cases: [Case] = ElementType.allCases.filter { $0 != .string }.flatMap { element in
    let perChunk = chunk * 8 / element.bitWidth
    return [0, 1, 7, 100, perChunk - 1, perChunk, perChunk + 1].flatMap { count in
      Pattern.allCases.map { Case(element: element, count: count, pattern: $0) }
    }
  }

  @Test(arguments: CompressionLevel.allCases)
  func everyElementComesBack(level: CompressionLevel) throws {
    let folder = try TemporaryFolder()
    for test in Self.cases where level != .max || test.count < 1000 {
      let tensor = try test.pattern.tensor(test.element, count: test.count)
      var model = Model()
      let id = model.addValue("w")
      model.main.weights[id] = Weight(tensor)
      let path = folder.file("m.zoo")
      try model.write(to: path, options: .init(level: level))
      let read = try Model(contentsOf: path)
      let weight = try #require(read.main.weights[id])
      #expect(try weight.tensor() == tensor, "\(test.testDescription) \(weight.encoding)")
    }
  }
}
