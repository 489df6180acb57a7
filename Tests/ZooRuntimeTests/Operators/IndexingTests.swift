import Testing
import ZooRuntime

@Suite struct IndexingTests {
  @Test func gathersElementsAndSlices() throws {
    let x = try Tensor.f32([1, 2, 3, 4], [2, 2])
    try NodeRunner.expect(
      "GatherElements", [x, .i64([0, 0, 1, -2], [2, 2])], [Attribute("axis", .int(1))],
      gives: [.f32([1, 1, 4, 3], [2, 2])])
    try NodeRunner.expect("GatherND", [x, .i64([1, 0], [1, 2])], gives: [.f32([3])])
    try NodeRunner.expect("GatherND", [x, .i64([-1], [1, 1])], gives: [.f32([3, 4], [1, 2])])
    try NodeRunner.expect(
      "GatherND", [x, .i64([1, 0], [2, 1])], [Attribute("batch_dims", .int(1))],
      gives: [.f32([2, 3])])
    NodeRunner.expectRefusal("GatherND", [x, try .i64([2], [1, 1])], code: .outOfRange)
    NodeRunner.expectRefusal("GatherElements", [x, try .i64([0, 1, 2])], code: .shapeMismatch)
  }

  static let reductions: [(String, [Float])] = [
    ("none", [9, 2, 7]), ("add", [13, 2, 10]), ("mul", [27, 2, 21]), ("max", [9, 2, 7]),
    ("min", [1, 2, 3]),
  ]

  @Test(arguments: reductions)
  func scatters(reduction: String, expected: [Float]) throws {
    let x = try Tensor.f32([1, 2, 3])
    let updates = try Tensor.f32([3, 9, 7])
    let attributes = [Attribute("reduction", .string(reduction))]
    try NodeRunner.expect(
      "ScatterElements", [x, .i64([0, 0, 2]), updates], attributes, gives: [.f32(expected)])
    try NodeRunner.expect(
      "ScatterND", [x, .i64([0, -3, 2], [3, 1]), updates], attributes, gives: [.f32(expected)])
  }

  /// Rows behind the axis and indices before it, places that meet, and updates for fewer rows than there are.
  @Test func scatteredSumsOfWholeRows() throws {
    let x = try Tensor((0..<12).map(Float.init), shape: [2, 3, 2])
    let updates = try Tensor((1...8).map { Float(10 * $0) }, shape: [2, 2, 2])
    let indices = try Tensor([0, 2, 0, -1, 1, 1, 1, 0] as [Int64], shape: [2, 2, 2])
    let attributes = [
      Attribute("axis", .int(1)), Attribute("reduction", .string("add")),
    ]
    let expected: [Float] = [40, 1, 2, 3, 4, 65, 6, 87, 128, 69, 10, 11]
    try NodeRunner.expect(
      "ScatterElements", [x, indices, updates], attributes,
      gives: [Tensor(expected, shape: [2, 3, 2])])
    NodeRunner.expectRefusal(
      "ScatterElements",
      [
        x, try Tensor([0, 3, 0, 0] as [Int64], shape: [2, 1, 2]),
        try Tensor([Float](repeating: 1, count: 4), shape: [2, 1, 2]),
      ],
      attributes, code: .outOfRange)
  }

  @Test func scatterLeavesItsInputAlone() throws {
    let x = try Tensor.f32([1, 2, 3])
    NodeRunner.expectRefusal(
      "ScatterND", [x, try .i64([0, 3], [2, 1]), try .f32([8, 9])], code: .outOfRange)
    #expect(x == (try .f32([1, 2, 3])))
  }

  @Test func makesOneHots() throws {
    try NodeRunner.expect(
      "OneHot", [.i64([0, -1, 5]), Tensor(scalar: Int64(3)), .f32([2, 5])],
      gives: [.f32([5, 2, 2, 2, 2, 5, 2, 2, 2], [3, 3])])
    try NodeRunner.expect(
      "OneHot", [.i64([1]), Tensor(scalar: Int64(2)), .f32([0, 1])], [Attribute("axis", .int(0))],
      gives: [.f32([0, 1], [2, 1])])
  }

