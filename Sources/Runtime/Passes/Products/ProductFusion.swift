import ModelFormat

/// Gives matrix products and convolutions what follows them to do: a bias, a residual, an activation, in this order.
///
/// Requires nothing; ensures that `MatMul`, `Gemm` and `Conv` of `f32` whose result only feeds such nodes become
/// `FusedMatMul`, `FusedGemm` and `FusedConv` of domain `zoo`.
struct ProductFusion: Pass {
  let name = "fuse-products"

  func run(_ context: inout PassContext) throws(ModelError) -> Bool {
    var changed = false
    for index in context.editor.indices {
      guard let node = context.editor.nodes[index], let kind = Kind(node),
        context.type(node.inputs.first ?? nil)?.element == .f32,
        let output = node.outputs.first ?? nil
      else { continue }
      let isActivated = node.attribute("activation") != nil && node.activationName != "none"
      guard !isActivated else { continue }
      if fuseAddition(index, node, kind, output, &context)
        || fuseActivation(index, node, kind, output, &context)
      {
        changed = true
      }
    }
    return changed
  }

  enum Kind: String {
    case matMul = "MatMul"
    case gemm = "Gemm"
    case conv = "Conv"

    init?(_ node: Node) {
      let isStandard = Model.canonical(node.domain).isEmpty
      guard isStandard || node.domain == "zoo" else { return nil }
      let name = node.opType.hasPrefix("Fused") ? String(node.opType.dropFirst(5)) : node.opType
      guard let kind = Kind(rawValue: name), isStandard == (name == node.opType) else {
        return nil
      }
      self = kind
    }
  }

  private func fuseActivation(
    _ index: Int, _ node: Node, _ kind: Kind, _ output: ValueID, _ context: inout PassContext
  ) -> Bool {
    guard let match = ActivationMatch(of: output, context), let last = match.nodes.last,
      let result = context.editor.nodes[last]?.outputs.first ?? nil
    else { return false }
    var fused = node
    fused.attributes.removeAll { $0.name.hasPrefix("activation") }
    fused.attributes += FusedActivation.attributes(match.name, match.a, match.b)
    for removed in match.nodes.dropLast() { context.editor.remove(removed) }
    replace(index, last, fused, kind, result, &context)
    context.applied(node, "takes over \(match.name)")
    return true
  }

  private func fuseAddition(
    _ index: Int, _ node: Node, _ kind: Kind, _ output: ValueID, _ context: inout PassContext
  ) -> Bool {
    guard let next = context.editor.soleConsumer(of: output),
      let add = GraphMatcher(context).standard(next), ["Add", "Sum"].contains(add.opType),
      add.inputs.count == 2, let result = add.outputs.first ?? nil,
      let other = add.inputs[0] == output ? add.inputs[1] : add.inputs[0], other != output,
      let type = context.type(other), type.element == .f32
    else { return false }
    var fused = node
    while fused.inputs.count < 3 { fused.inputs.append(nil) }
    let hasResidual = fused.inputs.count > 3 && fused.inputs[3] != nil
    if kind != .gemm, fused.inputs[2] == nil, !hasResidual,
      let bias = bias(other, kind, node, &context)
    {
      fused.inputs[2] = bias
      replace(index, next, fused, kind, result, &context)
      context.applied(node, "takes over a bias")
      return true
    }
    guard kind != .gemm, !hasResidual, let shape = type.shape,
      context.type(output)?.shape == shape, !shape.dimensions.contains(.unknown),
      context.editor.weight(other) == nil
    else { return false }
    if fused.inputs.count < 4 { fused.inputs.append(nil) }
    fused.inputs[3] = other
    replace(index, next, fused, kind, result, &context)
    context.applied(node, "takes over a residual")
    return true
  }

  /// The bias as the fused node wants it, if `value` is a weight that adds one number per column or channel.
  private func bias(
    _ value: ValueID, _ kind: Kind, _ node: Node, _ context: inout PassContext
  ) -> ValueID? {
    guard let tensor = GraphMatcher(context).weight(value), node.inputs.count > 1,
      let shape = context.type(node.inputs[1])?.shape,
      let rank = context.type(node.inputs[0])?.shape?.rank, shape.rank > 1
    else { return nil }
    let lines: Int?
    let wanted: [Int]
    if kind == .matMul {
      let isTransposed = if case .int(1)? = node.attribute("transB") { true } else { false }
      lines = shape[shape.rank - (isTransposed ? 2 : 1)].value
      // More axes than the product has would broadcast the product.
      guard tensor.shape.count <= max(rank, shape.rank), rank > 1 else { return nil }
      wanted = Array(repeating: 1, count: max(0, tensor.shape.count - 1)) + [lines ?? -1]
    } else {
      lines = shape[0].value
      wanted =
        Array(repeating: 1, count: max(0, tensor.shape.count - rank + 1)) + [lines ?? -1]
        + Array(repeating: 1, count: rank - 2)
      guard tensor.shape.count == rank || tensor.shape.count == rank - 1 else { return nil }
    }
    guard let lines, tensor.shape == wanted else { return nil }
    if tensor.shape.count == 1 { return value }
    guard let flat = try? tensor.reshaped(to: [lines]) else { return nil }
    return context.editor.addWeight(context.editor.name(of: value) + "/flat", flat)
  }

  /// Puts the fused node where the last of the nodes stood that it replaces.
  private func replace(
    _ index: Int, _ last: Int, _ fused: Node, _ kind: Kind, _ result: ValueID,
    _ context: inout PassContext
  ) {
    var fused = fused
    while let input = fused.inputs.last, input == nil { fused.inputs.removeLast() }
    fused.opType = "Fused" + kind.rawValue
    fused.domain = "zoo"
    fused.outputs = [result]
    context.editor.remove(index)
    context.editor.replace(last, with: fused)
  }
}

extension Node {
  fileprivate var activationName: String {
    if case .string(let name)? = attribute("activation") { name } else { "none" }
  }
}
