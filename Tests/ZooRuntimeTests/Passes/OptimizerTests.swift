import Synchronization
import Testing
import ZooRuntime

/// Work that must not grow faster than the model.
@Suite struct OptimizerTests {
  private final class Counter: Sendable {
    let types = Atomic<Int>(0)
    let kernels = Atomic<Int>(0)
  }

  /// Gives its input, and counts how often it is asked for types and kernels.
  private struct Counted: TensorOperator {
    let counter: Counter

    func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
      counter.types.add(1, ordering: .relaxed)
      return [.tensor(try inputs.tensor(0).element, try inputs.tensor(0).shape)]
    }

    func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
      counter.kernels.add(1, ordering: .relaxed)
      return .alias(of: 0)
    }
  }

  /// Changes each graph with a node `Old` once.
  private struct Renaming: Pass {
    let name = "rename"

    func run(_ context: inout PassContext) throws(ModelError) -> Bool {
      var changed = false
      for index in context.editor.indices {
        guard var node = context.editor.nodes[index], node.opType == "Old" else { continue }
        node.opType = "Counted"
        context.editor.replace(index, with: node)
        context.applied(node, "renamed")
        changed = true
      }
      return changed
    }
  }

  private func options(_ counter: Counter, passes: [any Pass] = []) throws -> Session.Options {
    var options = Session.Options()
    for name in ["Old", "Counted"] {
      try options.registry.register(
        OperatorEntry(name, domain: "mine", [1]) { (_) throws(ModelError) in
          Counted(counter: counter)
        })
    }
    options.passes = passes
    return options
  }

  private func model() -> (model: Model, x: ValueID) {
    var model = Model(opsets: [OpsetImport("", 21), OpsetImport("mine", 1)])
    let x = model.addValue("x", type: .tensor(.f32, ["n"]))
    model.main.inputs = [x]
    return (model, x)
  }

  /// y₁ … yₙ, each one of two branches with a node `Old` in each.
  private func branches(_ count: Int) -> Model {
    var (model, x) = model()
    let condition = model.addValue("c", type: .tensor(.bool, []))
    model.main.inputs.append(condition)
    for index in 0..<count {
      let bodies = ["then", "else"].map { name in
        var body = Graph()
        body.outputs = [model.addValue("\(name)\(index)")]
        body.nodes = [Node("Old", domain: "mine", inputs: [x], outputs: body.outputs)]
        return Attribute("\(name)_branch", .graph(model.addGraph(body)))
      }
      let y = model.addValue("y\(index)")
      model.main.nodes.append(Node("If", inputs: [condition], outputs: [y], attributes: bodies))
      model.main.outputs.append(y)
    }
    return model
  }

  @Test func subgraphsAreTypedTogether() throws {
    let counter = Counter()
    let count = 60
    let session = try Session(
      branches(count), options: options(counter, passes: [Renaming(), Renaming()]))
    #expect(session.passLog.count == 2 * count)
    // Typed anew after each change it would be 2 · 120 · 120 times.
    #expect(counter.types.load(ordering: .relaxed) < 20 * count)
    let out = try session.run(["x": .f32([1, 2]), "c": Tensor(scalar: true)])
    #expect(out["y59"] == (try .f32([1, 2])))
  }

  /// Subgraphs that inlining made are rewritten like those of the file.
  @Test func subgraphsOfFunctionsAreReached() throws {
    var model = branches(1)
    let (x, y) = (model.addValue("a"), model.addValue("b"))
    let condition = model.addValue("d")
    var body = Graph()
    body.inputs = [x, condition]
    body.outputs = [y]
    var node = model.main.nodes[0]
    node.inputs = [condition]
    node.outputs = [y]
    for graph in node.graphs { model[graph].nodes[0].inputs = [x] }
    body.nodes = [node]
    var function = Function(name: "f", domain: "mine", body: model.addGraph(body))
    function.opsets = model.opsets
    model.functions = [function]
    model.main.nodes = [
      Node("f", domain: "mine", inputs: model.main.inputs, outputs: model.main.outputs)
    ]
    let session = try Session(model, options: options(Counter(), passes: [Renaming()]))
    #expect(session.passLog.map(\.outcome) == [.applied, .applied])
    let types = session.model.reachableGraphs.flatMap { session.model[$0].nodes.map(\.opType) }
    #expect(types == ["If", "Counted", "Counted"])
  }

  /// n loops inside one another, each of which appends what the loop inside it makes of the input.
  private func loops(_ depth: Int) throws -> Model {
    var (model, x) = model()
    func loop(_ level: Int, _ value: ValueID) throws -> Node {
      let output = model.addValue("v\(level)")
      guard level < depth else {
        return Node("Counted", domain: "mine", inputs: [value], outputs: [output])
      }
      let (i, go, v) = (model.addValue("i"), model.addValue("go"), model.addValue("v"))
      let (again, longer) = (model.addValue("again"), model.addValue("longer"))
      let inner = try loop(level + 1, x)
      var body = Graph()
      body.inputs = [i, go, v]
      body.outputs = [again, longer]
      body.nodes = [
        Node("Identity", inputs: [go], outputs: [again]), inner,
        Node(
          "Concat", inputs: [v, inner.outputs[0]], outputs: [longer],
          attributes: [Attribute("axis", .int(0))]),
      ]
      let once = model.addValue("once")
      model.main.weights[once] = Weight(try Tensor(scalar: Int64(1)))
      return Node(
        "Loop", inputs: [once, nil, value], outputs: [output],
        attributes: [Attribute("body", .graph(model.addGraph(body)))])
    }
    let outer = try loop(0, x)
    model.main.nodes = [outer]
    model.main.outputs = outer.outputs.compactMap { $0 }
    return model
  }

  @Test(arguments: [2, 18])
  func loopsInLoopsEnd(depth: Int) throws {
    let counter = Counter()
    let session = try Session(loops(depth), options: options(counter))
    #expect(session.outputs[0].type?.description == (depth == 2 ? "f32 [?]" : nil))
    // Typed twice by each loop around it, it would be 2¹⁸ times.
    #expect(counter.types.load(ordering: .relaxed) < 50_000)
    let out = try session.run(["x": .f32([1])])
    #expect(out["v0"]?.shape == [1 + depth])
  }

  /// The plan of extents that are used again and again stays, however many others come.
  @Test func plansInUseStay() throws {
    var (model, x) = model()
    model.main.outputs = [model.addValue("y")]
    model.main.nodes = [Node("Counted", domain: "mine", inputs: [x], outputs: model.main.outputs)]
    let counter = Counter()
    let session = try Session(model, options: options(counter))
    func run(_ extent: Int) throws {
      _ = try session.run(["x": .f32([Float](repeating: 0, count: extent))])
    }
    for extent in 1...32 { try run(extent) }
    try run(1)
    for extent in 33...63 { try run(extent) }
    #expect(counter.kernels.load(ordering: .relaxed) == 63)
    try run(1)
    #expect(counter.kernels.load(ordering: .relaxed) == 63)
    try run(2)
    #expect(counter.kernels.load(ordering: .relaxed) == 64)
  }
}
