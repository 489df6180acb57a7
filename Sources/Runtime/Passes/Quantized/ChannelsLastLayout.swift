import ModelFormat

/// Keeps 8-bit tensors between convolutions in the order in which their kernels read them, channels last.
///
/// Convolutions and pools are given transposed inputs; what works element by element follows where all that it reads is
/// transposed already. `Transpose` nodes remain where other nodes need a tensor in its own order. Requires fused layers;
/// ensures that `QuantizedConv` and `QuantizedPool` have `channels_last`.
struct ChannelsLastLayout: Pass {
  let name = "channels-last"

  func run(_ context: inout PassContext) throws(ModelError) -> Bool {
    var rewriter = Rewriter(context: context)
    for index in context.editor.indices { rewriter.visit(index) }
    guard rewriter.changed else { return false }
    context = rewriter.context
    return true
  }

  private struct Rewriter {
    var context: PassContext
    var changed = false
    /// Each value that is there with channels last, as that.
    private var transposed: [ValueID: ValueID] = [:]

    init(context: PassContext) { self.context = context }

    mutating func visit(_ index: Int) {
      guard let node = context.editor.nodes[index], let output = node.outputs.first ?? nil,
        let rank = context.type(output)?.shape?.rank, (3...5).contains(rank)
      else { return }
      switch (node.domain, node.opType) {
      case ("zoo", "QuantizedConv") where node.int("channels_last", default: 0) == 0:
        rewrite(index, node, output, rank, inputs: [0, 6])
      case ("zoo", "QuantizedPool") where node.int("channels_last", default: 0) == 0:
        rewrite(index, node, output, rank, inputs: [0])
      case ("zoo", "CodesFromChannelBlocks") where node.int("channels_last", default: 0) == 0:
        rewrite(index, node, output, rank, inputs: [])
      case ("zoo", "CodesToChannelBlocks"): enterBlocks(index, node)
      case ("zoo", "TableLookup"): follow(index, node, output, rank, inputs: [0])
      case ("zoo", "QuantizedJoin"): follow(index, node, output, rank, inputs: [0, 1])
      case ("com.microsoft", "QLinearAdd"), ("com.microsoft", "QLinearMul"):
        let graph = QuantizedMatcher(context)
        follow(
          index, node, output, rank,
          inputs: [0, 3].filter { graph.constant(node.inputs[$0])?.count != 1 })
      case ("", "QuantizeLinear"), ("", "DequantizeLinear"):
        guard isScaledAsOne(node) else { return }
        follow(index, node, output, rank, inputs: [0])
      case ("", "Resize") where [.u8, .i8].contains(context.type(output)?.element):
        resize(index, node, output, rank)
      case ("", "Concat") where [.u8, .i8].contains(context.type(output)?.element):
        follow(index, node, output, rank, inputs: Array(node.inputs.indices))
      case ("", let opType) where UnaryChain.operators.contains(opType):
        let graph = QuantizedMatcher(context)
        let inputs = node.inputs.indices.filter {
          node.inputs[$0] != nil && graph.scalar(node.inputs[$0]) == nil
        }
        follow(index, node, output, rank, inputs: inputs)
      default: return
      }
    }

    /// Lets codes enter channel blocks from where they are there with channels last.
    private mutating func enterBlocks(_ index: Int, _ old: Node) {
      guard let value = old.inputs[0], let last = transposed[value] else { return }
      var node = old
      node.inputs[0] = last
      node.attributes.append(Attribute("channels_last", .int(1)))
      context.editor.replace(index, with: node)
      changed = true
    }

    /// Takes a resize along whose scales or sizes are known: they change places like the axes.
    private mutating func resize(_ index: Int, _ old: Node, _ output: ValueID, _ rank: Int) {
      guard context.editor.opset(of: old) >= 11, old.attribute("axes") == nil,
        old.inputs.prefix(2).last.flatMap({ $0 }).map({ isEmpty($0) }) ?? true
      else { return }
      var node = old
      for position in 2..<old.inputs.count {
        guard let value = old.inputs[position], !isEmpty(value) else { continue }
        guard let moved = channelsLast(value, rank) else { return }
        node.inputs[position] = moved
      }
      follow(index, node, output, rank, inputs: [0])
    }

    private func isEmpty(_ value: ValueID) -> Bool {
      QuantizedMatcher(context).constant(value)?.count == 0
    }

