import CKernels
import ModelFormat

/// Puts operators of the standard in the place of those of `com.microsoft.nchwc`. Runs always, optimising or not.
///
/// Every value in blocks of channels gets a twin in the standard's order, on which the nodes that replace the model's
/// compute; operators that do not ask where an element lies compute on twins, too. A value is computed in blocks as
/// well only where something else reads it. See ``NchwcOperator`` for the layout.
struct NchwcExpansion {
  private var model: Model
  private let graph: GraphID
  private let captures: Captures
  private let block: Int
  private var nodes: [Node] = []
  /// What the names of new nodes begin with: the node of the model that they stand for.
  private var origin = ""
  /// By value in blocks.
  private var twins: [ValueID: ValueID] = [:]
  /// Values in blocks that are there as such.
  private var present: Set<ValueID> = []
  /// By twin: its number of channels, where weights tell it.
  private var channels: [ValueID: Int] = [:]

  /// The version of the standard that new nodes follow.
  private static let opset = 21

  /// Operators that are the same in any order of elements, if all operands have it.
  private static let elementwise: Set<String> = [
    "Abs", "Add", "Clip", "Div", "Elu", "Erf", "Exp", "Gelu", "HardSigmoid", "HardSwish",
    "Identity", "LeakyRelu", "Max", "Mean", "Min", "Mish", "Mul", "Neg", "QuickGelu", "Relu",
    "Selu", "Sigmoid", "Softplus", "Softsign", "Sqrt", "Sub", "Sum", "Tanh",
  ]

  static func expand(
    _ model: Model, _ registry: OperatorRegistry
  ) throws(ModelError) -> Model {
    guard model.graphs.contains(where: { $0.nodes.contains(where: \.isInBlocks) }) else {
      return model
    }
    let captures = try Captures(model)
    let block = Self.block(model)
    var model = model
    for index in model.graphs.indices {
      var run = NchwcExpansion(model, GraphID(index), captures, block)
      try run.expand(registry)
      model = run.model
    }
    return model
  }

  /// The channels of a block: those of the processor at hand, as in ONNX Runtime, unless a filter shows that there
  /// must have been fewer.
  private static func block(_ model: Model) -> Int {
    for node in model.graphs.flatMap(\.nodes) where node.isInBlocks && node.opType == "Conv" {
      guard node.inputs.count > 1, let filter = node.inputs[1],
        let channels = model.filterShape(filter)?.first
      else { continue }
      if channels % 16 != 0 { return 8 }
    }
    let isWide = zoo_isa_available(ZOO_ISA_AVX512) != 0 || zoo_isa_available(ZOO_ISA_NEON) != 0
    return isWide ? 16 : 8
  }

  private init(_ model: Model, _ graph: GraphID, _ captures: Captures, _ block: Int) {
    self.model = model
    self.graph = graph
    self.captures = captures
    self.block = block
  }

  private mutating func expand(_ registry: OperatorRegistry) throws(ModelError) {
    for (index, node) in model[graph].nodes.enumerated() {
      do throws(ModelError) {
        if node.isInBlocks {
          try replace(node, registry)
        } else if isAnyOrder(node) {
          moveToTwins(node)
        } else {
          for value in captures.uses(of: node) { try makePresent(value) }
          nodes.append(node)
        }
      } catch { throw error.at(node: node.site(index)) }
    }
    for output in model[graph].outputs { try makePresent(output) }
    model[graph].nodes = nodes
  }

  private func isAnyOrder(_ node: Node) -> Bool {
    let isKnown =
      Self.elementwise.contains(node.opType)
      || (node.opType == "Concat" && node.int("axis", default: -1) == 1)
    guard isKnown, node.graphs.isEmpty, node.outputs.count == 1 else { return false }
    // The bounds of `Clip` are scalars.
    let operands = node.opType == "Clip" ? node.inputs.prefix(1) : node.inputs[...]
    return !operands.isEmpty && operands.allSatisfy { $0.flatMap { twins[$0] } != nil }
  }

