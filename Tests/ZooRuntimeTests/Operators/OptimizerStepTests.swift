import ModelFormat
import Testing
import ZooRuntime

@Suite struct OptimizerStepTests {
  private let domain = "ai.onnx.preview.training"

  private func step(
    _ opType: String, _ attributes: [Attribute], rate: Double, count: Int64, _ tensors: [[Double]],
    outputs: Int
  ) throws -> [[Double]] {
    let inputs: [Value?] =
      [.tensor(try Tensor(scalar: rate)), .tensor(try Tensor(scalar: count))]
      + (try tensors.map { .tensor(try Tensor($0, shape: [$0.count])) })
    return try NodeRunner.run(
      opType, domain: domain, opset: 1, inputs, attributes, outputs: outputs
    ).map { try #require($0.tensor).array(of: Double.self) }
  }

  /// By hand: g' = 0.5·2 + 1 = 2, h = 5 + 4 = 9, x = 2 − 0.3 / (1 + 2·0.25) · 2 / (3 + 1).
  @Test func adagrad() throws {
    let attributes = [
      Attribute("norm_coefficient", 0.5), Attribute("decay_factor", 0.25),
      Attribute("epsilon", 1.0),
    ]
    let got = try step(
      "Adagrad", attributes, rate: 0.3, count: 2, [[2], [], [1], [], [5], []], outputs: 4)
    #expect(got.count == 4 && got[1].isEmpty && got[3].isEmpty)
    #expect(abs(got[0][0] - 1.9) < 1e-12 && got[2] == [9])
  }

  /// By hand: v = 0.5·2 + 0.5·4 = 3, h = 0.75·8 + 0.25·16 = 10; corrected from step 1 on.
  @Test(arguments: [Int64(0), 1, 3]) func adam(count: Int64) throws {
    let attributes = [
      Attribute("alpha", 0.5), Attribute("beta", 0.75), Attribute("epsilon", 0.0),
      Attribute("norm_coefficient_post", 0.5),
    ]
    let got = try step(
      "Adam", attributes, rate: 0.1, count: count, [[1], [4], [2], [8]], outputs: 3)
    var (a, b) = (1.0, 1.0)
    for _ in 0..<count { (a, b) = (a * 0.5, b * 0.75) }
    let rate = count == 0 ? 0.1 : 0.1 * (1 - b).squareRoot() / (1 - a)
    #expect(abs(got[0][0] - 0.5 * (1 - rate * 3 / 10.0.squareRoot())) < 1e-12)
    #expect(got[1] == [3] && got[2] == [10])
  }

  /// By hand: v = 0.5·4 + β·2, where β counts as 1 at step 0; looking ahead adds the gradient once more.
  @Test(arguments: [
    ("standard", Int64(0), 4.0, 0.6), ("standard", 1, 3, 0.7), ("nesterov", 0, 4, 0.6),
    ("nesterov", 1, 3, 0.65),
  ])
  func momentum(mode: String, count: Int64, velocity: Double, x: Double) throws {
    let attributes = [
      Attribute("alpha", 0.5), Attribute("beta", 0.5), Attribute("norm_coefficient", 0.0),
      Attribute("mode", mode),
    ]
    let got = try step(
      "Momentum", attributes, rate: 0.1, count: count, [[1], [2], [4]], outputs: 2)
    #expect(abs(got[0][0] - x) < 1e-12 && got[1] == [velocity])
  }

  @Test func refusesWhatDoesNotFit() throws {
    #expect(throws: ModelError.self) {
      try step("Adam", [], rate: 1, count: 0, [[1], [1], [1]], outputs: 1)
    }
    let error = #expect(throws: ModelError.self) {
      try step("Adagrad", [], rate: 1, count: 0, [[1], [1, 2], [1]], outputs: 2)
    }
    #expect(error?.code == .shapeMismatch)
    #expect(throws: ModelError.self) {
      try step(
        "Momentum", [Attribute("mode", "fast")], rate: 1, count: 0, [[1], [1], [1]], outputs: 2)
    }
  }
}