    /// A constant list of one number for each axis, in the order of the axes with channels last.
    private mutating func channelsLast(_ value: ValueID, _ rank: Int) -> ValueID? {
      let name = context.editor.name(of: value)
      guard let list = QuantizedMatcher(context).constant(value), list.shape == [rank] else {
        return nil
      }
      let order = [0] + Array(2..<rank) + [1]
      if let scales = try? list.array(of: Float.self),
        let moved = try? Tensor(order.map { scales[$0] }, shape: [rank])
      {
        return context.editor.addWeight("\(name)/channels_last", moved)
      }
      if let sizes = list.integers,
        let moved = try? Tensor(order.map { Int64(sizes[$0]) }, shape: [rank])
      {
        return context.editor.addWeight("\(name)/channels_last", moved)
      }
      return nil
    }

    private func isScaledAsOne(_ node: Node) -> Bool {
      let graph = QuantizedMatcher(context)
      return node.inputs.count > 1 && graph.scalar(node.inputs[1]) != nil
    }

    private mutating func rewrite(
      _ index: Int, _ old: Node, _ output: ValueID, _ rank: Int, inputs: [Int]
    ) {
      var node = old
      node.attributes.removeAll { $0.name == "channels_last" }
      node.attributes.append(Attribute("channels_last", .int(1)))
      for position in inputs where position < old.inputs.count {
        guard let value = old.inputs[position] else { continue }
        node.inputs[position] = last(value, rank, before: index)
      }
      place(index, node, output, rank)
      context.applied(old, "reads and writes channels last")
    }

    /// Takes a node that works element by element along, if its inputs are there.
    private mutating func follow(
      _ index: Int, _ old: Node, _ output: ValueID, _ rank: Int, inputs: [Int]
    ) {
      let values = inputs.compactMap { old.inputs[$0] }
      guard values.contains(where: { transposed[$0] != nil }),
        values.allSatisfy({ context.type($0)?.shape?.rank == rank && isCheap($0) })
      else { return }
      var node = old
      for position in inputs {
        guard let value = old.inputs[position] else { continue }
        node.inputs[position] = last(value, rank, before: index)
      }
      if old.opType == "Concat" {
        let axis = old.int("axis", default: 0)
        let first = axis < 0 ? axis + rank : axis
        guard (0..<rank).contains(first) else { return }
        node.attributes.removeAll { $0.name == "axis" }
        let moved = first == 0 ? 0 : first == 1 ? rank - 1 : first - 1
        node.attributes.append(Attribute("axis", .int(Int64(moved))))
      }
      place(index, node, output, rank)
    }

    /// Whether it costs nothing to have a value with channels last: it is there, is a constant, or has one element per
    /// channel.
    private func isCheap(_ value: ValueID) -> Bool {
      if transposed[value] != nil || context.editor.weight(value) != nil { return true }
      return context.type(value)?.shape?.dimensions.dropFirst(2).allSatisfy { $0 == .fixed(1) }
        ?? false
    }

    /// `value` with channels last.
    private mutating func last(_ value: ValueID, _ rank: Int, before index: Int) -> ValueID {
      if let known = transposed[value] { return known }
      let result = context.editor.addValue("\(context.editor.name(of: value))/channels_last")
      let order = [0] + Array(2..<rank) + [1]
      context.editor.insert(transpose(value, result, order), before: index)
      transposed[value] = result
      return result
    }

    /// Puts `node`, which gives `output` with channels last, where node `index` stood, and the way back behind it.
    private mutating func place(_ index: Int, _ old: Node, _ output: ValueID, _ rank: Int) {
      var node = old
      let result = context.editor.addValue("\(context.editor.name(of: output))/channels_last")
      node.outputs = [result]
      context.editor.insert(node, before: index)
      let order = [0, rank - 1] + Array(1..<rank - 1)
      context.editor.replace(index, with: transpose(result, output, order))
      transposed[output] = result
      changed = true
    }

    private func transpose(_ value: ValueID, _ result: ValueID, _ order: [Int]) -> Node {
      Node(
        "Transpose", name: "\(context.editor.name(of: result))/transpose", inputs: [value],
        outputs: [result], attributes: [Attribute("perm", .ints(order.map(Int64.init)))])
    }
  }
}
