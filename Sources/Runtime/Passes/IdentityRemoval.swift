/// Removes nodes that give their input as it is: `Identity`, `Dropout` that drops nothing, `Cast` to the same type,
/// `Transpose` that moves no axis, `Slice` that keeps everything.
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
    case "Slice": return keepsEverything(node, context)
    default: return false
    }
  }

  /// Whether a `Slice` goes from the first to the last element of each axis.
  private func keepsEverything(_ node: Node, _ context: PassContext) -> Bool {
    let graph = GraphMatcher(context)
    guard node.inputs.count > 2, let shape = context.type(node.inputs[0])?.shape,
      let starts = graph.integers(node.inputs[1]), let ends = graph.integers(node.inputs[2]),
      starts.count == ends.count, starts.allSatisfy({ $0 == 0 })
    else { return false }
    var axes = Array(starts.indices)
    if node.inputs.count > 3, let value = node.inputs[3] {
      guard let given = graph.integers(value) else { return false }
      axes = given
    }
    if node.inputs.count > 4, let value = node.inputs[4] {
      guard let steps = graph.integers(value), steps.allSatisfy({ $0 == 1 }) else { return false }
    }
    guard axes.count == ends.count else { return false }
    return zip(axes, ends).allSatisfy { axis, end in
      guard -shape.rank <= axis, axis < shape.rank else { return false }
      let extent = shape[axis < 0 ? axis + shape.rank : axis].value ?? Int(Int32.max)
      return end >= extent
    }
  }

  private func isUnused(_ value: ValueID?, _ context: PassContext) -> Bool {
    guard let value else { return true }
    return !context.editor.isOutput(value) && context.editor.consumerCount(of: value) == 0
  }
}
