import Testing
import ZooRuntime

@Suite struct LossTests {
  private let scores = try? Tensor.f32([-1, -2, -3, -4, -5, -6], [2, 3])

  private func attributes(_ reduction: String, ignoring label: Int64? = nil) -> [Attribute] {
    [Attribute("reduction", .string(reduction))]
      + (label.map { [Attribute("ignore_index", .int($0))] } ?? [])
  }

  @Test func weighsAndIgnores() throws {
    let scores = try #require(scores)
    let weights = try Tensor.f32([1, 2, 4])
    let opType = "NegativeLogLikelihoodLoss"
    try NodeRunner.expect(
      opType, [scores, .i64([2, 0])], attributes("none"), gives: [.f32([3, 4])])
    try NodeRunner.expect(
      opType, [scores, .i64([2, 0]), weights], attributes("sum"), gives: [.f32([16], [])])
    try NodeRunner.expect(
      opType, [scores, .i64([2, 0]), weights], attributes("mean"), gives: [.f32([16 / 5], [])])
    // A label that is ignored needs not be a class.
    try NodeRunner.expect(
      opType, [scores, .i64([-100, 1])], attributes("mean", ignoring: -100),
      gives: [.f32([5], [])])
    try NodeRunner.expect(
      opType, [scores, .i64([-100, 1])], attributes("none", ignoring: -100), gives: [.f32([0, 5])])
  }

  @Test func takesNothing() throws {
    let (none, labels) = (try Tensor.f32([], [0, 3]), try Tensor.i64([], [0]))
    try NodeRunner.expect(
      "NegativeLogLikelihoodLoss", [none, labels], attributes("none"), gives: [.f32([], [0])])
    let mean = try NodeRunner.run(
      "SoftmaxCrossEntropyLoss", [.tensor(none), .tensor(labels)], attributes("mean"))
    #expect(try #require(mean[0].tensor).array(of: Float.self)[0].isNaN)
  }

  @Test func givesLogarithmsInEveryType() throws {
    for type in [ElementType.f32, .f64] {
      let x =
        type == .f32
        ? try Tensor([Float(1), 1, 1, 1], shape: [2, 2])
        : try Tensor([1.0, 1, 1, 1], shape: [2, 2])
      let y = try NodeRunner.run(
        "SoftmaxCrossEntropyLoss", [.tensor(x), .tensor(.i64([0, 1]))], outputs: 2)
      for value in y {
        let tensor = try #require(value.tensor)
        #expect(tensor.elementType == type)
        #expect(try tensor.doubles().allSatisfy { abs(abs($0) - 0.6931471805599453) < 1e-6 })
      }
    }
  }

  @Test func refuses() throws {
    let scores = try #require(scores)
    for opType in ["NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"] {
      NodeRunner.expectRefusal(opType, [scores, try .i64([3, 0])], code: .outOfRange)
      NodeRunner.expectRefusal(opType, [scores, try .i64([-1, 0])], code: .outOfRange)
      NodeRunner.expectRefusal(opType, [scores, try .i64([0])], code: .shapeMismatch)
      NodeRunner.expectRefusal(
        opType, [scores, try .i64([0, 0]), try .f32([1, 1])], code: .shapeMismatch)
      NodeRunner.expectRefusal(
        opType, [scores, try .i64([0, 0])], attributes("median"), code: .invalidAttribute)
      NodeRunner.expectRefusal(
        opType, [scores, try .f32([0, 0])], code: .elementTypeMismatch)
    }
  }
}
