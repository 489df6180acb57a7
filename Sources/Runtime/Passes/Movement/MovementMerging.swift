import ModelFormat

/// Joins operators that only move axes, and takes elementwise operators out from between them:
///
///     Unsqueeze(Relu(Squeeze(x))) = Relu(x)
///
/// Exporters from frameworks that keep channels last surround each convolution with them. Behind a convolution they also
/// go past elementwise operators, so that the convolution can take these over. Requires axes that are known; ensures
/// nothing that another pass needs.
struct MovementMerging: Pass {
  let name = "merge-movement"

  /// More nodes than models have between two moves.
  private static let longest = 16

  func run(_ context: inout PassContext) throws(ModelError) -> Bool {
    var changed = false
    for index in context.editor.indices {
      if merge(index, &context) || sink(index, &context) { changed = true }
    }
    return changed
  }

  /// Makes one move of node `index` and the one before it.
  private func merge(_ index: Int, _ context: inout PassContext) -> Bool {
    guard let second = AxisMove(index, context), let node = context.editor.nodes[index],
      let before = context.editor.producer(of: node.inputs[0]),
      let first = AxisMove(before, context), let result = node.outputs[0],
      let operand = context.editor.nodes[before]?.inputs[0]
    else { return false }
    let both = first.then(second)
    if both.isIdentity {
      context.editor.replaceUses(of: result, with: operand)
      context.editor.remove(index)
    } else if let joined = both.node(node.name, from: operand, to: result) {
      context.editor.replace(index, with: joined)
    } else {
      return false
    }
    if context.editor.consumerCount(of: node.inputs[0] ?? result) == 0,
      !context.editor.isOutput(node.inputs[0] ?? result)
    {
      context.editor.remove(before)
    }
    context.applied(node, "one with the move before it")
    return true
  }

  /// Takes the move of node `index` past the elementwise nodes behind it.
  private func sink(_ index: Int, _ context: inout PassContext) -> Bool {
    guard let move = AxisMove(index, context), let node = context.editor.nodes[index],
      let operand = node.inputs[0], let first = node.outputs[0],
      var last = move.node(node.name, from: operand, to: first)
    else { return false }
    var (value, moved, passed) = (first, operand, [(index: Int, node: Node)]())
    var meetsMove = false
    while passed.count < Self.longest, let next = context.editor.soleConsumer(of: value) {
      meetsMove = AxisMove(next, context) != nil
      guard !meetsMove,
        var node = MovedOperator(next, value, move, context)?.node(on: moved, &context),
        let result = node.outputs[0]
      else { break }
      moved = context.editor.addValue(context.editor.name(of: result) + "/unmoved")
      node.outputs[0] = moved
      passed.append((next, node))
      value = result
    }
    let producer = GraphMatcher(context).standard(context.editor.producer(of: operand))
    guard !passed.isEmpty, meetsMove || producer?.opType == "Conv" else { return false }
    var place = index
    for step in passed {
      context.editor.replace(place, with: step.node)
      place = step.index
    }
    (last.inputs, last.outputs) = ([moved], [value])
    context.editor.replace(place, with: last)
    context.applied(node, "goes past \(passed.count) elementwise nodes")
    return true
  }
}
