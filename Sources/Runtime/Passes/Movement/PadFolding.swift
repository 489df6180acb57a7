import ModelFormat

/// Lets a convolution pad its input itself:
///
///     Conv(Pad(x, p), pads: q) = Conv(x, pads: p + q)
///
/// Requires constant pads of zeros, along the spatial axes only; ensures that the convolution reads what was padded.
struct PadFolding: Pass {
  let name = "fold-pads"

  func run(_ context: inout PassContext) throws(ModelError) -> Bool {
    var changed = false
    for index in context.editor.indices {
      guard var conv = GraphMatcher(context).standard(index), conv.opType == "Conv",
        let producer = context.editor.producer(of: conv.inputs[0]),
        let padding = SpatialPadding(producer, context),
        let pads = padding.added(to: conv)
      else { continue }
      conv.inputs[0] = padding.operand
      conv.attributes.removeAll { $0.name == "pads" || $0.name == "auto_pad" }
      conv.attributes.append(Attribute("pads", .ints(pads)))
      context.editor.replace(index, with: conv)
      context.applied(conv, "pads its input itself")
      changed = true
    }
    return changed
  }
}

/// A `Pad` of zeros along spatial axes.
private struct SpatialPadding {
  let operand: ValueID
  /// Before the first element of each spatial axis, then behind the last.
  private let pads: [Int64]

  init?(_ index: Int, _ context: PassContext) {
    let graph = GraphMatcher(context)
    guard let node = graph.standard(index), node.opType == "Pad", let operand = node.inputs[0],
      let type = context.type(operand), type.element == .f32, let rank = type.shape?.rank, rank > 2,
      let all = Self.pads(node, graph), all.count == 2 * rank, all.allSatisfy({ $0 >= 0 })
    else { return nil }
    if case .string(let mode)? = node.attribute("mode"), mode != "constant" { return nil }
    guard all[0] == 0, all[1] == 0, all[rank] == 0, all[rank + 1] == 0 else { return nil }
    self.operand = operand
    pads = (all[2..<rank] + all[(rank + 2)...]).map(Int64.init)
  }

  /// The pads of a node that fills with zeros.
  private static func pads(_ node: Node, _ graph: GraphMatcher) -> [Int]? {
    if graph.context.editor.opset(of: node) < 11 {
      guard case .ints(let pads)? = node.attribute("pads"), node.number("value") ?? 0 == 0 else {
        return nil
      }
      return pads.map { Int($0) }
    }
    if node.inputs.count > 2, let value = node.inputs[2], graph.scalar(value) != 0 { return nil }
    guard node.inputs.count < 4 || node.inputs[3] == nil else { return nil }
    return graph.integers(node.inputs[1])
  }

  /// The pads of a convolution that does the padding too; `nil` if its own depend on extents.
  func added(to conv: Node) -> [Int64]? {
    var own = Array(repeating: Int64(0), count: pads.count)
    if case .string(let mode)? = conv.attribute("auto_pad"), !["NOTSET", "VALID"].contains(mode) {
      return nil
    }
    if case .ints(let given)? = conv.attribute("pads") {
      guard given.count == pads.count else { return nil }
      if case .string("VALID")? = conv.attribute("auto_pad") {} else { own = given }
    }
    return zip(own, pads).map { $0 + $1 }
  }
}
