/// Operators that run subgraphs. What these capture has a gradient as inputs have.
let controlRules: [GradientRule] = [
  GradientRule(uses: "If") { (call, isActive) throws(ModelError) in
    try branchRule(call, isActive)
  },
  GradientRule(uses: "Loop") { (call, isActive) throws(ModelError) in
    try loopRule(call, isActive)
  },
]

/// The values that subgraphs take from outside and that have a gradient, in order.
private func captured(
  _ graphs: [GraphID], _ call: GradientCall, _ isActive: (ValueID) -> Bool
) throws(ModelError) -> [ValueID] {
  let captures = try Captures(call.builder.model)
  var (found, seen) = ([ValueID](), Set<ValueID>())
  for graph in graphs {
    for value in captures.captured[graph.index] where isActive(value) {
      if seen.insert(value).inserted { found.append(value) }
    }
  }
  return found
}

/// Each branch once more, and the way back through it.
private func branchRule(
  _ call: GradientCall, _ isActive: (ValueID) -> Bool
) throws(ModelError) -> [(ValueID, Term)] {
  let builder = call.builder
  let names = ["then_branch", "else_branch"]
  let graphs = try names.map { (name) throws(ModelError) in try call.reader.graph(name) }
  let xs = try captured(graphs, call, isActive)
  if xs.isEmpty { return [] }
  let copies = graphs.map(builder.copied)
  let attributes = zip(names, copies).map { Attribute($0, .graph($1)) }
  let probe = builder.node(
    "If", [try call.input(0)], attributes, outputs: call.node.outputs.count)
  var results: [[ValueID]] = []
  for copy in copies {
    var seeds: [(value: ValueID, seed: ValueID?)] = []
    for (output, gradient) in zip(builder.model[copy].outputs, call.gradients) {
      if let gradient { seeds.append((output, gradient.value)) }
    }
    results.append(
      try builder.differentiate(copy, of: seeds, withRespectTo: xs, beside: probe))
  }
  for (copy, outputs) in zip(copies, results) { builder.setOutputs(of: copy, outputs) }
  let elements = try xs.map { (x) throws(ModelError) in try builder.term(x).element }
  let gradients = builder.add("If", [try call.input(0)], attributes, gives: elements)
  return Array(zip(xs, gradients))
}

/// A loop that has recorded what each iteration began with.
private struct LoopRecord {
  /// The carried values at the end.
  let finals: [Term]
  /// What each carried value was when an iteration began, one after the other.
  let starts: [Term]
  /// The number of iterations, a scalar.
  let count: Term

  init(_ call: GradientCall, _ body: GraphID) throws(ModelError) {
    let (builder, node) = (call.builder, call.node)
    let graph = builder.model[body]
    guard node.inputs.count >= 2, graph.inputs.count == node.inputs.count,
      graph.outputs.count >= node.inputs.count - 1
    else {
      throw call.refused("its body does not fit", expected: "as many inputs as the node has")
    }
    var elements: [ElementType] = []
    for input in node.inputs.dropFirst(2) {
      guard let type = builder.type(input) else {
        throw call.refused("it carries what is no tensor", expected: "tensors")
      }
      elements.append(type.element)
    }
    let copy = builder.copied(body)
    builder.record(copy, carried: elements.count)
    var loop = node
    loop.name = ""
    loop.attributes = [Attribute("body", .graph(copy))]
    let results = builder.append(loop, gives: elements + [.i64] + elements)
    finals = Array(results[..<elements.count])
    count = results[elements.count].elementCount
    starts = Array(results[(elements.count + 1)...])
  }
}

/// The loop once more, which records what each iteration began with; then a loop from the last iteration to the first,
/// which runs the body again and goes back through it.
private func loopRule(
  _ call: GradientCall, _ isActive: (ValueID) -> Bool
) throws(ModelError) -> [(ValueID, Term)] {
  let (builder, node) = (call.builder, call.node)
  let body = try call.reader.graph("body")
  let record = try LoopRecord(call, body)
  let places = record.starts.indices.filter {
    ElementType.floats.contains(record.starts[$0].element)
  }
  let xs = try captured([body], call, isActive)
  // Gradients of the carried values, then sums of those of captured values.
  var initial: [Term] = []
  for place in places {
    let given = place < call.gradients.count ? call.gradients[place] : nil
    initial.append(given ?? record.finals[place].filled(0))
  }
  for x in xs { initial.append(try builder.term(x).filled(0)) }
  let types =
    places.map { builder.type(node.inputs[2 + $0])?.ofAnyExtents } + xs.map { builder.type($0) }
  let back = builder.addGraph(
    [.tensor(.i64, []), .tensor(.bool, [])] + types.map { $0.map { ValueType.tensor($0) } })
  let inner = builder.inside(back)
  let given = inner.model[back].inputs
  let t = inner.outer(record.count) - inner.scalar(1, .i64) - inner.term(given[0], .i64)
  let isOn = inner.constant(true)
  let starts = record.starts.map { inner.outer($0).gathered(t, axis: 0) }
  let outputs = try inner.inlined(body, [t, isOn] + starts)
  var seeds: [(value: ValueID, seed: ValueID?)] = []
  for (index, place) in places.enumerated() {
    seeds.append((outputs[1 + place].value, given[2 + index]))
  }
  for index in starts.count..<max(starts.count, node.outputs.count) {
    guard let gradient = call.gradients[index] else { continue }
    let slice = inner.outer(gradient).gathered(t, axis: 0)
    seeds.append((outputs[1 + index].value, slice.value))
  }
  builder.adopt(inner)
  let attributes = [Attribute("body", .graph(back))]
  let probe = builder.node(
    "Loop", [record.count, nil] + initial, attributes, outputs: initial.count)
  let gradients = try builder.differentiate(
    back, of: seeds, withRespectTo: places.map { starts[$0].value } + xs, beside: probe)
  let sums = builder.inside(back)
  var next = Array(gradients[..<places.count])
  for (index, x) in xs.enumerated() {
    let place = places.count + index
    let element = try builder.term(x).element
    next.append((sums.term(given[2 + place], element) + sums.term(gradients[place], element)).value)
  }
  builder.adopt(sums)
  builder.setOutputs(of: back, [isOn.value] + next)
  let results = builder.add(
    "Loop", [record.count, nil] + initial, attributes, gives: initial.map(\.element))
  var all: [(ValueID, Term)] = []
  for (index, place) in places.enumerated() {
    if let input = node.inputs[2 + place] { all.append((input, results[index])) }
  }
  return all + Array(zip(xs, results.dropFirst(places.count)))
}

extension TensorType {
  /// What a value may become whose extents a loop changes.
  fileprivate var ofAnyExtents: TensorType {
    TensorType(element, shape.map { Shape($0.dimensions.map { _ in Dimension.unknown }) })
  }
}
