import ModelFormat

/// Does to the rows of a table once what would be done to each row that is looked up:
///
///     Relu(Gather(table, i) + b) = Gather(Relu(table + b), i)
///
/// Requires a small constant table of `f32`, and that nobody else reads what was looked up; ensures that the table's side
/// depends on constants only.
struct TableFolding: Pass {
  let name = "fold-into-tables"

  /// More elements than it is worth to compute ahead: of a large table few rows are ever read.
  private static let mostElements = 1 << 18

  func run(_ context: inout PassContext) throws(ModelError) -> Bool {
    var changed = false
    for index in context.editor.indices {
      let graph = GraphMatcher(context)
      guard let lookup = graph.standard(index), lookup.opType == "Gather", lookup.int("axis") == 0,
        let rows = graph.weight(lookup.inputs[0]), rows.shape.count == 2,
        rows.count <= Self.mostElements
      else { continue }
      var place = index
      while let next = fold(lookupAt: place, width: rows.shape[1], graph, &context) {
        place = next
        changed = true
      }
    }
    return changed
  }

  /// Puts what follows a lookup before it.
  ///
  /// - Returns: Where the lookup is then.
  private func fold(
    lookupAt index: Int, width: Int, _ graph: GraphMatcher, _ context: inout PassContext
  ) -> Int? {
    guard var lookup = context.editor.nodes[index], let found = lookup.outputs[0],
      let next = context.editor.soleConsumer(of: found),
      let rank = context.type(found)?.shape?.rank,
      var node = RowOperator(next, found, rank, width: width, graph)?.node(
        on: lookup.inputs[0], &context)
    else { return nil }
    let table = context.editor.addValue(context.editor.name(of: found) + "/table")
    (lookup.inputs[0], lookup.outputs) = (table, node.outputs)
    node.outputs = [table]
    context.editor.replace(index, with: node)
    context.editor.replace(next, with: lookup)
    context.applied(node, "once for all rows of a table")
    return next
  }
}