  @Test func movesBetweenDepthAndSpace() throws {
    let x = try Tensor.counting([1, 8, 2, 3])
    for mode in ["DCR", "CRD"] {
      let attributes = [Attribute("blocksize", .int(2)), Attribute("mode", .string(mode))]
      let wide = try NodeRunner.run("DepthToSpace", [.tensor(x)], attributes)
      #expect(wide[0].tensor?.shape == [1, 2, 4, 6])
      try NodeRunner.expect(
        "SpaceToDepth", opset: 28, [wide[0].tensor], attributes, gives: [x])
    }
    NodeRunner.expectRefusal(
      "DepthToSpace", [try .counting([1, 3, 2, 2])], [Attribute("blocksize", .int(2))],
      code: .shapeMismatch)
  }

  @Test func keepsTriangles() throws {
    let x = try Tensor.f32([1, 2, 3, 4, 5, 6], [2, 3])
    try NodeRunner.expect("Trilu", [x], gives: [.f32([1, 2, 3, 0, 5, 6], [2, 3])])
    try NodeRunner.expect(
      "Trilu", [x, Tensor(scalar: Int64(1))], [Attribute("upper", .int(0))],
      gives: [.f32([1, 2, 0, 4, 5, 6], [2, 3])])
    try NodeRunner.expect(
      "Trilu", [x, Tensor(scalar: Int64.max)], gives: [.f32([0, 0, 0, 0, 0, 0], [2, 3])])
  }

  @Test func turnsSequencesRound() throws {
    try NodeRunner.expect(
      "ReverseSequence", [.f32([0, 1, 2, 3, 4, 5], [3, 2]), .i64([3, 1])],
      gives: [.f32([4, 1, 2, 3, 0, 5], [3, 2])])
  }

  @Test func compresses() throws {
    try NodeRunner.expect(
      "Compress", [.f32([1, 2, 3, 4], [2, 2]), Tensor([false, true], shape: [2])],
      [Attribute("axis", .int(0))], gives: [.f32([3, 4], [1, 2])])
  }

  @Test func sumsProducts() throws {
    let a = try Tensor.f32([1, 2, 3, 4], [2, 2])
    let b = try Tensor.f32([5, 6, 7, 8], [2, 2])
    func check(_ equation: String, _ inputs: [Tensor], _ expected: Tensor) throws {
      try NodeRunner.expect(
        "Einsum", inputs, [Attribute("equation", .string(equation))], gives: [expected])
    }
    try check("ij,jk->ik", [a, b], .f32([19, 22, 43, 50], [2, 2]))
    try check("ij,jk", [a, b], .f32([19, 22, 43, 50], [2, 2]))
    try check("ii", [a], .f32([5], []))
    try check("ij->ji", [a], .f32([1, 3, 2, 4], [2, 2]))
    try check("...j->...", [a], .f32([3, 7]))
    NodeRunner.expectRefusal(
      "Einsum", [a, try .f32([1, 2, 3])], [Attribute("equation", .string("ij,j->i"))],
      code: .shapeMismatch)
  }

  @Test func suppressesOverlaps() throws {
    let boxes = try Tensor.f32([0, 0, 1, 1, 0, 0.1, 1, 1.1, 0, 10, 1, 11], [1, 3, 4])
    let scores = try Tensor.f32([0.9, 0.75, 0.6], [1, 1, 3])
    try NodeRunner.expect(
      "NonMaxSuppression",
      [
        boxes, scores, Tensor(scalar: Int64(3)), Tensor(scalar: Float(0.5)),
        Tensor(scalar: Float(0)),
      ],
      gives: [.i64([0, 0, 0, 0, 0, 2], [2, 3])])
  }

  @Test func drawsTheSameNumbersWithASeed() throws {
    let attributes = [Attribute("shape", .ints([100])), Attribute("seed", .float(7))]
    let first = try NodeRunner.run("RandomUniform", [], attributes)
    let second = try NodeRunner.run("RandomUniform", [], attributes, optimizes: false)
    #expect(first == second)
    let values = try #require(try first[0].tensor?.array(of: Float.self))
    #expect(values.allSatisfy { $0 >= 0 && $0 < 1 } && Set(values).count > 90)
  }
}
