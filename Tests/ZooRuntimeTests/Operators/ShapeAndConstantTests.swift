import Testing
import ZooRuntime

@Suite struct ShapeAndConstantTests {
  @Test func changesShapes() throws {
    let x = try Tensor.counting([1, 2, 1, 3])
    let flat = try x.array(of: Float.self)
    try NodeRunner.expect("Squeeze", [x, .i64([-2])], gives: [.f32(flat, [1, 2, 3])])
    try NodeRunner.expect("Squeeze", [x], gives: [.f32(flat, [2, 3])])
    try NodeRunner.expect(
      "Unsqueeze", [x, .i64([0, -1])], gives: [.f32(flat, [1, 1, 2, 1, 3, 1])])
    try NodeRunner.expect(
      "Flatten", [x], [Attribute("axis", .int(-1))], gives: [.f32(flat, [2, 3])])
    try NodeRunner.expect("Size", [x], gives: [Tensor(scalar: Int64(6))])
    NodeRunner.expectRefusal("Squeeze", [x, try .i64([1])], code: .shapeMismatch)
    NodeRunner.expectRefusal("Unsqueeze", [x, try .i64([0, 0])], code: .invalidAttribute)
  }

  @Test func fillsShapes() throws {
    try NodeRunner.expect(
      "ConstantOfShape", [.i64([2, 2])], [Attribute("value", .tensor(Weight(.i64([7]))))],
      gives: [.i64([7, 7, 7, 7], [2, 2])])
    try NodeRunner.expect("ConstantOfShape", [.i64([])], gives: [Tensor(scalar: Float(0))])
    for element in [ElementType.u4, .i4, .u2, .i2] {
      let one = try Tensor(element, codes: [1], shape: [1])
      try NodeRunner.expect(
        "ConstantOfShape", opset: 25, [.i64([3, 3])], [Attribute("value", .tensor(Weight(one)))],
        gives: [Tensor(element, codes: Array(repeating: 1, count: 9), shape: [3, 3])])
    }
    NodeRunner.expectRefusal("ConstantOfShape", [try .i64([-1])], code: .outOfRange)
  }

  static let ranges: [(Int64, Int64, Int64, [Int64])] = [
    (0, 5, 2, [0, 2, 4]), (5, 0, -2, [5, 3, 1]), (3, 3, 1, []), (0, 3, -1, []),
    (4, 1, -1, [4, 3, 2]),
  ]

  @Test(arguments: ranges)
  func counts(start: Int64, limit: Int64, delta: Int64, expected: [Int64]) throws {
    try NodeRunner.expect(
      "Range", [Tensor(scalar: start), Tensor(scalar: limit), Tensor(scalar: delta)],
      gives: [.i64(expected)])
  }

  @Test func refusesRangesWithoutEnd() throws {
    NodeRunner.expectRefusal(
      "Range",
      [try Tensor(scalar: Int64(0)), try Tensor(scalar: Int64(1)), try Tensor(scalar: Int64(0))],
      code: .outOfRange)
  }

  @Test func givesConstants() throws {
    let forms: [(String, AttributeValue, Tensor)] = [
      ("value_int", .int(3), try Tensor(scalar: Int64(3))),
      ("value_ints", .ints([1, 2]), try .i64([1, 2])),
      ("value_float", .float(0.5), try Tensor(scalar: Float(0.5))),
      ("value_floats", .floats([1, 2]), try .f32([1, 2])),
      ("value_string", .string("a"), try Tensor(strings: ["a"], shape: [])),
      ("value_strings", .strings(["a", "b"]), try Tensor(strings: ["a", "b"], shape: [2])),
      ("value", .tensor(Weight(try .f32([1]))), try .f32([1])),
    ]
    for (name, value, expected) in forms {
      try NodeRunner.expect("Constant", [], [Attribute(name, value)], gives: [expected])
    }
  }

  @Test func dropsOut() throws {
    let x = try Tensor.f32([1, 2, 3, 4])
    try NodeRunner.expect(
      "Dropout", [x], gives: [x, Tensor([true, true, true, true], shape: [4])])
    let out = try NodeRunner.run(
      "Dropout", [.tensor(x), .tensor(Tensor(scalar: Float(0.5))), .tensor(Tensor(scalar: true))],
      [Attribute("seed", .int(0))], outputs: 2)
    // NumPy's RandomState(0) gives 0.549, 0.715, 0.603, 0.545.
    #expect(out[0].tensor == (try .f32([2, 4, 6, 8])))
  }

  /// Shape arithmetic keeps symbols: x [batch, n] → [batch, n, 1].
  @Test func followsSymbols() throws {
    var model = Model()
    let x = model.addValue("x", type: .tensor(.f32, ["batch", "n"]))
    let names = ["shape", "one", "zero", "batch", "axes", "batch1", "target", "y"]
    let values = Dictionary(uniqueKeysWithValues: names.map { ($0, model.addValue($0)) })
    func id(_ name: String) throws -> ValueID { try #require(values[name]) }
    var graph = Graph()
    graph.inputs = [x]
    graph.outputs = [try id("y")]
    graph.weights = [
      try id("zero"): Weight(try Tensor(scalar: Int64(0))), try id("axes"): Weight(try .i64([0])),
      try id("one"): Weight(try .i64([-1, 1])),
    ]
    graph.nodes = [
      Node("Shape", inputs: [x], outputs: [try id("shape")]),
      Node("Gather", inputs: [try id("shape"), try id("zero")], outputs: [try id("batch")]),
      Node("Unsqueeze", inputs: [try id("batch"), try id("axes")], outputs: [try id("batch1")]),
      Node(
        "Concat", inputs: [try id("batch1"), try id("one")], outputs: [try id("target")],
        attributes: [Attribute("axis", .int(0))]),
      Node("Reshape", inputs: [x, try id("target")], outputs: [try id("y")]),
    ]
    model.main = graph
    let session = try Session(model)
    #expect(session.outputs[0].type?.description == "f32 [batch, n, 1]")
    #expect(try session.run(["x": .counting([2, 3])])["y"]?.shape == [2, 3, 1])
  }
}
