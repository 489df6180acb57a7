import ModelFormat

/// Writes the contributed operators that other runtimes fuse from parts as this library's own fused operators, or as
/// their parts, so that the passes after this one see them.
///
/// Requires nothing; ensures that `FusedConv`, `FusedGemm` and `FusedMatMul` of `com.microsoft` have become those of domain
/// `zoo`, and `BiasGelu` and `FastGelu` a sum and `Gelu` where their bias is known to have the extent of a row.
struct ContributedLowering: Pass {
  let name = "lower-contributed"

  func run(_ context: inout PassContext) throws(ModelError) -> Bool {
    var changed = false
    for index in context.editor.indices {
      guard let node = context.editor.nodes[index], node.domain == "com.microsoft" else {
        continue
      }
      let reader = NodeReader(node, opset: context.editor.opset(of: node))
      switch node.opType {
      case "FusedConv":
        context.editor.replace(index, with: try ActivatedProduct(conv: reader).fused(node))
      case "FusedGemm":
        context.editor.replace(index, with: try ActivatedProduct(gemm: reader).fused(node))
      case "FusedMatMul":
        guard let fused = try ContributedMatMul(reader).fused(node) else {
          context.declined(node, "it moves axes of the batch")
          continue
        }
        context.editor.replace(index, with: fused)
      case "BiasGelu", "FastGelu":
        guard hasBiasOfRow(node, context) else {
          context.declined(node, "its bias is not known to have the extent of a row")
          continue
        }
        split(node, at: index, &context)
      default: continue
      }
      context.applied(node, "as an operator of this library")
      changed = true
    }
    return changed
  }

  private func hasBiasOfRow(_ node: Node, _ context: PassContext) -> Bool {
    guard node.inputs.count > 1, let bias = node.inputs[1] else { return true }
    guard let row = context.type(node.inputs[0])?.shape?.dimensions.last,
      let extents = context.type(bias)?.shape?.dimensions
    else { return false }
    return extents == [row]
  }

  private func split(_ node: Node, at index: Int, _ context: inout PassContext) {
    var gelu = Node("Gelu", name: node.name, inputs: [node.inputs[0]], outputs: node.outputs)
    gelu.opset = 20
    if node.opType == "FastGelu" { gelu.attributes = [Attribute("approximate", .string("tanh"))] }
    if node.inputs.count > 1, let bias = node.inputs[1] {
      let sum = context.editor.addValue("\(node.name)/biased")
      var add = Node("Add", inputs: [node.inputs[0], bias], outputs: [sum])
      add.opset = 14
      context.editor.insert(add, before: index)
      gelu.inputs = [sum]
    }
    context.editor.replace(index, with: gelu)
  }
}
