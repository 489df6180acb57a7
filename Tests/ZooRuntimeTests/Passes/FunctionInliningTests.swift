import Testing
import ZooRuntime

@Suite struct FunctionInliningTests {
  /// y = outer(x), outer(a) = [inner(a; axis), a], inner(b) = Concat(b, b; axis = @axis, default 1).
  private func model(callsItself: Bool = false) throws -> Model {
    var model = Model()
    func graph(_ input: ValueID, _ outputs: [ValueID], _ nodes: [Node]) -> Graph {
      var graph = Graph()
      graph.inputs = [input]
      graph.outputs = outputs
      graph.nodes = nodes
      return graph
    }
    let (b, c) = (model.addValue("b"), model.addValue("c"))
    let concat = Node(
      "Concat", inputs: [b, b], outputs: [c],
      attributes: [Attribute("axis", .reference(name: "axis", kind: 2))])
    let recursion = Node("inner", domain: "mine", inputs: [b], outputs: [c])
    let innerBody = model.addGraph(graph(b, [c], [callsItself ? recursion : concat]))
    var inner = Function(name: "inner", domain: "mine", body: innerBody)
    inner.attributeDefaults = [Attribute("axis", .int(1))]
    inner.opsets = [OpsetImport("", 21), OpsetImport("mine", 1)]
    let (a, d, e) = (model.addValue("a"), model.addValue("d"), model.addValue("e"))
    let outerBody = model.addGraph(
      graph(
        a, [e, a],
        [
          Node("inner", domain: "mine", inputs: [a], outputs: [d]),
          Node(
            "inner", domain: "mine", inputs: [d], outputs: [e],
            attributes: [Attribute("axis", .int(0))]),
        ]))
    var outer = Function(name: "outer", domain: "mine", body: outerBody)
    outer.opsets = inner.opsets
    model.functions = [inner, outer]
    model.opsets.append(OpsetImport("mine", 1))
    let x = model.addValue("x", type: .tensor(.f32, ["n", 1]))
    let (y, z) = (model.addValue("y"), model.addValue("z"))
    model.main = graph(x, [y, z], [Node("outer", domain: "mine", inputs: [x], outputs: [y, z])])
    return model
  }

  @Test(arguments: [true, false])
  func callsFunctionsInFunctions(optimizes: Bool) throws {
    var options = Session.Options()
    options.optimizes = optimizes
    let session = try Session(model(), options: options)
    #expect(session.outputs[0].type?.description == "f32 [2*n, 2]")
    let out = try session.run(["x": .f32([1, 2], [2, 1])])
    #expect(out["y"] == (try .f32([1, 1, 2, 2, 1, 1, 2, 2], [4, 2])))
    #expect(out["z"] == (try .f32([1, 2], [2, 1])))
  }

  /// A function follows the opsets that it imports: before opset 13 the axes of Squeeze are an attribute.
  @Test func followsItsOwnOpset() throws {
    var model = Model()
    let (a, b) = (model.addValue("a"), model.addValue("b"))
    var body = Graph()
    body.inputs = [a]
    body.outputs = [b]
    body.nodes = [
      Node("Squeeze", inputs: [a], outputs: [b], attributes: [Attribute("axes", .ints([0]))])
    ]
    var function = Function(name: "f", domain: "mine", body: model.addGraph(body))
    function.opsets = [OpsetImport("", 11)]
    model.functions = [function]
    let (x, y) = (model.addValue("x", type: .tensor(.f32, [1, 2])), model.addValue("y"))
    model.main.inputs = [x]
    model.main.outputs = [y]
    model.main.nodes = [Node("f", domain: "mine", inputs: [x], outputs: [y])]
    let out = try Session(model).run(["x": .f32([1, 2], [1, 2])])
    #expect(out["y"] == (try .f32([1, 2])))
  }

