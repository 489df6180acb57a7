import ModelFormat
import Testing
import ZooRuntime

@Suite struct DifferentiationTests {
  /// Every rule against central differences, with extents as numbers and as symbols.
  @Test(arguments: GradientCases.all) func followsDifferences(entry: GradientCase)
    throws
  {
    for isSymbolic in entry.needsExtents ? [false] : [false, true] {
      var check = GradientCheck(entry, isSymbolic: isSymbolic)
      let error = try check.worstError()
      #expect(error < 1e-6, "symbolic: \(isSymbolic)")
    }
  }

  /// Rules whose cases need an operator that the tests run through another, and those that have tests of their own.
  private static let untested: Set<String> = ["CastLike", "Scatter", "If", "Loop", "Scan"]

  @Test func everyRuleHasACase() {
    let tested = Set(GradientCases.all.map(\.opType)).union(Self.untested)
    for name in GradientTable.rules.map(\.opType) + DecompositionTable.all.map(\.opType) {
      #expect(tested.contains(name), "\(name)")
    }
  }

  private func model(
    _ inputs: [(String, ValueType)], outputs: [String],
    _ nodes: [(String, [String], [String], [Attribute])]
  ) -> Model {
    var model = Model(opsets: [OpsetImport("", 21), OpsetImport("ai.onnx.preview.training", 1)])
    var values: [String: ValueID] = [:]
    func value(_ name: String) -> ValueID {
      if let known = values[name] { return known }
      let value = model.addValue(name)
      values[name] = value
      return value
    }
    for (name, type) in inputs {
      model[value(name)].type = type
      model.main.inputs.append(value(name))
    }
    for (opType, operands, results, attributes) in nodes {
      let isGradient = opType == "Gradient"
      let node = Node(
        opType, domain: isGradient ? "ai.onnx.preview.training" : "",
        inputs: operands.map { $0.isEmpty ? nil : value($0) },
        outputs: results.map { $0.isEmpty ? nil : value($0) }, attributes: attributes)
      model.main.nodes.append(node)
    }
    model.main.outputs = outputs.map { value($0) }
    return model
  }

  private func gradient(_ xs: [String], _ zs: [String] = [], of y: String) -> [Attribute] {
    [Attribute("xs", .strings(xs)), Attribute("zs", .strings(zs)), Attribute("y", y)]
  }

  private let scalar = ValueType.tensor(.f64, [])

  private func run(_ model: Model, _ inputs: [String: Double]) throws -> [String: Double] {
    let tensors = try inputs.mapValues { try Tensor([$0], shape: []) }
    return try Session(model).run(tensors).mapValues { try $0.array(of: Double.self)[0] }
  }

  /// y = x·x·x: the gradient of a gradient is 6x.
  @Test func differentiatesGradients() throws {
    let model = model(
      [("x", scalar)], outputs: ["d", "dd"],
      [
        ("Mul", ["x", "x"], ["a"], []), ("Mul", ["a", "x"], ["y"], []),
        ("Gradient", ["x"], ["d"], gradient(["x"], of: "y")),
        ("Gradient", ["x"], ["dd"], gradient(["x"], of: "d")),
      ])
    #expect(try run(model, ["x": 3]) == ["d": 27, "dd": 18])
  }

  /// Values that are given in the place of those that are named: y = (x + z)·x at x = u.
  @Test func takesOtherValues() throws {
    let model = model(
      [("x", scalar), ("z", scalar), ("u", scalar)], outputs: ["d", "y"],
      [
        ("Add", ["x", "z"], ["a"], []), ("Mul", ["a", "x"], ["y"], []),
        ("Gradient", ["u", "z"], ["d"], gradient(["x"], ["z"], of: "y")),
      ])
    #expect(try run(model, ["x": 1, "z": 2, "u": 5]) == ["d": 12, "y": 3])
  }

  /// With respect to a value between, what makes it is not looked at; y = h·x with h = x·x.
  @Test func stopsAtIndependentValues() throws {
    let model = model(
      [("x", scalar)], outputs: ["dh", "dx"],
      [
        ("Mul", ["x", "x"], ["h"], []), ("Mul", ["h", "x"], ["y"], []),
        ("Gradient", ["h", "x"], ["dh", "dx"], gradient(["h", "x"], of: "y")),
      ])
    #expect(try run(model, ["x": 3]) == ["dh": 3, "dx": 9])
  }

  @Test func isZeroWithoutDependence() throws {
    let model = model(
      [("x", scalar), ("w", scalar)], outputs: ["dx"],
      [
        ("Neg", ["w"], ["y"], []),
        ("Gradient", ["x", "w"], ["dx", ""], gradient(["x", "w"], of: "y")),
      ])
    #expect(try run(model, ["x": 3, "w": 1]) == ["dx": 0])
  }

  @Test func namesAllOperatorsWithoutARule() throws {
    let type = ValueType.tensor(.f64, [1, 1, 2, 2])
    let model = model(
      [("x", type), ("r", .tensor(.f64, [1, 5]))], outputs: ["d"],
      [
        ("Unique", ["x"], ["a"], []),
        ("MaxRoiPool", ["x", "r"], ["b"], [Attribute("pooled_shape", [1, 1])]),
        ("Add", ["a", "b"], ["y"], []), ("Gradient", ["x"], ["d"], gradient(["x"], of: "y")),
      ])
    let error = #expect(throws: ModelError.self) {
      let index = try #require(model.main.nodes.firstIndex { $0.opType == "Add" })
      _ = try Differentiation.gradients(
        of: try #require(model.main.nodes[index].outputs[0]),
        withRespectTo: [model.main.inputs[0]], in: withoutGradient(model))
    }
    #expect(
      error?.description
        == "2 operators without a rule of differentiation: MaxRoiPool at node #1; Unique "
        + "at node #0; expected operators whose gradient is known. Differentiate with respect to "
        + "values behind them, or build the model from others")
  }

  private func withoutGradient(_ model: Model) -> Model {
    var model = model
    model.main.nodes.removeLast()
    model.main.outputs = []
    return model
  }

  @Test(arguments: [
    ("q", "'q' is no value of the graph before this node"), ("d", "'d' is no value"),
  ])
  func refusesNamesOfNothing(name: String, message: String) throws {
    let model = model(
      [("x", scalar)], outputs: ["d"], [("Gradient", ["x"], ["d"], gradient(["x"], of: name))])
    let error = #expect(throws: ModelError.self) { try Session(model) }
    #expect(error?.code == .invalidAttribute)
    #expect(error?.description.contains(message) == true)
  }
}
