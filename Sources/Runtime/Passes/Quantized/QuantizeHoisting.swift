import ModelFormat

/// Rounds before what only moves or selects elements instead of behind it, so that the node works on bytes, and what
/// comes before it can round as it stores; and dequantizes behind a maximum instead of before it:
///
///     Quantize(MaxPool(x)) = MaxPool(Quantize(x))                MaxPool(Dequantize(q)) = Dequantize(MaxPool(q))
///
/// The same numbers come out. Requires nothing.
struct QuantizeHoisting: Pass {
  let name = "hoist-quantization"

  private static let movements: Set = [
    "MaxPool", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Expand", "Tile",
    "DepthToSpace", "SpaceToDepth", "Identity",
  ]

  /// Whether a node gives elements of input 0, unchanged.
  static func isMovement(_ node: Node) -> Bool {
    guard node.opType == "Resize" || node.opType == "Upsample" else {
      return movements.contains(node.opType)
    }
    // What lies outside of a crop is made up.
    return isString(node, "mode", "nearest", default: true)
      && !isString(node, "coordinate_transformation_mode", "tf_crop_and_resize", default: false)
  }

  private static func isString(
    _ node: Node, _ name: String, _ expected: String, default isDefault: Bool
  ) -> Bool {
    guard let value = node.attribute(name) else { return isDefault }
    if case .string(let text) = value { return text == expected }
    return false
  }

  func run(_ context: inout PassContext) throws(ModelError) -> Bool {
    var changed = false
    for index in context.editor.indices.reversed() {
      let graph = QuantizedMatcher(context)
      if sink(index, graph, &context) {
        changed = true
        continue
      }
      guard graph.rounded(index) != nil, let rounding = context.editor.nodes[index],
        let value = rounding.inputs[0], context.editor.soleConsumer(of: value) == index,
        let source = context.editor.producer(of: value), let node = graph.graph.standard(source),
        node.outputs.count == 1, isMovement(node, context)
      else { continue }
      hoist(source, node, index, rounding, &context)
      changed = true
    }
    return changed
  }

  /// Dequantizes behind a pool.
  private func sink(
    _ index: Int, _ graph: QuantizedMatcher, _ context: inout PassContext
  ) -> Bool {
    guard var pool = graph.graph.standard(index), pool.opType == "MaxPool", pool.outputs.count == 1,
      let value = pool.inputs[0], let output = pool.outputs[0], let codes = graph.codes(value),
      let source = context.editor.producer(of: value), var dequantize = context.editor.nodes[source]
    else { return false }
    let pooled = context.editor.addValue("\(context.editor.name(of: output))/codes")
    context.applied(pool, "works on 8-bit codes")
    pool.inputs[0] = codes.value
    pool.outputs = [pooled]
    context.editor.insert(pool, before: index)
    dequantize.name = ""
    dequantize.inputs[0] = pooled
    dequantize.outputs = [output]
    context.editor.replace(index, with: dequantize)
    return true
  }

  /// Whether all that it takes is made here, for it alone.
  private func isMovement(_ node: Node, _ context: PassContext) -> Bool {
    let data = node.opType == "Concat" ? node.inputs : Array(node.inputs.prefix(1))
    guard node.opType == "Concat" || Self.isMovement(node) else { return false }
    return data.allSatisfy {
      context.type($0)?.element == .f32 && context.editor.soleConsumer(of: $0) != nil
        && context.editor.producer(of: $0) != nil
    }
  }

  private func hoist(
    _ source: Int, _ node: Node, _ index: Int, _ rounding: Node, _ context: inout PassContext
  ) {
    var moved = node
    let count = node.opType == "Concat" ? node.inputs.count : 1
    for position in 0..<count {
      guard let value = node.inputs[position] else { continue }
      let codes = context.editor.addValue("\(context.editor.name(of: value))/rounded")
      var earlier = rounding
      earlier.name = ""
      earlier.inputs[0] = value
      earlier.outputs = [codes]
      context.editor.insert(earlier, before: index)
      moved.inputs[position] = codes
    }
    moved.outputs = rounding.outputs
    context.editor.remove(source)
    context.editor.replace(index, with: moved)
    context.applied(node, "works on 8-bit codes")
  }
}
