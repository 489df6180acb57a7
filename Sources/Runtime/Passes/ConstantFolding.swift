/// Computes once what does not depend on the inputs.
///
/// What is kept is bounded: all results together by `budget`, since a model that only ever needs one of them at a time
/// would otherwise hold them all. Dequantized weights of more than one element stay quantized until a second pass, made
/// with `keepsQuantized: false`, so that passes for integer kernels can see them.
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
      budget -= outputs.reduce(0) { $0 + $1.weight.storedByteCount }
      for (value, weight) in outputs { context.editor.setWeight(value, weight) }
      context.editor.remove(index)
      for input in node.inputs { release(input, context) }
      context.applied(node, "computed once")
      changed = true
    }
    return changed
  }

  private func fold(
    _ node: Node, _ context: PassContext, _ budget: Int
  ) -> [(value: ValueID, weight: Weight)]? {
    if keepsQuantized && node.opType == "DequantizeLinear" && !isNumber(node, context) {
      return nil
    }
    let wanted = node.outputs.compactMap { $0 }
    let known = wanted.compactMap { value in context.constants[value].map { (value, Weight($0)) } }
    if known.count == wanted.count { return known }
    guard node.graphs.isEmpty, isWithin(budget, wanted, context) else { return nil }
    return compute(node, context)
  }

  /// Whether a node gives one element: a number, which passes for integer kernels want to see.
  private func isNumber(_ node: Node, _ context: PassContext) -> Bool {
    context.type(node.outputs.first ?? nil)?.shape?.count.value == 1
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

  private func compute(
    _ node: Node, _ context: PassContext
  ) -> [(value: ValueID, weight: Weight)]? {
    var inputs: [Weight?] = []
    for value in node.inputs {
      guard let value else {
        inputs.append(nil)
        continue
      }
      guard let weight = context.editor.weight(value) else { return nil }
      inputs.append(weight)
    }
    let reader = NodeReader(node, opset: context.editor.opset(of: node))
    guard let entry = context.registry.entry(node.opType, domain: node.domain),
      let op = try? entry.make(reader), !op.isVolatile,
      let tensors = try? ComputedWeight.evaluate(op, inputs, node.outputs.count)
    else { return nil }
    var results: [(value: ValueID, weight: Weight)] = []
    for (position, id) in node.outputs.enumerated() {
      guard let id else { continue }
      guard let tensor = tensors[position] else { return nil }
      let source = ComputedWeight(op, inputs, node.outputs.count, position, tensor.byteCount)
      results.append((id, source.map { Weight(tensor, from: $0) } ?? Weight(tensor)))
    }
    return results
  }

  /// Lets a constant leave the memory that nobody reads any more.
  private func release(_ value: ValueID?, _ context: PassContext) {
    guard let value, !context.editor.isOutput(value), context.editor.consumerCount(of: value) == 0
    else { return }
    context.editor.weight(value)?.release()
  }
}

/// A constant that a node made of others, which it makes again when it is needed after it has left the memory.
struct ComputedWeight: WeightSource {
  private let op: any Operator
  private let inputs: [Weight?]
  private let outputCount: Int
  private let position: Int
  private let depth: Int
  let storedByteCount: Int
  var encoding: String { "computed" }

  /// Smaller constants stay in memory.
  private static let least = 1 << 16
  /// Nodes behind one another that may have to be computed again.
  private static let deepest = 8

  /// - Returns: `nil` if the constant should stay in memory.
  init?(
    _ op: any Operator, _ inputs: [Weight?], _ outputCount: Int, _ position: Int, _ byteCount: Int
  ) {
    (self.op, self.inputs, self.outputCount, self.position) = (op, inputs, outputCount, position)
    storedByteCount = byteCount
    depth = 1 + (inputs.compactMap { ($0?.origin as? Self)?.depth }.max() ?? 0)
    guard byteCount >= Self.least, depth <= Self.deepest else { return nil }
  }

  func load() throws(ModelError) -> Tensor {
    defer { for input in inputs { input?.release() } }
    guard let tensor = try Self.evaluate(op, inputs, outputCount)[position] else {
      throw ModelError(.corrupted, "a constant that cannot be computed again")
    }
    return tensor
  }

  /// The outputs of an operator on constants; `nil` for those that are no tensors.
  static func evaluate(
    _ op: any Operator, _ inputs: [Weight?], _ outputCount: Int
  ) throws(ModelError) -> [Tensor?] {
    var values: [Value?] = []
    for input in inputs {
      values.append(try input.map { (w) throws(ModelError) in .tensor(try w.tensor()) })
    }
    let results = try OperatorCall.evaluate(op, values, outputCount: outputCount)
    return results.map(\.tensor) + Array(repeating: nil, count: max(0, outputCount - results.count))
  }
}
