import ModelFormat
import Testing
import ZooRuntime

/// Gradients through subgraphs against central differences.
@Suite struct ControlGradientTests {
  /// A model under construction: nodes go into the graph that is open.
  private struct Writer {
    var model = Model(opsets: [OpsetImport("", 21), OpsetImport("ai.onnx.preview.training", 1)])
    var open = GraphID.main
    var names: [String: ValueID] = [:]

    mutating func value(_ name: String) -> ValueID {
      if let known = names[name] { return known }
      let value = model.addValue(name)
      names[name] = value
      return value
    }

    mutating func input(_ name: String, _ element: ElementType, _ shape: Shape) {
      let value = value(name)
      model[value].type = .tensor(element, shape)
      model[open].inputs.append(value)
    }

    mutating func add(
      _ opType: String, _ inputs: [String], _ outputs: [String], _ attributes: [Attribute] = []
    ) {
      let node = Node(
        opType, domain: opType == "Gradient" ? "ai.onnx.preview.training" : "",
        inputs: inputs.map { $0.isEmpty ? nil : value($0) }, outputs: outputs.map { value($0) },
        attributes: attributes)
      model[open].nodes.append(node)
    }

    mutating func weight(_ name: String, _ tensor: Tensor) {
      let value = value(name)
      model[open].weights[value] = Weight(tensor)
    }

    mutating func body(
      _ outputs: [String], _ write: (inout Writer) throws -> Void
    ) rethrows -> GraphID {
      let outside = open
      open = model.addGraph(Graph())
      let id = open
      try write(&self)
      model[id].outputs = outputs.map { value($0) }
      open = outside
      return id
    }
  }

  private func check(
    _ xs: [(name: String, shape: [Int])], others: [String: Tensor] = [:],
    _ write: (inout Writer) throws -> Void
  ) throws {
    var writer = Writer()
    for x in xs { writer.input(x.name, .f64, Shape(x.shape)) }
    try write(&writer)
    writer.model.main.outputs = [writer.value("sum")]
    let function = try Session(writer.model)
    let names = xs.map(\.name)
    writer.add(
      "Gradient", names, names.map { "d" + $0 },
      [Attribute("xs", .strings(names)), Attribute("y", "sum")])
    writer.model.main.outputs = names.map { writer.value("d" + $0) }
    for optimizes in [false, true] {
      var options = Session.Options()
      options.optimizes = optimizes
      let gradients = try Session(writer.model, options: options)
      try compare(xs, others, function, gradients)
    }
  }

  private func compare(
    _ xs: [(name: String, shape: [Int])], _ others: [String: Tensor], _ function: Session,
    _ gradients: Session
  ) throws {
    var values: [String: [Double]] = [:]
    for (index, x) in xs.enumerated() {
      values[x.name] = (0..<x.shape.reduce(1, *)).map {
        Double(($0 * 7 + index * 5) % 11) / 7 - 0.7
      }
    }
    func inputs() throws -> [String: Tensor] {
      var all = others
      for x in xs { all[x.name] = try Tensor(values[x.name] ?? [], shape: x.shape) }
      return all
    }
    func sum() throws -> Double {
      try #require(try function.run(inputs())["sum"]).array(of: Double.self)[0]
    }
    let found = try gradients.run(inputs())
    for x in xs {
      let gradient = try #require(found["d" + x.name])
      #expect(gradient.shape == x.shape)
      let elements = try gradient.array(of: Double.self)
      for place in elements.indices {
        let middle = values[x.name]?[place] ?? 0
        let step = 0x1p-17
        values[x.name]?[place] = middle + step
        let above = try sum()
        values[x.name]?[place] = middle - step
        let slope = (above - (try sum())) / (2 * step)
        values[x.name]?[place] = middle
        #expect(abs(elements[place] - slope) < 1e-6 * (1 + abs(slope)), "d\(x.name)[\(place)]")
      }
    }
  }

  private func reduce(_ writer: inout Writer, _ y: String) {
    writer.add("ReduceSum", [y], ["sum"], [Attribute("keepdims", 0)])
  }

  @Test(arguments: [true, false]) func goesBackThroughTheBranchThatRan(condition: Bool) throws {
    try check([("x", [3]), ("w", [3])], others: ["c": try Tensor([condition], shape: [])]) {
      writer in
      writer.input("c", .bool, [])
      let first = writer.body(["a", "t"]) { writer in
        writer.add("Mul", ["x", "w"], ["a"])
        writer.add("Tanh", ["x"], ["t"])
      }
      let second = writer.body(["b", "x"]) { writer in writer.add("Exp", ["x"], ["b"]) }
      writer.add(
        "If", ["c"], ["y", "z"],
        [Attribute("then_branch", .graph(first)), Attribute("else_branch", .graph(second))])
      writer.add("Mul", ["y", "z"], ["p"])
      reduce(&writer, "p")
    }
  }

