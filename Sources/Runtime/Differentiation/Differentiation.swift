/// Reverse-mode differentiation of a graph.
///
/// From `y` back, each node that lies between `y` and one of the `xs` is answered by nodes that turn the gradient of its
/// outputs into that of its inputs, as the ``GradientTable`` says; gradients of a value with several readers are added
/// up. The result is an ordinary ONNX graph, which can be optimised, saved, run and differentiated again.
package enum Differentiation {
  /// Nodes that compute gradients.
  package struct Result {
    /// The model, with values and weights for the nodes; the nodes are not in its graph yet.
    package var model: Model
    /// In an order in which they can run, after the nodes that they differentiate.
    package var nodes: [Node]
    /// For each of the `xs`: the gradient of the sum of `y`'s elements, of the shape and type of x.
    package var gradients: [ValueID]
  }

  /// The gradients of `y` with respect to `xs` in one graph of a model.
  ///
  /// - Parameters:
  ///   - y: A floating-point tensor of the graph.
  ///   - xs: Floating-point tensors. They count as independent of one another: what makes one of them is not looked at.
  ///   - seed: The gradient of a later value with respect to `y`, if `y` is not the end; ones by default.
  ///   - nodes: The nodes of the graph that come before.
  /// - Throws: `.unsupportedOperator` that names every operator between `xs` and `y` that has no rule.
  package static func gradients(
    of y: ValueID, withRespectTo xs: [ValueID], seed: ValueID? = nil, in model: Model,
    graph: GraphID = .main, registry: OperatorRegistry = .standard
  ) throws(ModelError) -> Result {
    try gradients(
      of: [(y, seed)], withRespectTo: xs, in: model, graph: graph, registry: registry)
  }

  /// The gradients of the sum of several values, each times the gradient that it is given.
  static func gradients(
    of ys: [(value: ValueID, seed: ValueID?)], withRespectTo xs: [ValueID], in model: Model,
    graph: GraphID, registry: OperatorRegistry
  ) throws(ModelError) -> Result {
    let work = try WorkingGraph(model, graph, from: xs, to: ys.map(\.value), registry)
    let builder = GradientBuilder(work.model, graph, types: work.types, registry: registry)
    var run = BackwardRun(builder, work.path)
    for y in ys {
      let last = try builder.term(y.value)
      let seed = y.seed.map { Term(value: $0, element: last.element, builder: builder) }
      run.add(seed ?? last.filled(1), to: y.value)
    }
    let nodes = work.model[graph].nodes
    for index in work.path.nodes.reversed() {
      do throws(ModelError) { try run.differentiate(nodes[index]) } catch {
        throw error.at(node: nodes[index].site(index))
      }
    }
    var gradients: [ValueID] = []
    for x in xs {
      let term = try builder.term(x)
      gradients.append((run.gradient(of: x) ?? term.filled(0)).value)
    }
    if let failure = builder.failure { throw failure }
    var result = builder.model
    result[graph].nodes = model[graph].nodes
    let added = work.added + builder.nodes
    return Result(
      model: result, nodes: try added.keeping(what: gradients, Captures(result)),
      gradients: gradients)
  }
}

/// The nodes between the independent values and those to differentiate.
struct GradientPath {
  /// Indices, in order.
  private(set) var nodes: [Int] = []
  private let all: [Node]
  /// Floating-point values that depend on the independent ones.
  private var active: Set<ValueID>
  private let independent: Set<ValueID>

  init(
    _ model: Model, _ graph: GraphID, from xs: [ValueID], to ys: [ValueID], _ types: ModelTypes
  ) throws(ModelError) {
    let nodes = model[graph].nodes
    let captures = try Captures(model)
    all = nodes
    active = Set(xs)
    independent = active
    var reached: [Int] = []
    for (index, node) in nodes.enumerated() {
      guard !GradientTable.isConstant(node), captures.uses(of: node).contains(where: isActive)
      else {
        continue
      }
      let outputs = node.outputs.compactMap { $0 }.filter { value in
        let element = types.types[value]?.tensorType?.element
        return !independent.contains(value) && element.map(ElementType.floats.contains) ?? true
      }
      active.formUnion(outputs)
      if !outputs.isEmpty { reached.append(index) }
    }
    var wanted = Set(ys).subtracting(independent)
    for index in reached.reversed()
    where nodes[index].outputs.contains(where: { $0.map(wanted.contains) ?? false }) {
      self.nodes.append(index)
      wanted.formUnion(
        captures.uses(of: nodes[index]).filter { isActive($0) && !independent.contains($0) })
    }
    self.nodes.reverse()
  }

