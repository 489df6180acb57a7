import Testing
import ZooRuntime

@Suite struct ControlTests {
  /// A model builder for small graphs by value name.
  private struct Builder {
    var model = Model()
    var names: [String: ValueID] = [:]

    mutating func id(_ name: String, _ type: ValueType? = nil) -> ValueID {
      if let id = names[name] { return id }
      let id = model.addValue(name, type: type)
      names[name] = id
      return id
    }

    mutating func node(
      _ opType: String, _ inputs: [String], _ outputs: [String], _ attributes: [Attribute] = []
    ) -> Node {
      Node(
        opType, inputs: inputs.map { $0.isEmpty ? nil : id($0) }, outputs: outputs.map { id($0) },
        attributes: attributes)
    }

    mutating func graph(
      _ inputs: [String], _ outputs: [String], _ nodes: [Node], _ weights: [String: Tensor] = [:]
    ) -> Graph {
      var graph = Graph()
      graph.inputs = inputs.map { id($0) }
      graph.outputs = outputs.map { id($0) }
      graph.nodes = nodes
      for (name, tensor) in weights { graph.weights[id(name)] = Weight(tensor) }
      return graph
    }
  }

  private func session(_ builder: Builder, _ main: Graph, _ optimizes: Bool) throws -> Session {
    var model = builder.model
    model.main = main
    var options = Session.Options()
    options.optimizes = optimizes
    return try Session(model, options: options)
  }

  /// Branches use an outer value; one gives it back as it is.
  @Test(arguments: [true, false])
  func branches(optimizes: Bool) throws {
    var builder = Builder()
    let x = builder.id("x", .tensor(.f32, ["n"]))
    let condition = builder.id("c", .tensor(.bool, []))
    let yes = builder.model.addGraph(
      builder.graph([], ["y1"], [builder.node("Identity", ["t"], ["y1"])]))
    let no = builder.model.addGraph(
      builder.graph(
        [], ["y2"], [builder.node("Concat", ["t", "t"], ["y2"], [Attribute("axis", .int(0))])]))
    let nodes = [
      builder.node("Expand", ["x", "one"], ["t"]),
      builder.node(
        "If", ["c"], ["y"],
        [Attribute("then_branch", .graph(yes)), Attribute("else_branch", .graph(no))]),
      builder.node("Concat", ["y", "t"], ["z"], [Attribute("axis", .int(0))]),
    ]
    let main = builder.graph(["x", "c"], ["y", "z"], nodes, ["one": try .i64([1])])
    #expect(main.inputs == [x, condition])
    let session = try session(builder, main, optimizes)
    for _ in 0..<2 {
      let first = try session.run(["x": .f32([1, 2]), "c": Tensor(scalar: true)])
      #expect(first["y"] == (try .f32([1, 2])))
      #expect(first["z"] == (try .f32([1, 2, 1, 2])))
      let second = try session.run(["x": .f32([3]), "c": Tensor(scalar: false)])
      #expect(second["y"] == (try .f32([3, 3])))
      #expect(second["z"] == (try .f32([3, 3, 3])))
    }
  }

  /// A branch that follows from the extents is planned with the rest: outputs that are captured, given twice, or made by
  /// a nested branch.
  @Test(arguments: [true, false])
  func branchesThatExtentsDecide(optimizes: Bool) throws {
    var builder = Builder()
    _ = builder.id("x", .tensor(.f32, ["n"]))
    let inner = builder.model.addGraph(
      builder.graph([], ["u"], [builder.node("Neg", ["t"], ["u"])]))
    let other = builder.model.addGraph(
      builder.graph([], ["w"], [builder.node("Identity", ["t"], ["w"])]))
    let nested = [Attribute("then_branch", .graph(inner)), Attribute("else_branch", .graph(other))]
    let yes = builder.model.addGraph(
      builder.graph(
        [], ["a", "a", "x", "k"],
        [
          builder.node("Add", ["x", "k"], ["t"]), builder.node("If", ["small"], ["a"], nested),
        ], ["k": try .f32([1])]))
    let no = builder.model.addGraph(
      builder.graph([], ["x", "d", "d", "x"], [builder.node("Add", ["x", "x"], ["d"])]))
    let nodes = [
      builder.node("Size", ["x"], ["n"]), builder.node("Equal", ["n", "two"], ["small"]),
      builder.node(
        "If", ["small"], ["o1", "o2", "o3", "o4"],
        [Attribute("then_branch", .graph(yes)), Attribute("else_branch", .graph(no))]),
      builder.node("Mul", ["o1", "o2"], ["y"]),
    ]
    let main = builder.graph(
      ["x"], ["y", "o1", "o2", "o3", "o4"], nodes, ["two": try Tensor(scalar: Int64(2))])
    let session = try session(builder, main, optimizes)
    for _ in 0..<2 {
      let small = try session.run(["x": .f32([3, 4])])
      #expect(small["y"] == (try .f32([16, 25])))
      #expect(small["o1"] == (try .f32([-4, -5])))
      #expect(small["o2"] == small["o1"])
      #expect(small["o3"] == (try .f32([3, 4])))
      #expect(small["o4"] == (try .f32([1])))
      let large = try session.run(["x": .f32([1, 2, 3])])
      #expect(large["y"] == (try .f32([2, 8, 18])))
      #expect(large["o1"] == (try .f32([1, 2, 3])))
      #expect(large["o3"] == (try .f32([2, 4, 6])))
    }
    let report = try session.planReport(extents: ["n": 2])
    #expect(!report.steps.contains { $0.kernel == "call" })
  }

