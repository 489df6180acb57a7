import ModelFormat

/// Nodes one after the other that scale and shift the channels of a value by constants: `BatchNormalization` with
/// given statistics, `Mul`, `Div`, `Add`, `Sub`.
///
///     result = value · scale + shift, per channel (axis 1)
struct AffineChain {
  private(set) var scale: [Float]
  private(set) var shift: [Float]
  /// In order; the last gives `result`.
  private(set) var nodes: [Int] = []
  private(set) var result: ValueID
  private let rank: Int

  /// What follows `value`, a tensor of `rank` axes with `channels` channels, as long as nobody else reads what is
  /// between; `nil` if that is nothing.
  init?(after value: ValueID, channels: Int, rank: Int, _ context: PassContext) {
    scale = Array(repeating: 1, count: channels)
    shift = Array(repeating: 0, count: channels)
    result = value
    self.rank = rank
    while let next = context.editor.soleConsumer(of: result), append(next, context) {}
    if nodes.isEmpty { return nil }
  }

  /// The chain that begins with node `index`, which reads `value`.
  init?(
    from index: Int, of value: ValueID, channels: Int, rank: Int, _ context: PassContext
  ) {
    scale = Array(repeating: 1, count: channels)
    shift = Array(repeating: 0, count: channels)
    result = value
    self.rank = rank
    guard append(index, context) else { return nil }
    while let next = context.editor.soleConsumer(of: result), append(next, context) {}
  }

  private mutating func append(_ index: Int, _ context: PassContext) -> Bool {
    let graph = GraphMatcher(context)
    guard let node = graph.standard(index), let output = node.outputs.first ?? nil,
      node.outputs.dropFirst().allSatisfy({ $0 == nil }),
      let (factor, term) = node.opType == "BatchNormalization"
        ? normalization(node, graph) : arithmetic(node, graph)
    else { return false }
    for channel in scale.indices {
      scale[channel] *= factor[channel]
      shift[channel] = shift[channel] * factor[channel] + term[channel]
    }
    nodes.append(index)
    result = output
    return true
  }

  private func normalization(
    _ node: Node, _ graph: GraphMatcher
  ) -> (factor: [Float], term: [Float])? {
    guard node.inputs.count == 5, node.inputs[0] == result, !Self.isTraining(node, graph.context)
    else { return nil }
    var rows: [[Float]] = []
    for input in node.inputs.dropFirst() {
      guard let tensor = graph.weight(input), tensor.count == scale.count,
        let row = try? tensor.array(of: Float.self)
      else { return nil }
      rows.append(row)
    }
    let epsilon = node.number("epsilon") ?? 1e-5
    let factor = scale.indices.map { rows[0][$0] / (rows[3][$0] + epsilon).squareRoot() }
    return (factor, scale.indices.map { rows[1][$0] - rows[2][$0] * factor[$0] })
  }

  /// Whether the statistics are those of the batch itself.
  private static func isTraining(_ norm: Node, _ context: PassContext) -> Bool {
    let opset = context.editor.opset(of: norm)
    if opset >= 14 {
      if case .int(1)? = norm.attribute("training_mode") { return true }
      return false
    }
    guard opset < 7 else { return false }
    if case .int(1)? = norm.attribute("is_test") { return false }
    return true
  }

  private func arithmetic(
    _ node: Node, _ graph: GraphMatcher
  ) -> (factor: [Float], term: [Float])? {
    guard ["Mul", "Div", "Add", "Sub"].contains(node.opType), node.inputs.count == 2,
      node.inputs[0] != node.inputs[1]
    else { return nil }
    let isFirst = node.inputs[0] == result
    guard isFirst || node.inputs[1] == result,
      let row = channelRow(node.inputs[isFirst ? 1 : 0], graph)
    else { return nil }
    let ones = [Float](repeating: 1, count: row.count)
    let zeros = [Float](repeating: 0, count: row.count)
    switch node.opType {
    case "Mul": return (row, zeros)
    case "Div": return isFirst && !row.contains(0) ? (row.map { 1 / $0 }, zeros) : nil
    case "Add": return (ones, row)
    default: return isFirst ? (ones, row.map { -$0 }) : (ones.map { -$0 }, row)
    }
  }

  /// A constant of one number for all elements or for each channel.
  private func channelRow(_ value: ValueID?, _ graph: GraphMatcher) -> [Float]? {
    if let number = graph.scalar(value) {
      // More axes than the operand has would give the result more axes.
      let axes = value.flatMap { graph.context.editor.weight($0)?.shape.count } ?? 0
      return axes <= rank ? Array(repeating: number, count: scale.count) : nil
    }
    guard let tensor = graph.weight(value), tensor.count == scale.count else { return nil }
    let channels = [scale.count] + Array(repeating: 1, count: rank - 2)
    guard tensor.shape == channels || tensor.shape == [1] + channels else { return nil }
    return try? tensor.array(of: Float.self)
  }
}
