import ModelFormat
import Testing

@Suite struct ValidatorTests {
  /// `y = Relu(x)`.
  private static func model() -> (Model, x: ValueID, y: ValueID) {
    var model = Model()
    let x = model.addValue("x", type: .tensor(.f32, [2]))
    let y = model.addValue("y")
    model.main.inputs = [x]
    model.main.outputs = [y]
    model.main.nodes = [Node("Relu", name: "act", inputs: [x], outputs: [y])]
    return (model, x, y)
  }

  private func refusal(_ change: (inout Model, _ x: ValueID, _ y: ValueID) -> Void) -> String {
    var (model, x, y) = Self.model()
    change(&model, x, y)
    return message { try model.validate() }
  }

  @Test func acceptsASoundModel() { #expect(refusal { _, _, _ in } == "none") }

  @Test func values() {
    #expect(
      refusal { model, x, y in
        model.main.nodes.append(Node("Neg", inputs: [x], outputs: [y]))
      }
        == "node #1 (Neg): output 0 'y', which is defined already; "
        + "expected values that are defined once")
    #expect(
      refusal { model, x, y in model.main.nodes[0].inputs = [y] }
        == "node #0 'act' (Relu): input 0 'y', which nothing before defines; "
        + "expected an input, a weight or an output of an earlier node")
    #expect(
      refusal { model, _, _ in model.main.nodes[0].inputs = [ValueID(7)] }
        == "node #0 'act' (Relu): value #7 as input 0; expected one of 2 values")
    #expect(
      refusal { model, _, _ in model.main.nodes = [] }
        == "output 'y', which nothing before defines; "
        + "expected an input, a weight or an output of an earlier node")
    #expect(
      refusal { model, _, y in model[y].name = "" } == "an output without a name; expected a name")
    #expect(
      refusal { model, x, _ in
        model.main.inputs.append(model.addValue("x"))
      } == "two inputs 'x'; expected names that are used once")
    #expect(
      refusal { model, x, _ in
        model.main.nodes[0].attributes = [.init("a", .int(1)), .init("a", .int(2))]
      }
        == "node #0 'act' (Relu): two attributes 'a'; expected names that are used once")
  }

  /// Each graph has one node, whose body is the next graph.
  @Test func nesting() throws {
    var model = Model()
    for index in 1..<64 {
      model.graphs[index - 1].nodes = [
        Node(
          "Loop", name: index == 1 ? "" : "inner", inputs: [], outputs: [],
          attributes: [Attribute("body", .graph(GraphID(index)))])
      ]
      _ = model.addGraph(Graph())
    }
    #expect(message { try model.validate() } == "none")
    var limits = ReadLimits()
    limits.depth = 63
    let refusal =
      "graphs nested 64 deep; expected at most 63. "
      + "Raise ReadLimits.depth if the file can be trusted"
    #expect(message { try model.validate(limits: limits) }.hasSuffix(refusal))
    for ending in ["zoo", "onnx"] {
      let folder = try TemporaryFolder()
      let path = folder.file("nested." + ending)
      try model.write(to: path)
      #expect(try Model(contentsOf: path).graphs.count == 64)
      let error = #expect(throws: ModelError.self) { try Model(contentsOf: path, limits: limits) }
      #expect(error?.code == .limitExceeded)
      if ending == "zoo" { #expect(error?.description.hasSuffix(refusal) == true) }
    }
  }

  @Test func domainOfPasses() {
    for opsets in [[OpsetImport("", 21)], [OpsetImport("", 21), OpsetImport("zoo", 1)]] {
      #expect(
        refusal { model, _, _ in
          model.opsets = opsets
          model.main.nodes[0].domain = "zoo"
        }
          == "node #0 'act' (zoo.Relu): an operator of domain 'zoo', which only a running session has; "
          + "expected operators as the model had them before. Export the model again")
    }
  }

  @Test func weights() throws {
    let tensor = try Tensor([1, 2, 3] as [Float], shape: [3])
    #expect(
      refusal { model, x, _ in model.main.weights[x] = Weight(tensor) }
        == "weight 'x' f32 [3]; expected f32 [2]")
  }

  @Test func domains() {
    #expect(
      refusal { model, _, _ in model.main.nodes[0].domain = "com.example" }
        == "node #0 'act' (com.example.Relu): domain 'com.example', which is not imported; "
        + "expected one of ''. Add it to the model's opsets")
  }

  @Test func subgraphs() {
    #expect(
      refusal { model, _, _ in model.main.nodes[0].attributes = [.init("g", .graph(GraphID(3)))] }
        == "graph #3 of node #0 'act' (Relu); expected one of 1 graphs")
    #expect(
      refusal { model, _, _ in model.main.nodes[0].attributes = [.init("g", .graph(.main))] }
        == "graph #0 used by the model and by node #0 'act' (Relu); "
        + "expected a graph of its own for each use")
    #expect(
      refusal { model, x, _ in
        let inner = model.addValue("inner")
        var body = Graph()
        body.nodes = [Node("Neg", inputs: [x], outputs: [inner])]
        body.outputs = [inner]
        let id = model.addGraph(body)
        model.main.nodes[0].attributes = [.init("g", .graph(id))]
        model.main.outputs = [inner]
      }
        == "output 'inner', which belongs to another graph; "
        + "expected a value of this graph or of one around it")
  }

  @Test func functions() {
    func function(_ model: inout Model, _ name: String, calling callee: String) {
      let x = model.addValue("a")
      let y = model.addValue("b")
      var body = Graph()
      body.inputs = [x]
      body.outputs = [y]
      body.nodes = [Node(callee, domain: "f", inputs: [x], outputs: [y])]
      model.functions.append(Function(name: name, domain: "f", body: model.addGraph(body)))
    }
    #expect(
      refusal { model, _, _ in
        function(&model, "A", calling: "B")
        function(&model, "B", calling: "A")
      }
        == "functions that call one another: f.A → f.B → f.A; "
        + "expected functions without recursion")
    #expect(
      refusal { model, _, _ in
        function(&model, "A", calling: "C")
        function(&model, "A", calling: "C")
      } == "two functions f.A; expected names that are defined once")
  }

  @Test func textTellsModelsApart() throws {
    var (model, x, y) = Self.model()
    model.main.nodes[0].attributes = [.init("alpha", .float(0.5))]
    #expect(
      model.text == """
        model ir 10
        import "" 21
        graph #0 "" {
          input %x: f32 [2]
          %y = Relu(%x) alpha=0.5 "act"
          output %y
        }

        """)
    let before = model.text
    model.main.weights[x] = Weight(try Tensor([1, 2] as [Float], shape: [2]))
    #expect(model.text != before)
    #expect(model.dot.contains("node_0_0 -> output_0_0 [label=\"y\"]"))
    _ = y
  }
}