  /// Doubles a growing list: carried extents change in each iteration.
  @Test(arguments: [true, false], [Int64(0), 1, 3])
  func loops(optimizes: Bool, trips: Int64) throws {
    var builder = Builder()
    _ = builder.id("v", .tensor(.f32, [1]))
    _ = builder.id("m", .tensor(.i64, []))
    let body = builder.model.addGraph(
      builder.graph(
        ["i", "cin", "w"], ["cout", "w2", "i2"],
        [
          builder.node("Identity", ["cin"], ["cout"]),
          builder.node("Concat", ["w", "v"], ["w2"], [Attribute("axis", .int(0))]),
          builder.node("Identity", ["i"], ["i2"]),
        ]))
    let main = builder.graph(
      ["m", "v"], ["final", "all"],
      [builder.node("Loop", ["m", "", "v"], ["final", "all"], [Attribute("body", .graph(body))])])
    let session = try session(builder, main, optimizes)
    let out = try session.run(["m": Tensor(scalar: trips), "v": .f32([5])])
    #expect(out["final"] == (try .f32(Array(repeating: 5, count: Int(trips) + 1))))
    #expect(out["all"] == (try .i64((0..<trips).map { $0 })))
  }

  @Test(arguments: [true, false])
  func scansBackward(optimizes: Bool) throws {
    var builder = Builder()
    _ = builder.id("s", .tensor(.f32, [1]))
    _ = builder.id("x", .tensor(.f32, [2, "time"]))
    let body = builder.model.addGraph(
      builder.graph(
        ["a", "slice"], ["a2", "o"],
        [
          builder.node("Identity", ["a"], ["a2"]),
          builder.node("Concat", ["slice", "a"], ["o"], [Attribute("axis", .int(0))]),
        ]))
    let attributes = [
      Attribute("body", .graph(body)), Attribute("num_scan_inputs", .int(1)),
      Attribute("scan_input_axes", .ints([1])), Attribute("scan_input_directions", .ints([1])),
      Attribute("scan_output_axes", .ints([-1])),
    ]
    let main = builder.graph(
      ["s", "x"], ["end", "y"], [builder.node("Scan", ["s", "x"], ["end", "y"], attributes)])
    let session = try session(builder, main, optimizes)
    let out = try session.run(["s": .f32([9]), "x": .f32([1, 2, 3, 4], [2, 2])])
    #expect(out["y"] == (try .f32([2, 1, 4, 3, 9, 9], [3, 2])))
    #expect(out["end"] == (try .f32([9])))
  }

  /// Opset 8: rows of different lengths; running sums, backward from each row's own end.
  @Test(arguments: [true, false])
  func scansRowsOfDifferentLengths(optimizes: Bool) throws {
    var builder = Builder()
    builder.model = Model(opsets: [OpsetImport("", 8)])
    _ = builder.id("lengths", .tensor(.i64, [2]))
    _ = builder.id("s", .tensor(.f32, [2, 1]))
    _ = builder.id("x", .tensor(.f32, [2, 3, 1]))
    let body = builder.model.addGraph(
      builder.graph(
        ["a", "slice"], ["a2", "o"],
        [
          builder.node("Add", ["a", "slice"], ["a2"]), builder.node("Identity", ["a2"], ["o"]),
        ]))
    let attributes = [
      Attribute("body", .graph(body)), Attribute("num_scan_inputs", .int(1)),
      Attribute("directions", .ints([1])),
    ]
    let scan = builder.node("Scan", ["lengths", "s", "x"], ["end", "y"], attributes)
    let main = builder.graph(["lengths", "s", "x"], ["end", "y"], [scan])
    let session = try session(builder, main, optimizes)
    let x = try Tensor.f32([1, 2, 4, 10, 20, 40], [2, 3, 1])
    var inputs = ["s": try Tensor.f32([0, 0], [2, 1]), "x": x, "lengths": try .i64([2, 3])]
    let out = try session.run(inputs)
    #expect(out["y"] == (try .f32([2, 3, 0, 40, 60, 70], [2, 3, 1])))
    #expect(out["end"] == (try .f32([3, 70], [2, 1])))
    inputs["lengths"] = try .i64([2, 4])
    let error = #expect(throws: ModelError.self) { try session.run(inputs) }
    #expect(error?.code == .outOfRange)
  }
}
