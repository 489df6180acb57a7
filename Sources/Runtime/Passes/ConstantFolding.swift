/// Computes once what does not depend on the inputs.
///
/// A result is kept as computed only if it is not much larger than what it was made from. Dequantized weights stay
/// quantized at first, so that passes for integer kernels can see them; `DequantizedWeights` folds the rest.
struct ConstantFolding: Pass {
  let name: String
  private let keepsQuantized: Bool

  /// Results up to this many bytes are always kept.
  private static let smallBytes = 1 << 20

  init(keepsQuantized: Bool = true) {
    self.keepsQuantized = keepsQuantized
    name = keepsQuantized ? "fold-constants" : "fold-dequantized-weights"
  }

  func run(_ context: inout PassContext) throws(ModelError) -> Bool {
    var changed = false
    for index in context.editor.indices {
      guard let node = context.editor.nodes[index], let outputs = fold(node, context) else {
        continue
      }
      for (value, tensor) in outputs { context.editor.setWeight(value, Weight(tensor)) }
      context.editor.remove(index)
      context.applied(node, "computed once")
      changed = true
    }
    return changed
  }

  private func fold(_ node: Node, _ context: PassContext) -> [(ValueID, Tensor)]? {
    let wanted = node.outputs.compactMap { $0 }
    let known = wanted.compactMap { value in context.constants[value].map { (value, $0) } }
    if known.count == wanted.count { return known }
    if keepsQuantized && node.opType == "DequantizeLinear" { return nil }
    guard node.graphs.isEmpty, wanted.allSatisfy({ isWorthKeeping($0, node, context) }) else {
      return nil
    }
    return compute(node, context)
  }

  private func isWorthKeeping(_ value: ValueID, _ node: Node, _ context: PassContext) -> Bool {
    guard let type = context.type(value), let count = type.shape?.count.value,
      let bytes = type.element.byteCount(of: count)
    else { return false }
    let inputs = node.inputs.compactMap { context.editor.weight($0) }
    let inputBytes = inputs.reduce(0) {
      $0 + ($1.elementType.byteCount(of: $1.shape.reduce(1, *)) ?? 0)
    }
    return bytes <= Self.smallBytes || bytes <= inputBytes * (keepsQuantized ? 2 : 8)
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
    let reader = NodeReader(node, opset: context.editor.opset(node.domain))
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
