import ModelFormat

/// Lets what stands between quantized layers work on 8-bit codes:
///
///     Dequantize → Reshape, Transpose, Concat, … → Quantize      the node itself, on codes
///     MaxPool of codes                                           QuantizedPool
///     Dequantize → AveragePool, GlobalAveragePool (→ Quantize)   QuantizedPool
///     two of Dequantize → Add, Sub, Mul (→ Relu) → Quantize      QuantizedJoin
///     Dequantize → Sigmoid, HardSwish, … → Quantize              TableLookup
///     TableLookup of a TableLookup; QuantizedJoin of two of the same codes      TableLookup
///
/// Requires nothing. Tables hold what the nodes that they replace compute; averages add up in integers.
struct QuantizedMapFusion: Pass {
  let name = "fuse-quantized-maps"

  private static let pools: [String: String] = [
    "MaxPool": "max", "AveragePool": "average", "GlobalAveragePool": "global",
  ]
  private static let joins: [String: String] = [
    "Add": "add", "Sum": "add", "Sub": "subtract", "Mul": "multiply",
  ]

  func run(_ context: inout PassContext) throws(ModelError) -> Bool {
    var changed = false
    for index in context.editor.indices {
      guard let node = context.editor.nodes[index] else { continue }
      let isChanged =
        switch (Model.canonical(node.domain), node.opType) {
        case ("", "QuantizeLinear"): fuse(into: index, &context)
        case ("", _): pool(index, node, &context)
        default: compose(index, node, &context)
        }
      if isChanged { changed = true }
    }
    return changed
  }

  /// Takes what stands before a rounding.
  private func fuse(into index: Int, _ context: inout PassContext) -> Bool {
    let graph = QuantizedMatcher(context)
    guard let result = graph.rounded(index), let rounding = context.editor.nodes[index],
      let value = rounding.inputs[0]
    else { return false }
    if move(value, index, result, graph, &context) { return true }
    if join(value, index, result, graph, &context) { return true }
    return look(value, index, rounding, result, graph, &context)
  }

  // MARK: Movement

  private func move(
    _ value: ValueID, _ index: Int, _ result: QuantizedMatcher.Codes, _ graph: QuantizedMatcher,
    _ context: inout PassContext
  ) -> Bool {
    guard let source = context.editor.producer(of: value),
      context.editor.soleConsumer(of: value) == index, let node = graph.graph.standard(source),
      node.outputs.count == 1, node.opType != "MaxPool",
      node.opType == "Concat" || QuantizeHoisting.isMovement(node)
    else { return false }
    let count = node.opType == "Concat" ? node.inputs.count : 1
    guard node.inputs.prefix(count).allSatisfy({ graph.codes($0) != nil }) else { return false }
    var moved = node
    for position in 0..<count {
      guard
        let codes = converted(
          node.inputs[position], to: result, by: index, before: source, graph, &context)
      else { return false }
      moved.inputs[position] = codes
    }
    moved.outputs = [result.value]
    context.editor.remove(source)
    context.editor.replace(index, with: moved)
    context.applied(node, "moves 8-bit codes")
    return true
  }

  /// The codes of `value` as those of `result`, into which node `rounding` rounds: a table where they differ.
  private func converted(
    _ value: ValueID?, to result: QuantizedMatcher.Codes, by rounding: Int, before index: Int,
    _ graph: QuantizedMatcher, _ context: inout PassContext
  ) -> ValueID? {
    guard let value, let codes = graph.codes(value) else { return nil }
    if codes.agrees(with: result) { return codes.value }
    guard let chain = UnaryChain(behind: value, of: index, graph),
      let node = context.editor.nodes[rounding], let table = try? chain.table(node, context)
    else { return nil }
    let name = context.editor.name(of: value)
    let output = context.editor.addValue("\(name)/converted")
    let weight = context.editor.addWeight("\(name)/table", table)
    context.editor.insert(
      Node(
        "TableLookup", domain: "zoo", name: "\(name)/convert", inputs: [codes.value, weight],
        outputs: [output]), before: index)
    return output
  }