  func isActive(_ value: ValueID?) -> Bool { value.map(active.contains) ?? false }

  /// - Throws: `.unsupportedOperator` that names every operator without a rule.
  func check() throws(ModelError) {
    var missing: [String: [String]] = [:]
    for index in nodes
    where GradientTable.rule(all[index]) == nil
      && DecompositionTable.decomposition(all[index]) == nil
    {
      let node = all[index]
      missing[node.qualifiedType, default: []].append(
        node.name.isEmpty ? "#\(index)" : "#\(index) '\(node.name)'")
    }
    guard !missing.isEmpty else { return }
    let list = missing.sorted { $0.key < $1.key }.map { name, sites in
      let more = sites.count > 4 ? " and \(sites.count - 4) more" : ""
      let places = sites.prefix(4).joined(separator: ", ") + more
      return "\(name) at node\(sites.count == 1 ? "" : "s") \(places)"
    }
    throw ModelError(
      .unsupportedOperator,
      "\(list.count) operator\(list.count == 1 ? "" : "s") without a rule of differentiation: "
        + list.joined(separator: "; "),
      expected: "operators whose gradient is known",
      remedy: "differentiate with respect to values behind them, or build the model from others")
  }
}

/// One way back through the graph.
private struct BackwardRun {
  private let builder: GradientBuilder
  private let path: GradientPath
  /// What each reader of a value adds to its gradient.
  private var parts: [ValueID: [Term]] = [:]

  init(_ builder: GradientBuilder, _ path: GradientPath) {
    self.builder = builder
    self.path = path
  }

  mutating func add(_ gradient: Term, to value: ValueID) {
    parts[value, default: []].append(gradient)
  }

  /// The sum of all parts; `nil` if nothing that was differentiated depends on the value.
  mutating func gradient(of value: ValueID) -> Term? {
    guard let terms = parts[value], let first = terms.first else { return nil }
    let sum = terms.count == 1 ? first : builder.add("Sum", terms, gives: first.element)
    parts[value] = [sum]
    return sum
  }

  mutating func differentiate(_ node: Node) throws(ModelError) {
    guard let rule = GradientTable.rule(node) else { return }
    var gradients: [Term?] = []
    for output in node.outputs { gradients.append(output.flatMap { gradient(of: $0) }) }
    if let extra = gradients.dropFirst(rule.outputs).firstIndex(where: { $0 != nil }) {
      throw ModelError(
        .invalidRequest, "cannot be differentiated: output \(extra) is used",
        expected: "uses of the first \(rule.outputs) only")
    }
    guard gradients.contains(where: { $0 != nil }) else { return }
    let call = GradientCall(
      node: node, reader: NodeReader(node, opset: builder.model.opset(of: node)), builder: builder,
      gradients: gradients)
    switch rule.form {
    case .inputs(let apply):
      for (input, term) in zip(node.inputs, try apply(call)) {
        guard let input, let term, path.isActive(input) else { continue }
        add(term, to: input)
      }
    case .uses(let apply):
      for (value, term) in try apply(call, path.isActive) where path.isActive(value) {
        add(term, to: value)
      }
    }
  }
}

extension [Node] {
  /// The nodes on which `values` depend.
  fileprivate func keeping(what values: [ValueID], _ captures: Captures) -> [Node] {
    var needed = Set(values)
    var kept: [Node] = []
    for node in reversed() where node.outputs.contains(where: { $0.map(needed.contains) ?? false })
    {
      needed.formUnion(captures.uses(of: node))
      kept.append(node)
    }
    return kept.reversed()
  }
}
