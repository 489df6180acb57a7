import ModelFormat

// Splitting along channels where blocks end: what moves is whole blocks.
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

  /// `Split` along channels, of which all pieces begin where blocks do.
  mutating func blockSplit(_ node: Node, _ index: Int) throws(ModelError) -> Bool {
    guard node.opType == "Split", Model.canonical(node.domain).isEmpty,
      let x = node.inputs[0], let twin = twins[x],
      case .int(let axis)? = node.attribute("axis"), isChannelAxis(Int(axis), x)
    else { return false }
    let outputs = node.outputs.compactMap { $0 }
    let counts = outputs.compactMap { context.type($0)?.shape?[1].value }
    guard outputs.count == node.outputs.count, counts.count == outputs.count,
      counts.allSatisfy({ $0 > 0 }), counts.reduce(0, +) == channels(x),
      counts.dropLast().allSatisfy({ $0 % ChannelBlocks.lanes == 0 })
    else { return false }
    let rank = rank(x)
    let pieces = zip(outputs, counts).map { newTwin($0, $1, rank) }
    let blocks = counts.map { ChannelBlocks.count($0) }
    var split = Node(
      "Split", name: node.name, inputs: [twin], outputs: pieces,
      attributes: [Attribute("axis", .int(1))])
    if context.editor.opset(of: node) < 13 {
      split.attributes.append(Attribute("split", .ints(blocks.map(Int64.init))))
    } else {
      split.inputs.append(try numbers(blocks, context.editor.name(of: x) + "/pieces"))
    }
    split.opset = node.opset
    context.editor.insert(split, before: index)
    splits.append((index, outputs))
    context.editor.remove(index)
    context.applied(split, "moves channel blocks")
    hasChanged = true
    return true
  }

  /// Makes pieces in planes for those who still read them, once all nodes have been visited.
  mutating func finishSplits() {
    for (index, outputs) in splits {
      for output in outputs
      where context.editor.isOutput(output) || !context.editor.consumers(of: output).isEmpty {
        context.editor.insert(
          fromBlocks(output, channels: channels(output), rank: rank(output), name: ""),
          before: index)
      }
    }
  }

  /// `Slice` of neighbouring channels from where a block begins.
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
    guard first % ChannelBlocks.lanes == 0, isWhole else { return }
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
