import ModelFormat

/// Takes operators that do the same to each row out from behind a `Reshape` that keeps rows whole:
///
///     Relu(Reshape(MatMul(x, W)) + b) = Reshape(Relu(MatMul(x, W) + b))
///
/// so that the product, or the table that rows are looked up in, takes them over. Requires a last axis of a known extent;
/// ensures nothing that another pass needs.
struct ReshapeSinking: Pass {
  let name = "sink-reshapes"

  private static let sources: Set = ["MatMul", "Gather"]

  func run(_ context: inout PassContext) throws(ModelError) -> Bool {
    var changed = false
    for index in context.editor.indices where sink(index, &context) { changed = true }
    return changed
  }

  private func sink(_ index: Int, _ context: inout PassContext) -> Bool {
    let graph = GraphMatcher(context)
    guard var reshape = graph.standard(index), reshape.opType == "Reshape",
      let source = graph.standard(context.editor.producer(of: reshape.inputs[0])),
      Self.sources.contains(source.opType), let first = reshape.outputs[0],
      context.editor.soleConsumer(of: reshape.inputs[0]) == index,
      let width = context.type(reshape.inputs[0])?.shape?.dimensions.last?.value,
      let shape = context.type(first)?.shape, shape.dimensions.last == .fixed(width)
    else { return false }
    var (value, operand, place, count) = (first, reshape.inputs[0], index, 0)
    while let next = context.editor.soleConsumer(of: value),
      let row = RowOperator(next, value, shape.rank, width: width, GraphMatcher(context)),
      let result = context.editor.nodes[next]?.outputs[0]
    {
      var node = row.node(on: operand, &context)
      operand = context.editor.addValue(context.editor.name(of: result) + "/rows")
      node.outputs = [operand]
      context.editor.replace(place, with: node)
      (value, place, count) = (result, next, count + 1)
      reshape.inputs[0] = operand
      reshape.outputs = [value]
      context.editor.replace(place, with: reshape)
    }
    if count > 0 { context.applied(reshape, "goes past \(count) elementwise nodes") }
    return count > 0
  }
}