  /// Calls of a function whose body has one node, with a subgraph of `nodes` nodes named `name`.
  private func calls(_ count: Int, nodes: Int, called name: String) -> Model {
    var model = Model(opsets: [OpsetImport("", 21), OpsetImport("mine", 1)])
    let (a, b) = (model.addValue("a"), model.addValue("b"))
    var branch = Graph()
    branch.outputs = [model.addValue("r")]
    branch.nodes = [Node("Identity", inputs: [a], outputs: branch.outputs)]
    for _ in 1..<nodes { branch.nodes.append(Node("Neg", inputs: [a], outputs: [nil])) }
    let attributes = ["then_branch", "else_branch"].map {
      Attribute($0, .graph(model.addGraph(branch)))
    }
    var body = Graph()
    body.inputs = [a]
    body.outputs = [b]
    body.nodes = [Node("If", inputs: [a], outputs: [b], attributes: attributes)]
    var function = Function(name: "f", domain: "mine", body: model.addGraph(body))
    function.opsets = model.opsets
    model.functions = [function]
    let x = model.addValue("x", type: .tensor(.bool, []))
    model.main.inputs = [x]
    for index in 0..<count {
      let y = model.addValue("y\(index)")
      model.main.outputs.append(y)
      model.main.nodes.append(Node("f", domain: "mine", name: name, inputs: [x], outputs: [y]))
    }
    return model
  }

  @Test func copiesSubgraphs() throws {
    let out = try Session(calls(2, nodes: 2, called: "")).run(["x": Tensor(scalar: true)])
    #expect(try out["y1"]?.array(of: Bool.self) == [true])
  }

  @Test func nodesOfSubgraphsCount() {
    let error = #expect(throws: ModelError.self) {
      try Session(calls(6, nodes: 100_000, called: ""))
    }
    #expect(
      error?.description == "node #5 (mine.f): functions that make more than 1048576 nodes")
  }

  @Test func namesCount() {
    let error = #expect(throws: ModelError.self) {
      try Session(calls(20, nodes: 10, called: String(repeating: "n", count: 1 << 20)))
    }
    #expect(
      error?.description.hasSuffix(
        "functions that make more than 268435456 bytes of names, operands and attributes") == true)
  }

  /// Before opset 11 the bounds of Clip are attributes, and a product that takes it over must know them.
  @Test(arguments: [true, false])
  func activationsFollowTheOpsetOfTheirFunction(optimizes: Bool) throws {
    var model = Model()
    let (a, w, p, b) = (
      model.addValue("a"), model.addValue("w"), model.addValue("p"), model.addValue("b")
    )
    var body = Graph()
    body.inputs = [a, w]
    body.outputs = [b]
    body.nodes = [
      Node("MatMul", inputs: [a, w], outputs: [p]),
      Node(
        "Clip", inputs: [p], outputs: [b],
        attributes: [Attribute("min", .float(0)), Attribute("max", .float(1))]),
    ]
    var function = Function(name: "f", domain: "mine", body: model.addGraph(body))
    function.opsets = [OpsetImport("", 10)]
    model.functions = [function]
    let (x, y) = (model.addValue("x", type: .tensor(.f32, [1, 2])), model.addValue("y"))
    let weight = model.addValue("weight")
    model.main.inputs = [x]
    model.main.weights[weight] = Weight(try .f32([1, -1, 0.25, 4], [2, 2]))
    model.main.outputs = [y]
    model.main.nodes = [Node("f", domain: "mine", inputs: [x, weight], outputs: [y])]
    var options = Session.Options()
    options.optimizes = optimizes
    let out = try Session(model, options: options).run(["x": .f32([1, -1], [1, 2])])
    #expect(out["y"] == (try .f32([0.75, 0], [1, 2])))
  }

  @Test func refusesEndlessCalls() throws {
    let error = #expect(throws: ModelError.self) { try Session(model(callsItself: true)) }
    #expect(error?.code == .invalidGraph)
  }
}
