import ModelFormat

/// Rounds to unsigned codes where a graph rounds to signed ones and only dequantizes them:
///
///     Quantize(zero: i8) → Dequantize(zero: i8)        Quantize(zero + 128: u8) → Dequantize(zero + 128: u8)
///
/// The same numbers come out. Byte instructions multiply unsigned numbers by signed ones, so that signed activations would
/// have to be copied for each layer. Requires nothing.
struct UnsignedCodes: Pass {
  let name = "unsigned-codes"

  func run(_ context: inout PassContext) throws(ModelError) -> Bool {
    var changed = false
    for index in context.editor.indices where try rewrite(index, &context) { changed = true }
    return changed
  }

  private func rewrite(_ index: Int, _ context: inout PassContext) throws(ModelError) -> Bool {
    let graph = QuantizedMatcher(context)
    guard var rounding = graph.graph.standard(index), rounding.opType == "QuantizeLinear",
      rounding.attribute("output_dtype") == nil, rounding.outputs.count == 1,
      let codes = rounding.outputs[0], !context.editor.isOutput(codes),
      let zeros = try unsigned(rounding, graph)
    else { return false }
    let readers = context.editor.consumers(of: codes)
    var rewritten: [(index: Int, node: Node, zeros: Tensor)] = []
    for reader in readers {
      guard let node = graph.graph.standard(reader), node.opType == "DequantizeLinear",
        node.inputs.filter({ $0 == codes }).count == 1, node.inputs[0] == codes,
        let zeros = try unsigned(node, graph)
      else { return false }
      rewritten.append((reader, node, zeros))
    }
    guard !rewritten.isEmpty else { return false }
    let name = context.editor.name(of: codes)
    let result = context.editor.addValue("\(name)/unsigned")
    rounding.inputs[2] = context.editor.addWeight("\(name)/unsigned_zero", zeros)
    rounding.outputs = [result]
    context.editor.replace(index, with: rounding)
    for (reader, old, zeros) in rewritten {
      var node = old
      node.inputs[0] = result
      node.inputs[2] = context.editor.addWeight("\(name)/unsigned_zero", zeros)
      context.editor.replace(reader, with: node)
    }
    context.applied(rounding, "gives unsigned codes")
    return true
  }

  /// The constant signed zero points of a node, for unsigned codes.
  private func unsigned(_ node: Node, _ graph: QuantizedMatcher) throws(ModelError) -> Tensor? {
    guard node.inputs.count > 2, let zeros = graph.constant(node.inputs[2]),
      zeros.elementType == .i8
    else { return nil }
    return try Tensor(
      try zeros.array(of: Int8.self).map { UInt8(Int($0) + 128) }, shape: zeros.shape)
  }
}