  /// h ← tanh(h · w + x[i]), collected.
  private func loop(_ writer: inout Writer, count: Int64) throws {
    writer.weight("m", try Tensor([count], shape: []))
    let body = writer.body(["on", "next", "next"]) { writer in
      writer.input("i", .i64, [])
      writer.input("on", .bool, [])
      writer.input("h", .f64, [2])
      writer.add("Gather", ["x", "i"], ["row"], [Attribute("axis", 0)])
      writer.add("MatMul", ["h", "w"], ["product"])
      writer.add("Add", ["product", "row"], ["s"])
      writer.add("Tanh", ["s"], ["next"])
    }
    writer.add("Loop", ["m", "", "h0"], ["last", "all"], [Attribute("body", .graph(body))])
  }

  @Test(arguments: [3, 1, 0]) func goesBackThroughLoops(count: Int64) throws {
    try check([("x", [3, 2]), ("w", [2, 2]), ("h0", [2])]) { writer in
      try loop(&writer, count: count)
      writer.add("ReduceSumSquare", ["all"], ["a"], [Attribute("keepdims", 0)])
      writer.add("ReduceSumSquare", ["last"], ["b"], [Attribute("keepdims", 0)])
      writer.add("Sub", ["a", "b"], ["sum"])
    }
  }

  /// A loop whose body asks another loop and a branch.
  @Test func goesBackThroughNestedSubgraphs() throws {
    try check([("x", [2]), ("w", [2])]) { writer in
      writer.weight("m", try Tensor([Int64(2)], shape: []))
      writer.weight("one", try Tensor([Int64(1)], shape: []))
      let inner = writer.body(["on2", "g2"]) { writer in
        writer.input("j", .i64, [])
        writer.input("on2", .bool, [])
        writer.input("g", .f64, [2])
        writer.add("Mul", ["g", "h"], ["product"])
        writer.add("Add", ["product", "w"], ["g2"])
      }
      let plus = writer.body(["p"]) { writer in writer.add("Sin", ["g3"], ["p"]) }
      let minus = writer.body(["q"]) { writer in writer.add("Mul", ["g3", "w"], ["q"]) }
      let body = writer.body(["on", "next"]) { writer in
        writer.input("i", .i64, [])
        writer.input("on", .bool, [])
        writer.input("h", .f64, [2])
        writer.add("Loop", ["m", "", "x"], ["g3"], [Attribute("body", .graph(inner))])
        writer.add("Equal", ["i", "one"], ["isLast"])
        writer.add(
          "If", ["isLast"], ["next"],
          [Attribute("then_branch", .graph(plus)), Attribute("else_branch", .graph(minus))])
      }
      writer.add("Loop", ["m", "", "x"], ["y"], [Attribute("body", .graph(body))])
      reduce(&writer, "y")
    }
  }

  @Test(arguments: [0, 1]) func goesBackThroughScans(direction: Int) throws {
    try check([("x", [2, 3]), ("w", [2]), ("s", [2])]) { writer in
      let body = writer.body(["next", "twice"]) { writer in
        writer.input("h", .f64, [2])
        writer.input("column", .f64, [2])
        writer.add("Mul", ["h", "w"], ["product"])
        writer.add("Add", ["product", "column"], ["sum2"])
        writer.add("Sin", ["sum2"], ["next"])
        writer.add("Mul", ["next", "column"], ["twice"])
      }
      writer.add(
        "Scan", ["s", "x"], ["last", "all"],
        [
          Attribute("body", .graph(body)), Attribute("num_scan_inputs", 1),
          Attribute("scan_input_axes", [1]), Attribute("scan_input_directions", [direction]),
          Attribute("scan_output_axes", [1]), Attribute("scan_output_directions", [1 - direction]),
        ])
      writer.add("Mul", ["all", "x"], ["p"])
      writer.add("ReduceSum", ["p"], ["a"], [Attribute("keepdims", 0)])
      writer.add("ReduceSumSquare", ["last"], ["b"], [Attribute("keepdims", 0)])
      writer.add("Add", ["a", "b"], ["sum"])
    }
  }

  @Test func namesTheNodeThatCannotBeDifferentiated() throws {
    let error = #expect(throws: ModelError.self) {
      try check([("x", [1, 1, 2, 2])]) { writer in
        writer.add(
          "MaxUnpool", ["x", "places", "extents"], ["y"],
          [Attribute("kernel_shape", [2, 2]), Attribute("strides", [2, 2])])
        writer.weight(
          "places", try Tensor([Int64(0), 2, 8, 10], shape: [1, 1, 2, 2]))
        writer.weight("extents", try Tensor([Int64(1), 1, 4, 4], shape: [4]))
        reduce(&writer, "y")
      }
    }
    #expect(error?.description.contains("(MaxUnpool)") == true)
    #expect(
      error?.description.contains("cannot be differentiated: it has an output_shape") == true)
  }
}