  private mutating func moveToTwins(_ node: Node) {
    guard let output = node.outputs[0] else { return }
    let counts = node.inputs.map { $0.flatMap { twins[$0] }.flatMap { channels[$0] } }
    var copy = node
    copy.inputs = node.inputs.map { $0.map { twins[$0] ?? $0 } }
    let twin = model.addValue(name(node.opType))
    copy.outputs = [twin]
    nodes.append(copy)
    twins[output] = twin
    channels[twin] =
      node.opType != "Concat"
      ? counts.compactMap { $0 }.max()
      : counts.contains(nil) ? nil : counts.reduce(0) { $0 + ($1 ?? 0) }
  }

  private mutating func replace(
    _ node: Node, _ registry: OperatorRegistry
  ) throws(ModelError) {
    guard let entry = registry.entry(node.opType, domain: node.domain),
      let op = try entry.make(NodeReader(node, opset: 1)) as? NchwcOperator,
      let output = node.outputs.first ?? nil, let x = node.inputs.first ?? nil
    else {
      throw ModelError(
        .unsupportedOperator, "operator \(node.qualifiedType)",
        expected: "one that there is in the domain \(NchwcOperator.domain)")
    }
    origin = node.name.isEmpty ? node.opType : node.name
    switch op.kind {
    case .reorderInput(let isLast):
      twins[output] = try aligned(isLast ? add("Transpose", [x], [.order([0, 3, 1, 2])]) : x)
    case .reorderOutput(let count, let isLast):
      let image = try cut(try twin(of: x), to: count)
      let turned = isLast ? add("Transpose", [image], [.order([0, 2, 3, 1])]) : image
      nodes.append(Node("Identity", inputs: [turned], outputs: [output]))
    case .conv(let group, let activation):
      twins[output] = try convolved(node, x, group, activation)
    case .pool:
      let image = try twin(of: x)
      let pooled = add(node.opType, [image], node.attributes)
      channels[pooled] = channels[image]
      twins[output] = pooled
    case .upsample(let attributes, let scales):
      let image = try twin(of: x)
      let factors = constant(try Tensor(scales, shape: [4]))
      let resized = add("Resize", [image, nil, factors], attributes)
      channels[resized] = channels[image]
      twins[output] = resized
    }
  }
}

// Convolutions.
extension NchwcExpansion {
  private mutating func convolved(
    _ node: Node, _ x: ValueID, _ group: Int, _ activation: Node?
  ) throws(ModelError) -> ValueID {
    guard let filter = node.inputs[1], let extents = model.filterShape(filter) else {
      throw ModelError(
        .shapeMismatch, "weights of unknown shape", expected: "a constant [m, c / group, h, w]")
    }
    guard extents.count == 4, extents[0] % block == 0, extents.allSatisfy({ $0 > 0 }) else {
      throw ModelError(
        .shapeMismatch, "weights \(extents)",
        expected: "[m, c / group, h, w], m a multiple of the \(block) channels of a block")
    }
    let isDepthwise = group > 1 && extents[1] == 1
    // Images of few channels are read as they are.
    let isPlain = !isDepthwise && extents[1] < block
    guard isPlain || isDepthwise || extents[1] % block == 0 else {
      throw ModelError(
        .shapeMismatch, "weights \(extents)",
        expected: "channels in blocks of \(block), as on the processor that saved the model")
    }
    let weights = try ordered(filter, extents, hasInputBlocks: !isPlain && !isDepthwise)
    let image = isPlain ? x : try twin(of: x)
    let operands = [image, weights, node.inputs.count > 2 ? node.inputs[2] : nil]
    let attributes = node.attributes.filter { !$0.name.hasPrefix("activation") }
    var y = add("Conv", operands, attributes)
    if node.inputs.count > 3, let sum = node.inputs[3] {
      y = add("Add", [y, try twin(of: sum)])
    }
    if let activation {
      y = add(activation.opType, [y], activation.attributes, opset: activation.opset)
    }
    channels[y] = extents[0]
    return y
  }

  /// Weights as the standard has them, of those that lie as `[m / b, c, h, w, b]`, or as `[m / b, c / b, h, w, b, b]`
  /// with the input channels of a block before the output channels.
  private mutating func ordered(
    _ filter: ValueID, _ extents: [Int], hasInputBlocks: Bool
  ) throws(ModelError) -> ValueID {
    let (m, c, h, w) = (extents[0] / block, extents[1], extents[2], extents[3])
    let parts = hasInputBlocks ? [m, c / block, h, w, block, block] : [m, c, h, w, block]
    let order: [Int64] = hasInputBlocks ? [0, 5, 1, 4, 2, 3] : [0, 4, 1, 2, 3]
    let split = add("Reshape", [filter, try list(parts)])
    return add("Reshape", [add("Transpose", [split], [.order(order)]), try list(extents)])
  }
}