  // MARK: Pools

  private func pool(_ index: Int, _ node: Node, _ context: inout PassContext) -> Bool {
    guard let kind = Self.pools[node.opType], node.outputs.count == 1,
      let value = node.inputs[0], let output = node.outputs[0],
      (3...5).contains(context.type(value)?.shape?.rank ?? 0)
    else { return false }
    let graph = QuantizedMatcher(context)
    if kind == "max", [.u8, .i8].contains(context.type(value)?.element) {
      replace(index, node, kind, value, output, [], &context)
      return true
    }
    let roundsUp = node.int("ceil_mode", default: 0) != 0
    guard kind != "max", let codes = graph.codes(value),
      !(roundsUp && node.int("count_include_pad", default: 0) != 0)
    else { return false }
    let rounding = graph.rounding(output)
    var attributes = codes.attributes("x")
    if let rounding {
      attributes += rounding.codes.attributes("y", bounds: nil)
      context.editor.remove(index)
    }
    replace(
      rounding?.index ?? index, node, kind, codes.value, rounding?.codes.value ?? output,
      attributes, &context)
    return true
  }

  private func replace(
    _ index: Int, _ node: Node, _ kind: String, _ x: ValueID, _ y: ValueID,
    _ attributes: [Attribute], _ context: inout PassContext
  ) {
    var pool = node
    pool.opType = "QuantizedPool"
    pool.domain = "zoo"
    pool.inputs = [x]
    pool.outputs = [y]
    pool.attributes += attributes + [Attribute("pool", .string(kind))]
    context.editor.replace(index, with: pool)
    context.applied(node, "works on 8-bit codes")
  }

  // MARK: Joins

  private func join(
    _ value: ValueID, _ index: Int, _ result: QuantizedMatcher.Codes, _ graph: QuantizedMatcher,
    _ context: inout PassContext
  ) -> Bool {
    var (sum, nodes) = (value, [index])
    var activation = FusedActivation.attributes("none")
    if let source = context.editor.producer(of: value), let node = graph.graph.standard(source),
      Self.joins[node.opType] == nil, let first = node.inputs.first ?? nil,
      let match = ActivationMatch(of: first, context), match.nodes == [source],
      context.editor.soleConsumer(of: value) == index
    {
      (sum, nodes) = (first, [source, index])
      activation = FusedActivation.attributes(match.name, match.a, match.b)
    }
    guard let source = context.editor.producer(of: sum), let node = graph.graph.standard(source),
      let kind = Self.joins[node.opType], node.inputs.count == 2,
      context.editor.soleConsumer(of: sum) == nodes[0],
      let a = graph.codes(node.inputs[0]), let b = graph.codes(node.inputs[1])
    else { return false }
    var joined = node
    joined.opType = "QuantizedJoin"
    joined.domain = "zoo"
    joined.inputs = [a.value, b.value]
    joined.outputs = [result.value]
    joined.attributes =
      a.attributes("a") + b.attributes("b") + result.attributes("c", bounds: nil) + activation
    joined.attributes.append(Attribute("join", .string(kind)))
    context.editor.remove(source)
    for removed in nodes.dropLast() { context.editor.remove(removed) }
    context.editor.replace(index, with: joined)
    context.applied(node, "joins 8-bit codes")
    return true
  }

  // MARK: Tables

