/// Computes once what does not depend on the inputs.
///
/// What is kept is bounded: all results together by `budget`, since a model that only ever needs one of them at a time
/// would otherwise hold them all. Dequantized weights stay quantized until a second pass, made with
/// `keepsQuantized: false`, so that passes for integer kernels can see them.
struct ConstantFolding: Pass {
  let name: String
  private let keepsQuantized: Bool

  /// Bytes of all results that one run of the pass may keep.
  private static let budget = 2 << 30

  init(keepsQuantized: Bool = true) {
    self.keepsQuantized = keepsQuantized
    name = keepsQuantized ? "fold-constants" : "fold-dequantized-weights"
  }

  func run(_ context: inout PassContext) throws(ModelError) -> Bool {
    var changed = false
    var budget = Self.budget
    for index in context.editor.indices {
      guard let node = context.editor.nodes[index], let outputs = fold(node, context, budget) else {
        continue
      }
      budget -= outputs.reduce(0) { $0 + $1.1.byteCount }
      for (value, tensor) in outputs { context.editor.setWeight(value, Weight(tensor)) }
      context.editor.remove(index)
      context.applied(node, "computed once")
      changed = true
    }
    return changed
  }

  private func fold(
    _ node: Node, _ context: PassContext, _ budget: Int
  ) -> [(ValueID, Tensor)]? {
    if keepsQuantized && node.opType == "DequantizeLinear" { return nil }
    let wanted = node.outputs.compactMap { $0 }
    let known = wanted.compactMap { value in context.constants[value].map { (value, $0) } }
    if known.count == wanted.count { return known }
    guard node.graphs.isEmpty, isWithin(budget, wanted, context) else { return nil }
    return compute(node, context)
  }

  private func isWithin(_ budget: Int, _ values: [ValueID], _ context: PassContext) -> Bool {
    var bytes = 0
    for value in values {
      guard let type = context.type(value), let count = type.shape?.count.value,
        let more = type.element.byteCount(of: count), more <= budget
      else { return false }
      bytes += more
    }
    return bytes <= budget
  }

  private func compute(_ node: Node, _ context: PassContext) -> [(ValueID, Tensor)]? {
    var inputs: [Value?] = []
    for value in node.inputs {
      guard let value else {
        inputs.append(nil)
        continue
      }
      guard let weight = context.editor.weight(value), let tensor = try? weight.tensor() else {
        return nil
      }
      inputs.append(.tensor(tensor))
    }
    let reader = NodeReader(node, opset: context.editor.opset(of: node))
    guard let entry = context.registry.entry(node.opType, domain: node.domain),
      let op = try? entry.make(reader), !op.isVolatile,
      let values = try? OperatorCall.evaluate(op, inputs, outputCount: node.outputs.count)
    else { return nil }
    var results: [(ValueID, Tensor)] = []
    for (id, value) in zip(node.outputs, values) {
      guard let id else { continue }
      guard let tensor = value.tensor else { return nil }
      results.append((id, tensor))
    }
    return results
  }
}
