// Subgraphs.
extension GradientBuilder {
  /// A value of a graph around this one, in this one.
  func outer(_ term: Term) -> Term { self.term(term.value, term.element) }

  func term(_ value: ValueID, _ element: ElementType) -> Term {
    Term(value: value, element: element, builder: self)
  }

  /// A graph without nodes, whose inputs have types.
  func addGraph(_ inputs: [ValueType?]) -> GraphID {
    var graph = Graph()
    for type in inputs { graph.inputs.append(newValue("input", type: type)) }
    var id = GraphID.main
    edit { model in id = model.addGraph(graph) }
    return id
  }

  /// A builder of nodes for another graph; nothing may be added here until it is adopted.
  func inside(_ graph: GraphID) -> GradientBuilder {
    GradientBuilder(model, graph, types: types, registry: registry)
  }

  /// Puts the nodes of an inner builder behind those that its graph has.
  func adopt(_ inner: GradientBuilder) {
    edit { model in
      model = inner.model
      model[inner.graph].nodes += inner.nodes
    }
    fail(inner.failure)
  }

  /// A copy of a graph.
  func copied(_ graph: GraphID) -> GraphID {
    var copy = graph
    edit { model in
      var clone = GraphClone(types)
      copy = clone.copy(graph, in: &model)
    }
    return copy
  }

  /// A copy of a graph's nodes in this one.
  ///
  /// - Parameter inputs: What stands for the graph's inputs.
  /// - Returns: What stands for its outputs.
  func inlined(_ body: GraphID, _ inputs: [Term]) throws(ModelError) -> [Term] {
    let original = model[body]
    guard original.inputs.count == inputs.count else {
      throw ModelError(
        .arityMismatch, "a subgraph with \(original.inputs.count) inputs",
        expected: "\(inputs.count)")
    }
    let replaced = zip(original.inputs, inputs.map(\.value))
    var clone = GraphClone(
      types, replacing: Dictionary(replaced, uniquingKeysWith: { a, _ in a }))
    var nodes: [Node] = []
    edit { model in nodes = clone.nodes(of: body, weightsIn: graph, &model) }
    for node in nodes { insert(node) }
    return original.outputs.enumerated().map { index, output in
      // What is of unknown type is no float that would be differentiated.
      let given = original.inputs.firstIndex(of: output).map { inputs[$0].element }
      return term(clone.values[output] ?? output, type(output)?.element ?? given ?? .f32)
    }
  }

  /// Makes the inputs of a loop's body its outputs, too: the iteration's number, then what is carried.
  func record(_ body: GraphID, carried count: Int) {
    let inputs = model[body].inputs
    edit { model in
      var outputs = Array(model[body].outputs.prefix(1 + count))
      for input in [inputs[0]] + inputs.dropFirst(2) {
        let output = model.addValue("gradient/\(model.values.count)/start")
        var node = Node("Identity", inputs: [input], outputs: [output])
        node.opset = Self.opset
        model[body].nodes.append(node)
        outputs.append(output)
      }
      model[body].outputs = outputs
    }
  }

  func setOutputs(of graph: GraphID, _ outputs: [ValueID]) {
    edit { model in model[graph].outputs = outputs }
  }

  /// A node that stays outside, with outputs of its own.
  func node(
    _ opType: String, _ inputs: [Term?], _ attributes: [Attribute], outputs: Int
  ) -> Node {
    var node = Node(
      opType, inputs: inputs.map { $0?.value },
      outputs: (0..<outputs).map { _ in newValue("probe", type: nil) }, attributes: attributes)
    node.opset = Self.opset
    return node
  }

  /// Goes back through a subgraph, whose nodes get those of the way back behind them.
  ///
  /// - Parameters:
  ///   - node: One that has the subgraph, by which its types are found.
  ///   - seeds: Values of the subgraph with their gradients.
  /// - Returns: The gradients of the `xs` in the subgraph.
  func differentiate(
    _ subgraph: GraphID, of seeds: [(value: ValueID, seed: ValueID?)],
    withRespectTo xs: [ValueID], beside node: Node
  ) throws(ModelError) -> [ValueID] {
    var work = model
    let own = work[graph].nodes
    work[graph].nodes = own + nodes + [node]
    let result = try Differentiation.gradients(
      of: seeds, withRespectTo: xs, in: work, graph: subgraph, registry: registry)
    edit { model in
      model = result.model
      model[graph].nodes = own
      model[subgraph].nodes += result.nodes
    }
    return result.gradients
  }

  /// A loop over a known number of steps.
  ///
  /// - Parameters:
  ///   - count: A list of the one number.
  ///   - initial: What is carried, of `ranks` axes.
  ///   - body: What an iteration makes, in the builder that it is given: what is carried on, and what is collected.
  /// - Returns: What was carried at the end, then what was collected, along a new first axis.
  func loop(
    _ count: Term, _ initial: [Term], ranks: [Int],
    _ body: (GradientBuilder, Term, [Term]) throws(ModelError) -> ([Term], [Term])
  ) throws(ModelError) -> [Term] {
    let types = zip(initial, ranks).map { term, rank in
      ValueType.tensor(term.element, Shape(Array(repeating: Dimension.unknown, count: rank)))
    }
    let steps = addGraph([.tensor(.i64, []), .tensor(.bool, [])] + types.map { $0 })
    let inner = inside(steps)
    let inputs = inner.model[steps].inputs
    let current = zip(inputs.dropFirst(2), initial).map { inner.term($0, $1.element) }
    let isOn = inner.constant(true)
    let (carried, collected) = try body(inner, inner.term(inputs[0], .i64), current)
    adopt(inner)
    setOutputs(of: steps, ([isOn] + carried + collected).map(\.value))
    return add(
      "Loop", [count, nil] + initial, [Attribute("body", .graph(steps))],
      gives: (initial + collected).map(\.element))
  }
}
