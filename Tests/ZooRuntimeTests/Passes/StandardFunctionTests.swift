import Testing
import ZooRuntime

@Suite struct StandardFunctionTests {
  /// All operators but one.
  private func registry(without name: String) throws -> OperatorRegistry {
    var registry = OperatorRegistry()
    for entry in OperatorRegistry.standard.all where entry.name != name || !entry.domain.isEmpty {
      try registry.register(entry)
    }
    return registry
  }

  private func model(
    _ opType: String, _ opset: Int, inputs: Int, _ attributes: [Attribute]
  ) -> Model {
    var model = Model(opsets: [OpsetImport("", opset)])
    var graph = Graph()
    graph.inputs = (0..<inputs).map { model.addValue("x\($0)", type: .tensor(.f32, nil)) }
    graph.outputs = [model.addValue("y")]
    graph.nodes = [
      Node(opType, inputs: graph.inputs, outputs: graph.outputs, attributes: attributes)
    ]
    model.main = graph
    return model
  }

  /// A body and the operator of the same name agree, at the opsets in which the body changed.
  @Test(arguments: [
    ("Elu", [6, 22], 1), ("GreaterOrEqual", [12, 16], 2), ("HardSigmoid", [18, 22], 1),
    ("HardSwish", [14, 22], 1), ("LeakyRelu", [16], 1), ("LessOrEqual", [12, 16], 2),
    ("MeanVarianceNormalization", [9, 13, 18], 1), ("Mish", [18, 22], 1), ("PRelu", [16], 2),
    ("ReduceL1", [18], 1), ("ReduceL2", [18], 1), ("ReduceLogSum", [18, 28], 1),
    ("ReduceLogSumExp", [18, 28], 1), ("ReduceSumSquare", [18], 1), ("Relu", [14], 1),
    ("Selu", [18, 22], 1), ("Shrink", [9, 18], 1), ("Softplus", [18, 22], 1),
    ("Softsign", [18, 22], 1), ("SwiGLU", [28], 2), ("Swish", [24], 1), ("Celu", [28], 1),
    ("ThresholdedRelu", [18, 22], 1),
  ])
  func agreesWithTheOperator(opType: String, opsets: [Int], inputs: Int) throws {
    let x = try Tensor(
      (0..<24).map { Float($0 * 7 % 24) / 6 - 1.5 }, shape: [1, 2, 3, 4])
    let positive = try Tensor((0..<24).map { Float($0 + 1) }, shape: [1, 2, 3, 4])
    let given = opType == "ReduceLogSum" ? positive : x
    for opset in opsets {
      let model = model(opType, opset, inputs: inputs, [])
      let feeds = Dictionary(uniqueKeysWithValues: (0..<inputs).map { ("x\($0)", given) })
      let own = try Session(model).run(feeds)["y"]
      var options = Session.Options()
      options.registry = try registry(without: opType)
      let body = try Session(model, options: options).run(feeds)["y"]
      let (a, b) = (try #require(own).doubles(), try #require(body).doubles())
      #expect(own?.shape == body?.shape)
      #expect(zip(a, b).allSatisfy { abs($0 - $1) <= 1e-4 * max(1, abs($0)) })
    }
  }

  /// A body with a subgraph: `Range` counts in a `Loop`.
  @Test func runsBodiesWithSubgraphs() throws {
    var options = Session.Options()
    options.registry = try registry(without: "Range")
    let session = try Session(model("Range", 11, inputs: 3, []), options: options)
    let y = try session.run([
      "x0": Tensor(scalar: Float(1)), "x1": Tensor(scalar: Float(7)),
      "x2": Tensor(scalar: Float(2)),
    ])["y"]
    #expect(y == (try .f32([1, 3, 5])))
  }

  @Test func keepsTheModelsOwnFunctions() throws {
    var model = model("Mish", 22, inputs: 1, [])
    let (a, b) = (model.addValue("a"), model.addValue("b"))
    var body = Graph()
    (body.inputs, body.outputs) = ([a], [b])
    body.nodes = [Node("Neg", inputs: [a], outputs: [b])]
    var function = Function(name: "Mish", domain: "", body: model.addGraph(body))
    function.opsets = [OpsetImport("", 22)]
    model.functions = [function]
    var options = Session.Options()
    options.registry = try registry(without: "Mish")
    let y = try Session(model, options: options).run(["x0": .f32([1])])["y"]
    #expect(y == (try .f32([-1])))
  }

  @Test func refusesWhatHasNoBody() throws {
    var options = Session.Options()
    options.registry = try registry(without: "Cos")
    let error = #expect(throws: ModelError.self) {
      try Session(model("Cos", 22, inputs: 1, []), options: options)
    }
    #expect(error?.code == .unsupportedOperator)
    // A body of a later version says nothing about an earlier one.
    options.registry = try registry(without: "Celu")
    #expect(throws: ModelError.self) {
      try Session(model("Celu", 12, inputs: 1, []), options: options)
    }
  }
}
