import ModelFormat

/// Keeps what nodes of 16-bit floats hand to each other in `f32`, in which their kernels compute anyway: nothing is
/// rounded or converted in between, and what is fused for `f32` is fused for them.
///
/// Requires types; ensures that neighbouring nodes of the listed operators whose floats are of one 16-bit type work on
/// `f32`, with a `Cast` where others read their results. Products with weights stay as they are, since the weights would
/// take twice the memory.
struct HalfWidening: Pass {
  let name = "widen-halves"

  private static let operators: Set<String> = [
    "Add", "Div", "Erf", "Exp", "MatMul", "Mul", "Neg", "Sigmoid", "Softmax", "Sqrt", "Sub",
    "Tanh", "Where",
  ]
  /// Elements of the largest weight that is worth keeping in `f32` as well.
  private static let mostElements = 1 << 16

  func run(_ context: inout PassContext) throws(ModelError) -> Bool {
    let candidates = context.editor.indices.filter { half($0, context) != nil }
    let widened = Set(candidates)
    var wide: [ValueID: ValueID] = [:]
    var changed = false
    for index in candidates where hasNeighbour(index, widened, context) {
      guard var node = context.editor.nodes[index], let element = half(index, context),
        let output = node.outputs.first ?? nil
      else { continue }
      for (place, input) in node.inputs.enumerated() {
        guard let input, context.type(input)?.element == element else { continue }
        node.inputs[place] = try value(input, &wide, before: index, &context)
      }
      let result = context.editor.addValue(context.editor.name(of: output) + "/f32")
      wide[output] = result
      node.outputs[0] = result
      // The kernel of f32 comes first, then what those read that want the 16-bit result.
      context.editor.insert(node, before: index)
      let cast = Node(
        "Cast", name: node.name, inputs: [result], outputs: [output],
        attributes: [Attribute("to", .int(Int64(element.rawValue)))])
      context.editor.replace(index, with: cast)
      context.applied(node, "works on f32")
      changed = true
    }
    return changed
  }

  /// The 16-bit type of a node that can work on `f32` as well.
  private func half(_ index: Int, _ context: PassContext) -> ElementType? {
    guard let node = context.editor.nodes[index], Model.canonical(node.domain).isEmpty,
      Self.operators.contains(node.opType), node.outputs.count == 1,
      let element = context.type(node.outputs[0])?.element, HalfStaging.isHalf(element)
    else { return nil }
    for input in node.inputs {
      guard let input, let type = context.type(input) else { return nil }
      guard type.element == element || type.element == .bool else { return nil }
      guard context.editor.weight(input) != nil else { continue }
      let count = type.shape?.count.value ?? .max
      if node.opType == "MatMul" || count > Self.mostElements { return nil }
    }
    return element
  }

  private func hasNeighbour(
    _ index: Int, _ widened: Set<Int>, _ context: PassContext
  ) -> Bool {
    guard let node = context.editor.nodes[index] else { return false }
    let sources = node.inputs.compactMap { context.editor.producer(of: $0) }
    let readers = node.outputs.compactMap { $0 }.flatMap { context.editor.consumers(of: $0) }
    return (sources + readers).contains { widened.contains($0) }
  }

  /// The same numbers in `f32`.
  private func value(
    _ half: ValueID, _ wide: inout [ValueID: ValueID], before index: Int,
    _ context: inout PassContext
  ) throws(ModelError) -> ValueID {
    if let known = wide[half] { return known }
    let name = context.editor.name(of: half) + "/f32"
    let result: ValueID
    if let weight = context.editor.weight(half) {
      result = context.editor.addWeight(name, try HalfStaging.widened(weight.tensor()))
    } else {
      result = context.editor.addValue(name)
      let to = Attribute("to", .int(Int64(ElementType.f32.rawValue)))
      context.editor.insert(
        Node("Cast", name: name, inputs: [half], outputs: [result], attributes: [to]),
        before: index)
    }
    wide[half] = result
    return result
  }
}