// Images.
extension NchwcExpansion {
  /// A value in blocks in the standard's order.
  private mutating func twin(of value: ValueID) throws(ModelError) -> ValueID {
    if let twin = twins[value] { return twin }
    let lead = add("Shape", [value], [Attribute("end", .int(1))])
    let area = add("Shape", [value], [Attribute("start", .int(2))])
    let parts = add("Concat", [lead, try list([-1]), area, try list([block])], [.axis(0)])
    let split = add("Reshape", [value, parts])
    let turned = add("Transpose", [split], [.order([0, 1, 4, 2, 3])])
    let twin = add("Reshape", [turned, add("Shape", [value])])
    twins[value] = twin
    present.insert(value)
    return twin
  }

  /// Computes a value in blocks from its twin, if it is not there yet.
  private mutating func makePresent(_ value: ValueID) throws(ModelError) {
    guard let twin = twins[value], present.insert(value).inserted else { return }
    let lead = add("Shape", [twin], [Attribute("end", .int(1))])
    let area = add("Shape", [twin], [Attribute("start", .int(2))])
    let parts = add("Concat", [lead, try list([-1, block]), area], [.axis(0)])
    let split = add("Reshape", [twin, parts])
    let turned = add("Transpose", [split], [.order([0, 1, 3, 4, 2])])
    var last = Node(
      "Reshape", name: name("Reshape"), inputs: [turned, add("Shape", [twin])], outputs: [value])
    last.opset = Self.opset
    nodes.append(last)
  }

  /// An image with channels of zeros behind its own, up to a whole number of blocks.
  private mutating func aligned(_ image: ValueID) throws(ModelError) -> ValueID {
    let count = add("Shape", [image], [Attribute("start", .int(1)), Attribute("end", .int(2))])
    let missing = add("Mod", [add("Neg", [count]), try list([block])])
    let pads = add("Concat", [try list([0]), missing], [.axis(0)])
    return add("Pad", [image, pads, nil, try list([1])])
  }

  private mutating func cut(_ image: ValueID, to count: Int) throws(ModelError) -> ValueID {
    if channels[image] == count { return image }
    return add("Slice", [image, try list([0]), try list([count]), try list([1])])
  }
}

// New nodes.
extension NchwcExpansion {
  private func name(_ opType: String) -> String {
    "\(origin)/\(graph.index)/\(nodes.count)/\(opType)"
  }

  private mutating func add(
    _ opType: String, _ inputs: [ValueID?], _ attributes: [Attribute] = [], opset: Int? = nil
  ) -> ValueID {
    let output = model.addValue(name(opType))
    var node = Node(
      opType, name: name(opType), inputs: inputs, outputs: [output], attributes: attributes)
    node.opset = opset ?? Self.opset
    nodes.append(node)
    return output
  }

  private mutating func list(_ values: [Int]) throws(ModelError) -> ValueID {
    constant(try Tensor(values, shape: [values.count]))
  }

  private mutating func constant(_ tensor: Tensor) -> ValueID {
    let value = model.addValue("nchwc/\(graph.index)/constant/\(model.values.count)")
    model[graph].weights[value] = Weight(tensor)
    return value
  }
}

extension Attribute {
  fileprivate static func order(_ axes: [Int64]) -> Attribute { Attribute("perm", .ints(axes)) }
  fileprivate static func axis(_ axis: Int64) -> Attribute { Attribute("axis", .int(axis)) }
}

extension Node {
  fileprivate var isInBlocks: Bool { domain == NchwcOperator.domain }
}

extension Model {
  /// The extents of a weight, wherever it is defined.
  fileprivate func filterShape(_ value: ValueID) -> [Int]? {
    for graph in graphs { if let weight = graph.weights[value] { return weight.shape } }
    return self[value].type?.tensorType?.shape?.extents
  }
}
