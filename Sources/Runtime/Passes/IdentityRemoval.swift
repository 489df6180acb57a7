/// Removes nodes that give their input as it is: `Identity`, `Dropout` that drops nothing, `Cast` to the same type,
/// `Transpose` that moves no axis.
struct IdentityRemoval: Pass {
  let name = "remove-identities"

  func run(_ context: inout PassContext) throws(ModelError) -> Bool {
    var changed = false
    for index in context.editor.indices {
      guard let node = context.editor.nodes[index], isIdentity(node, context),
        let input = node.inputs.first ?? nil, let output = node.outputs.first ?? nil
      else { continue }
      context.editor.replaceUses(of: output, with: input)
      context.editor.remove(index)
      context.applied(node, "gives its input")
      changed = true
    }
    return changed
  }

  private func isIdentity(_ node: Node, _ context: PassContext) -> Bool {
    guard Model.canonical(node.domain).isEmpty,
      node.outputs.dropFirst().allSatisfy({ $0 == nil || isUnused($0, context) })
    else { return false }
    switch node.opType {
    case "Identity": return true
    case "Dropout":
      let opset = context.editor.opset(of: node)
      if opset < 7, case .int(1)? = node.attribute("is_test") { return true }
      return opset >= 7 && (node.inputs.count < 3 || node.inputs[2] == nil)
    case "Cast":
      guard case .int(let to)? = node.attribute("to"),
        let type = context.type(node.inputs.first ?? nil)
      else { return false }
      return to == Int64(type.element.rawValue)
    case "Transpose":
      guard case .ints(let axes)? = node.attribute("perm") else { return false }
      return axes == (0..<Int64(axes.count)).map { $0 }
    default: return false
    }
  }

  private func isUnused(_ value: ValueID?, _ context: PassContext) -> Bool {
    guard let value else { return true }
    return !context.editor.isOutput(value) && context.editor.consumers(of: value).isEmpty
  }
}
