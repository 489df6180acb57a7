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

  @Test func refusesEndlessCalls() throws {
    let error = #expect(throws: ModelError.self) { try Session(model(callsItself: true)) }
    #expect(error?.code == .invalidGraph)
  }
}
