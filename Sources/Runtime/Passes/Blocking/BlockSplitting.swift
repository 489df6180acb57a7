import ModelFormat

// Splitting along channels: where blocks end, what moves is whole blocks; elsewhere it is lanes.
extension BlockRewriter {
  /// Constant whole numbers.
  func integers(_ value: ValueID?) -> [Int]? {
    guard let value else { return nil }
    return (context.constants[value] ?? (try? context.editor.weight(value)?.tensor()))?.integers
  }

  private mutating func numbers(_ values: [Int], _ name: String) throws(ModelError) -> ValueID {
    context.editor.addWeight(name, try Tensor(values.map(Int64.init), shape: [values.count]))
  }

  private func isChannelAxis(_ axis: Int, _ image: ValueID?) -> Bool {
    axis == 1 || axis == 1 - rank(image)
  }

  /// `Split` along channels.
  mutating func blockSplit(_ node: Node, _ index: Int) throws(ModelError) -> Bool {
    guard node.opType == "Split", Model.canonical(node.domain).isEmpty,
      let x = node.inputs[0], isImage(x),
      case .int(let axis)? = node.attribute("axis"), isChannelAxis(Int(axis), x)
    else { return false }
    let outputs = node.outputs.compactMap { $0 }
    let counts = outputs.compactMap { context.type($0)?.shape?[1].value }
    guard outputs.count == node.outputs.count, counts.count == outputs.count,
      counts.allSatisfy({ $0 > 0 }), counts.reduce(0, +) == channels(x)
    else { return false }
    let rank = rank(x)
    let pieces = zip(outputs, counts).map { newTwin($0, $1, rank) }
    let areWhole = counts.dropLast().allSatisfy { $0 % ChannelBlocks.lanes == 0 }
    let nodes =
      areWhole
      ? [try split(node, of: x, counts, pieces)] : selections(node, of: x, counts, pieces)
    for node in nodes { context.editor.insert(node, before: index) }
    splits.append((index, outputs))
    context.editor.remove(index)
    context.applied(nodes[0], "moves channel blocks")
    hasChanged = true
    return true
  }

  /// Pieces that all begin where blocks do.
  private mutating func split(
    _ node: Node, of x: ValueID, _ counts: [Int], _ pieces: [ValueID]
  ) throws(ModelError) -> Node {
    let blocks = counts.map { ChannelBlocks.count($0) }
    var split = Node(
      "Split", name: node.name, inputs: [twins[x]], outputs: pieces,
      attributes: [Attribute("axis", .int(1))])
    if context.editor.opset(of: node) < 13 {
      split.attributes.append(Attribute("split", .ints(blocks.map(Int64.init))))
    } else {
      split.inputs.append(try numbers(blocks, context.editor.name(of: x) + "/pieces"))
    }
    split.opset = node.opset
    return split
  }

  private func selections(
    _ node: Node, of x: ValueID, _ counts: [Int], _ pieces: [ValueID]
  ) -> [Node] {
    var first = 0
    return zip(counts, pieces).map { count, piece in
      var selected = selection(Array(first..<first + count), of: x, node.name)
      selected.outputs = [piece]
      first += count
      return selected
    }
  }

  /// Makes pieces in planes for those who still read them, once all nodes have been visited.
  mutating func finishSplits() {
    for (index, outputs) in splits {
      for output in outputs
      where context.editor.isOutput(output) || context.editor.consumerCount(of: output) > 0 {
        context.editor.insert(
          fromBlocks(output, channels: channels(output), rank: rank(output), name: ""),
          before: index)
      }
    }
  }

  /// `Slice` of neighbouring channels.
  mutating func blockSlice(_ node: Node, _ index: Int, _ output: ValueID) throws(ModelError) {
    guard let x = node.inputs[0], let twin = twins[x], context.editor.opset(of: node) >= 10,
      (4...5).contains(node.inputs.count), let axes = integers(node.inputs[3]), axes.count == 1,
      isChannelAxis(axes[0], x), let starts = integers(node.inputs[1]), starts.count == 1,
      node.inputs.count < 5 || node.inputs[4] == nil || integers(node.inputs[4]) == [1],
      let count = context.type(output)?.shape?[1].value, count > 0
    else { return }
    let total = channels(x)
    let first = min(max(starts[0] < 0 ? starts[0] + total : starts[0], 0), total)
    let isWhole = (first + count) % ChannelBlocks.lanes == 0 || first + count == total
    guard first % ChannelBlocks.lanes == 0, isWhole else {
      guard first + count <= total else { return }
      let selected = selection(Array(first..<first + count), of: x, node.name)
      replace(index, output, channels: count, rank: rank(x), with: selected)
      return
    }
    let begin = first / ChannelBlocks.lanes
    let name = context.editor.name(of: output)
    var slice = Node(
      "Slice", name: node.name,
      inputs: [
        twin, try numbers([begin], name + "/begin"),
        try numbers([begin + ChannelBlocks.count(count)], name + "/end"),
        try numbers([1], name + "/axis"),
      ], outputs: [])
    slice.opset = node.opset
    replace(index, output, channels: count, rank: rank(x), with: slice)
  }
}
