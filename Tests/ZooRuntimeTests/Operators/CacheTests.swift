import Testing
import ZooRuntime

/// Operators that go on from a state.
@Suite struct CacheTests {
  @Test func writesSteps() throws {
    let cache = try Tensor.f32([0, 0, 0, 0, 0, 0], [2, 3, 1])
    let update = try Tensor.f32([1, 2, 3, 4], [2, 2, 1])
    try NodeRunner.expect(
      "TensorScatter", opset: 24, [cache, update, .i64([0, 1])],
      gives: [.f32([1, 2, 0, 0, 3, 4], [2, 3, 1])])
    let circular = [Attribute("mode", .string("circular"))]
    try NodeRunner.expect(
      "TensorScatter", opset: 24, [cache, update, .i64([2, -1])], circular,
      gives: [.f32([2, 0, 1, 4, 0, 3], [2, 3, 1])])
    let strings = try Tensor(strings: ["a", "b"], shape: [1, 2, 1])
    try NodeRunner.expect(
      "TensorScatter", opset: 24, [strings, Tensor(strings: ["c"], shape: [1, 1, 1])],
      gives: [Tensor(strings: ["c", "b"], shape: [1, 2, 1])])
    NodeRunner.expectRefusal(
      "TensorScatter", opset: 24, [cache, update, try .i64([0, 2])], code: .outOfRange)
    NodeRunner.expectRefusal(
      "TensorScatter", opset: 24, [cache, update, try .i64([0, -1])], code: .outOfRange)
    NodeRunner.expectRefusal(
      "TensorScatter", opset: 24, [update, cache], code: .shapeMismatch)
    NodeRunner.expectRefusal(
      "TensorScatter", opset: 24, [cache, update], [Attribute("axis", .int(0))],
      code: .invalidAttribute)
  }

  @Test(arguments: [0, 1, 3]) func convolvesCausally(length: Int) throws {
    let x = try Tensor.counting([1, 1, length])
    let weight = try Tensor.f32([1, 10, 100], [1, 1, 3])
    let past = try Tensor.f32([5, 7], [1, 1, 2])
    let padded: [Float] = [5, 7] + (0..<length).map(Float.init)
    let want = (0..<length).map { (t: Int) -> Float in
      let (a, b, c) = (padded[t], padded[t + 1], padded[t + 2])
      return a + 10 * b + 100 * c
    }
    try NodeRunner.expect(
      "CausalConvWithState", opset: 27, [x, weight, nil, past],
      gives: [.f32(want, [1, 1, length]), .f32(Array(padded.suffix(2)), [1, 1, 2])])
    NodeRunner.expectRefusal(
      "CausalConvWithState", opset: 27, [x, weight, nil, weight], code: .shapeMismatch)
    NodeRunner.expectRefusal(
      "CausalConvWithState", opset: 27, [x, weight], [Attribute("activation", .string("tanh"))],
      code: .invalidAttribute)
  }

  @Test func remembersLinearly() throws {
    let heads = [Attribute("q_num_heads", .int(1)), Attribute("kv_num_heads", .int(1))]
    let linear =
      heads + [
        Attribute("update_rule", .string("linear")), Attribute("scale", .float(1)),
      ]
    let (q, k, v) = (
      try Tensor.f32([1, 0, 0, 1], [1, 2, 2]), try Tensor.f32([1, 0, 1, 1], [1, 2, 2]),
      try Tensor.f32([3, 5], [1, 2, 1])
    )
    try NodeRunner.expect(
      "LinearAttention", opset: 27, [q, k, v], linear,
      gives: [.f32([3, 5], [1, 2, 1]), .f32([8, 5], [1, 1, 2, 1])])
    let none = try Tensor.f32([], [1, 0, 2])
    try NodeRunner.expect(
      "LinearAttention", opset: 27,
      [none, none, .f32([], [1, 0, 1]), .f32([8, 5], [1, 1, 2, 1])],
      linear, gives: [.f32([], [1, 0, 1]), .f32([8, 5], [1, 1, 2, 1])])
    NodeRunner.expectRefusal("LinearAttention", opset: 27, [q, k, v], heads, code: .missingInput)
    NodeRunner.expectRefusal(
      "LinearAttention", opset: 27, [q, k, v, nil, k], linear, code: .arityMismatch)
    NodeRunner.expectRefusal(
      "LinearAttention", opset: 27, [q, none, v], linear, code: .shapeMismatch)
  }

  /// Of `com.microsoft`: keys may have fewer heads than values, each for several states.
  @Test func statesShareKeys() throws {
    func attributes(_ heads: Int64) -> [Attribute] {
      [
        Attribute("q_num_heads", .int(heads)), Attribute("kv_num_heads", .int(heads)),
        Attribute("update_rule", .string("linear")), Attribute("scale", .float(1)),
      ]
    }
    try NodeRunner.expect(
      "LinearAttention", domain: "com.microsoft", opset: 1,
      [.f32([1, 10], [1, 1, 2]), .f32([2], [1, 1, 1]), .f32([3, 5], [1, 1, 2])], attributes(2),
      gives: [.f32([6, 100], [1, 1, 2]), .f32([6, 10], [1, 2, 1, 1])])
    let (three, two) = (try Tensor.f32([1, 2, 3], [1, 1, 3]), try Tensor.f32([1, 2], [1, 1, 2]))
    NodeRunner.expectRefusal(
      "LinearAttention", domain: "com.microsoft", opset: 1, [three, two, three], attributes(3),
      code: .shapeMismatch)
  }

  @Test func gates() throws {
    let (a, b) = (try Tensor.f32([0, .infinity, -.infinity]), try Tensor.f32([5, 2, 3]))
    let y = try NodeRunner.run("SwiGLU", opset: 28, [.tensor(a), .tensor(b)])
    let values = try #require(y[0].tensor).array(of: Float.self)
    #expect(values[0] == 0 && values[1] == .infinity)
    NodeRunner.expectRefusal("SwiGLU", opset: 28, [a, try .f32([1])], code: .shapeMismatch)
  }
}
