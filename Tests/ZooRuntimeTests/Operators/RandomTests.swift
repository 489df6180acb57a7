import ModelFormat
import Testing
import ZooRuntime

@Suite struct RandomTests {
  private func draw(
    _ opType: String, _ attributes: [Attribute], _ input: Tensor? = nil
  ) throws -> [Double] {
    let inputs = input.map { [Value.tensor($0)] } ?? []
    let tensor = try #require(try NodeRunner.run(opType, opset: 21, inputs, attributes)[0].tensor)
    return try tensor.doubles()
  }

  private func seeded(_ others: [Attribute], _ seed: Double?) -> [Attribute] {
    others + (seed.map { [Attribute("seed", $0)] } ?? [])
  }

  /// `numpy.random.RandomState(0)`: `rand(3)` and `randn(3)`.
  @Test(arguments: [
    ("RandomUniform", [0.5488135, 0.71518937, 0.60276338]),
    ("RandomNormal", [1.76405235, 0.40015721, 0.97873798]),
  ])
  func givesTheNumbersOfNumPy(opType: String, wanted: [Double]) throws {
    let got = try draw(opType, seeded([Attribute("shape", [3])], 0))
    for (a, b) in zip(got, wanted) { #expect(abs(a - b) < 1e-7) }
    #expect(got.count == 3)
  }

  private static let half: [Double] = Array(repeating: 0.5, count: 64)

  private func attributes(_ opType: String) -> [Attribute] {
    switch opType {
    case "RandomUniform", "RandomNormal": [Attribute("shape", [64])]
    case "Multinomial": [Attribute("sample_size", 64)]
    default: []
    }
  }

  private func input(_ opType: String) throws -> Tensor? {
    switch opType {
    case "RandomUniform", "RandomNormal": nil
    case "Multinomial": try .f32([0, 0], [1, 2])
    default: try Tensor(Self.half, shape: [64])
    }
  }

  @Test(arguments: [
    "RandomUniform", "RandomNormal", "RandomUniformLike", "RandomNormalLike", "Bernoulli",
    "Multinomial",
  ])
  func repeatsWithASeedOnly(opType: String) throws {
    let attributes = attributes(opType)
    let first = try draw(opType, seeded(attributes, 7), input(opType))
    #expect(try draw(opType, seeded(attributes, 7), input(opType)) == first)
    #expect(try draw(opType, seeded(attributes, 8), input(opType)) != first)
    // 64 equal draws twice without a seed: one chance in 2⁶⁴ at most.
    #expect(try draw(opType, attributes, input(opType)) != draw(opType, attributes, input(opType)))
  }

  @Test func drawsCertainties() throws {
    let bits = try draw("Bernoulli", [], Tensor([0.0, 1, 0, 1], shape: [4]))
    #expect(bits == [0, 1, 0, 1])
    let classes = try draw("Multinomial", [Attribute("sample_size", 8)], .f32([-1e30, 0], [1, 2]))
    #expect(classes == Array(repeating: 1, count: 8))
  }
}