  private func look(
    _ value: ValueID, _ index: Int, _ rounding: Node, _ result: QuantizedMatcher.Codes,
    _ graph: QuantizedMatcher, _ context: inout PassContext
  ) -> Bool {
    guard let chain = UnaryChain(behind: value, of: index, graph) else { return false }
    if chain.nodes.isEmpty, chain.codes.agrees(with: result), !context.editor.isOutput(result.value)
    {
      context.editor.replaceUses(of: result.value, with: chain.codes.value)
      context.editor.remove(index)
      context.applied(rounding, "gives back the codes that it is given")
      return true
    }
    guard let table = try? chain.table(rounding, context) else { return false }
    let node = context.editor.nodes[chain.nodes.first ?? index] ?? rounding
    let name = context.editor.name(of: result.value)
    var lookup = rounding
    lookup.opType = "TableLookup"
    lookup.domain = "zoo"
    lookup.attributes = []
    lookup.inputs = [chain.codes.value, context.editor.addWeight("\(name)/table", table)]
    for removed in chain.nodes { context.editor.remove(removed) }
    context.editor.replace(index, with: lookup)
    context.applied(node, "a table of 256 codes")
    return true
  }

  // MARK: Functions of functions

  /// Operators that compute each code of codes at the same place, and which inputs those are.
  private static let functions: [String: [Int]] = [
    "zoo.TableLookup": [0], "zoo.QuantizedJoin": [0, 1], "com.microsoft.QLinearAdd": [0, 3],
    "com.microsoft.QLinearMul": [0, 3], "com.microsoft.QLinearSigmoid": [0],
    "com.microsoft.QLinearLeakyRelu": [0],
  ]

  /// Makes one table of a function of what a table gives, or of functions of the same codes and of numbers.
  private func compose(_ index: Int, _ node: Node, _ context: inout PassContext) -> Bool {
    guard let positions = Self.functions[node.qualifiedType], let output = node.outputs[0],
      let entry = context.registry.entry(node.opType, domain: node.domain),
      let op = try? entry.make(NodeReader(node, opset: context.editor.opset(of: node)))
    else { return false }
    let graph = QuantizedMatcher(context)
    var inputs = node.inputs.map { graph.constant($0) }
    var origins: [(codes: ValueID, isTable: Bool)] = []
    for position in positions {
      if let number = inputs[position] {
        guard number.count == 1 else { return false }
        inputs[position] = try? number.reshaped(to: [])
      } else {
        guard let found = origin(node.inputs[position], context) else { return false }
        inputs[position] = found.table
        origins.append((found.codes, found.isTable))
      }
    }
    guard let codes = origins.first?.codes, origins.allSatisfy({ $0.codes == codes }),
      node.opType != "TableLookup" || origins[0].isTable,
      let shape = graph.shape(codes), graph.shape(output) == shape,
      zip(node.inputs, inputs).allSatisfy({ $0 == nil || $1 != nil }),
      let results = try? OperatorCall.evaluate(
        op, inputs.map { $0.map(Value.tensor) }, outputCount: 1),
      let table = results.first?.tensor, table.shape == [256]
    else { return false }
    let name = context.editor.name(of: codes)
    let lookup = Node(
      "TableLookup", domain: "zoo", name: node.name,
      inputs: [codes, context.editor.addWeight("\(name)/table", table)], outputs: node.outputs)
    context.editor.replace(index, with: lookup)
    context.applied(node, "a table of 256 codes")
    return true
  }

  /// The codes of which a value is a function, and that function: what it gives for each byte.
  private func origin(
    _ value: ValueID?, _ context: PassContext
  ) -> (codes: ValueID, table: Tensor, isTable: Bool)? {
    guard let value, let element = context.type(value)?.element else { return nil }
    if let index = context.editor.producer(of: value), let node = context.editor.nodes[index],
      node.domain == "zoo", node.opType == "TableLookup", let codes = node.inputs[0],
      let table = QuantizedMatcher(context).constant(node.inputs[1])
    {
      return (codes, table, true)
    }
    let bytes = (0..<256).map { UInt8($0) }
    let identity =
      element == .i8
      ? try? Tensor(bytes.map { Int8(bitPattern: $0) }, shape: [256])
      : element == .u8 ? try? Tensor(bytes, shape: [256]) : nil
    return identity.map { (value, $0, false) }
  }
}
