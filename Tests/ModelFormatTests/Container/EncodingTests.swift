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
    let cases = Self.cases.filter { level != .max || $0.count < 1000 }
    let tensors = try cases.map { try $0.pattern.tensor($0.element, count: $0.count) }
    var model = Model()
    for tensor in tensors { model.main.weights[model.addValue("w")] = Weight(tensor) }
    try model.write(to: folder.file("m.zoo"), options: .init(level: level))
    let read = try readZoo(folder.file("m.zoo"))
    for (index, tensor) in tensors.enumerated() {
      let weight = try #require(read.main.weights[ValueID(index)])
      #expect(try weight.tensor() == tensor, "\(cases[index].testDescription) \(weight.encoding)")
    }
  }
}
