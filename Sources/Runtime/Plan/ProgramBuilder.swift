/// Turns the graphs of a model into programs.
struct ProgramBuilder {
  let model: Model
  let registry: OperatorRegistry
  let packedWeights = PackedWeights()
  /// Takes the refusals of nodes, which otherwise end the building.
  var collector: RefusalCollector?

  /// The program of the main graph.
  ///
  /// - Throws: `.unsupportedOperator` that names every operator that is missing, or the refusal of an attribute.
  func build() throws(ModelError) -> Program {
    if collector == nil { try requireOperators() }
    return try build(.main, outer: nil)
  }

  /// The weights that a graph sees: its own, then those of the graphs around it.
  private final class Scope {
    private let outer: Scope?
    var weights: [ValueID: Weight] = [:]

    init(in outer: Scope?) { self.outer = outer }

    subscript(value: ValueID) -> Weight? { weights[value] ?? outer?[value] }
  }

  private func build(_ id: GraphID, outer: Scope?) throws(ModelError) -> Program {
    let graph = model[id]
    var numbering = Numbering()
    let visible = Scope(in: outer)
    let overridable = id == .main ? model.overridableInputs : []
    for (value, weight) in graph.weights where !overridable.contains(value) {
      do throws(ModelError) {
        visible.weights[value] = try weight.decoded()
      } catch { throw error.at(operand: "weight '\(model[value].name)'") }
    }
    let inputs = graph.inputs.filter { visible[$0] == nil || graph.weights[$0] == nil }
    let inputSlots = inputs.map { numbering.slot($0) }
    var defined = Set(inputs)
    var steps: [Program.Step] = []
    for (index, node) in graph.nodes.enumerated() {
      steps.append(try step(node, index, &numbering, visible))
      defined.formUnion(node.outputs.compactMap { $0 })
    }
    let outputs = graph.outputs.map { numbering.slot($0) }
    let foreign = numbering.values.dropFirst().compactMap { $0 }.filter { !defined.contains($0) }
    let captures = foreign.filter { visible[$0] == nil }
    var constants: [Int: Weight] = [:]
    for value in foreign {
      if let weight = visible[value] { constants[numbering.slot(value)] = weight }
    }
    if id == .main, let stray = captures.first {
      throw ModelError(
        .invalidGraph, "value '\(model[stray].name)' is used, but nothing produces it")
    }
    return Program(
      steps: steps, values: numbering.values,
      inputs: inputSlots + captures.map { numbering.slot($0) }, captures: captures,
      outputs: outputs, constants: constants, inputTypes: inputs.map { model[$0].type },
      packedWeights: packedWeights)
  }

  private func step(
    _ node: Node, _ index: Int, _ numbering: inout Numbering, _ visible: Scope
  ) throws(ModelError) -> Program.Step {
    let site = node.site(index)
    do throws(ModelError) {
      let op = try decoded(node, site)
      var bodies: [GraphID: Program] = [:]
      for graph in node.graphs { bodies[graph] = try build(graph, outer: visible) }
      let inputs = node.inputs.map { $0.map { numbering.slot($0) } ?? 0 }
      var uses = inputs.filter { $0 != 0 }
      for graph in node.graphs {
        uses += bodies[graph]?.captures.map { numbering.slot($0) } ?? []
      }
      return Program.Step(
        site: site, name: node.name, opType: node.qualifiedType, op: op, inputs: inputs,
        outputs: outputs(of: node, op, &numbering), bodies: bodies, uses: uses)
    } catch { throw error.at(node: site) }
  }

  /// The slots of a node's outputs. The first has one even without a name: most kernels write it unasked.
  private func outputs(
    of node: Node, _ op: any Operator, _ numbering: inout Numbering
  ) -> [Int] {
    var slots = node.outputs.map { $0.map { numbering.slot($0) } ?? 0 }
    if slots.first == 0, !op.leavesOutFirstOutput { slots[0] = numbering.nameless() }
    return slots
  }

  private func decoded(_ node: Node, _ site: String) throws(ModelError) -> any Operator {
    collector?.nodes += 1
    do throws(ModelError) {
      guard let entry = registry.entry(node.opType, domain: node.domain) else {
        throw ModelError(
          .unsupportedOperator, "\(node.qualifiedType), which this runtime does not have")
      }
      let opset = model.opset(of: node)
      if let first = entry.versions.first, opset < first {
        throw ModelError(.unsupportedOperator, "\(node.qualifiedType), which exists since \(first)")
      }
      return try entry.make(NodeReader(node, opset: opset))
    } catch {
      guard let collector else { throw error }
      collector.add(error.at(node: site), node)
      return RefusedOperator()
    }
  }

  /// Numbers values as they come.
  private struct Numbering {
    var values: [ValueID?] = [nil]
    private var slots: [ValueID: Int] = [:]

    mutating func slot(_ value: ValueID) -> Int {
      if let slot = slots[value] { return slot }
      slots[value] = values.count
      values.append(value)
      return values.count - 1
    }

    /// The slot of a value that no other node can name.
    mutating func nameless() -> Int {
      values.append(nil)
      return values.count - 1
    }
  }
}

// What is missing, all at once.
extension ProgramBuilder {
  private func requireOperators() throws(ModelError) {
    var missing: [String: (opset: Int, nodes: [String])] = [:]
    var reached: Set<GraphID> = []
    var pending: [GraphID] = [.main]
    while let id = pending.popLast() {
      guard reached.insert(id).inserted else { continue }
      for (index, node) in model[id].nodes.enumerated() {
        pending += node.graphs
        guard let reason = refusal(node) else { continue }
        let site = node.name.isEmpty ? "#\(index)" : "#\(index) '\(node.name)'"
        missing[reason, default: (model.opset(of: node), [])].nodes.append(site)
      }
    }
    guard !missing.isEmpty else { return }
    let list = missing.sorted { $0.key < $1.key }.map { name, use in
      let shown = use.nodes.prefix(4).joined(separator: ", ")
      let more = use.nodes.count > 4 ? " and \(use.nodes.count - 4) more" : ""
      return
        "\(name), opset \(use.opset), at node\(use.nodes.count == 1 ? "" : "s") \(shown)\(more)"
    }
    throw ModelError(
      .unsupportedOperator,
      "\(list.count) operator\(list.count == 1 ? "" : "s") that this runtime does not have: "
        + list.joined(separator: "; "),
      remedy: "register the operator as a plugin, or export the model with operators that "
        + "`zoo-tool list --operators` shows")
  }

  private func refusal(_ node: Node) -> String? {
    guard let entry = registry.entry(node.opType, domain: node.domain) else {
      return node.qualifiedType
    }
    let opset = model.opset(of: node)
    guard let first = entry.versions.first, opset < first else { return nil }
    return "\(node.qualifiedType) (which exists since opset \(first))"
  }
}

extension Node {
  /// How messages name a node.
  package func site(_ index: Int) -> String {
    name.isEmpty
      ? "node #\(index) (\(qualifiedType))" : "node #\(index) '\(name)' (\(qualifiedType))"
  }
}
