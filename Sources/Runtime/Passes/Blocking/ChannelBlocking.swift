import CKernels
import ModelFormat

/// Keeps images in channel blocks over chains of convolutions and what is between them.
///
/// Convolutions of `f32` with constant weights over one or two spatial axes take and give blocks (`BlockedConv`); pooling,
/// elementwise operators, concatenation, splitting, shuffling of channels and resizing do so where all their images are in
/// blocks already. Where somebody else needs a value, `FromChannelBlocks` makes it; where a convolution's input is not in
/// blocks, `ToChannelBlocks` does, unless it has so few channels that the convolution reads them as they are.
///
/// Requires that convolutions have taken over what follows them; ensures nothing that another pass needs. The
/// environment variable `ZOO_CONV` set to `planes` turns it off.
struct ChannelBlocking: Pass {
  let name = "block-channels"

  func run(_ context: inout PassContext) throws(ModelError) -> Bool {
    guard zoo_blocked_is_wanted() != 0 else { return false }
    var rewriter = BlockRewriter(context)
    for index in context.editor.indices { try rewriter.visit(index) }
    rewriter.finishSplits()
    guard rewriter.hasChanged else {
      // Twins that nobody took are left behind.
      context.notes = rewriter.context.notes
      return false
    }
    context = rewriter.context
    return true
  }
}

/// The work of ``ChannelBlocking`` on one graph.
struct BlockRewriter {
  var context: PassContext
  var hasChanged = false
  /// The value in blocks of each value that has one, and how many channels it has.
  var twins: [ValueID: ValueID] = [:]
  private var channelCounts: [ValueID: Int] = [:]
  /// How many axes each value that has a twin has: 3 or 4.
  private var ranks: [ValueID: Int] = [:]
  /// Where a `Split` was taken over, and the values that it gave.
  var splits: [(index: Int, outputs: [ValueID])] = []
  /// Weights over two axes that stand for weights over one.
  private var widened: [ValueID: ValueID] = [:]

  init(_ context: PassContext) { self.context = context }

  mutating func visit(_ index: Int) throws(ModelError) {
    guard let node = context.editor.nodes[index], node.graphs.isEmpty else { return }
    if takeTwin(node, index) { return }
    if let conv = BlockableConv(node, context) {
      try block(conv, index)
    } else if let input = node.inputs.first ?? nil, isImage(input) || node.opType == "Concat" {
      try blockFollower(node, index)
    } else if node.opType == "ConvTranspose" {
      try convertTranspose(node, index)
    }
  }

  /// Takes over blocks that another pass made, and real numbers that quantized layers give with channels last; returns
  /// whether the node is one that makes such values.
  private mutating func takeTwin(_ node: Node, _ index: Int) -> Bool {
    if node.moves([0, 3, 1, 2]) {
      takePixels(node, index)
      return true
    }
    guard node.domain == "zoo", node.int("channels_last") == 0,
      let input = node.inputs.first ?? nil,
      let output = node.outputs.first ?? nil
    else { return false }
    switch node.opType {
    case "FromChannelBlocks":
      (twins[output], ranks[output]) = (input, node.int("rank", default: 4))
      channelCounts[output] = node.int("channels")
    case "ToChannelBlocks":
      if let twin = twins[input] {
        context.editor.replaceUses(of: output, with: twin)
        context.editor.remove(index)
        hasChanged = true
      } else if let shape = context.type(input)?.shape, let channels = shape[1].value {
        (twins[input], ranks[input]) = (output, shape.rank)
        channelCounts[input] = channels
      }
    default: return false
    }
    return true
  }

  /// What kernels for bytes give as real numbers is an image in blocks, as what kernels over blocks give is: what follows
  /// then computes the same, whichever kernels came before.
  private mutating func takePixels(_ transpose: Node, _ index: Int) {
    guard let output = transpose.outputs[0], let source = transpose.inputs[0],
      let producer = context.editor.producer(of: source), let node = context.editor.nodes[producer],
      node.domain == "zoo", ["QuantizedConv", "QuantizedPool"].contains(node.opType),
      context.type(output)?.element == .f32, let channels = context.type(output)?.shape?[1].value
    else { return }
    _ = twin(output, channels: channels, rank: 4, before: index)
  }

  /// Whether a value has a twin in blocks.
  func isImage(_ value: ValueID?) -> Bool { value.flatMap { twins[$0] } != nil }

  // MARK: Values

  /// The value in blocks, made before node `index` if it is not there.
  private mutating func twin(
    _ value: ValueID, channels: Int, rank: Int, before index: Int
  ) -> ValueID {
    if let twin = twins[value] { return twin }
    let twin = newTwin(value, channels, rank)
    var node = Node("ToChannelBlocks", domain: "zoo", inputs: [value], outputs: [twin])
    if let transpose = channelsFirst(value) {
      node.inputs = [transpose.inputs[0]]
      node.attributes = [Attribute("channels_last", .int(1))]
    }
    context.editor.insert(node, before: index)
    return twin
  }

  mutating func newTwin(_ value: ValueID, _ channels: Int, _ rank: Int) -> ValueID {
    let twin = context.editor.addValue(context.editor.name(of: value) + "/blocks")
    twins[value] = twin
    channelCounts[value] = channels
    ranks[value] = rank
    return twin
  }

  /// The node that gives an image its channels first.
  private func channelsFirst(_ value: ValueID?) -> Node? {
    guard let producer = context.editor.producer(of: value),
      let transpose = context.editor.nodes[producer], transpose.moves([0, 3, 1, 2])
    else { return nil }
    return transpose
  }

  /// A constant for each channel, as one pixel in blocks.
  private mutating func pixel(_ values: [Float], _ name: String) throws(ModelError) -> ValueID {
    let blocks = ChannelBlocks.count(values.count)
    let filler = [Float](repeating: 0, count: blocks * ChannelBlocks.lanes - values.count)
    return context.editor.addWeight(
      name, try Tensor(values + filler, shape: [1, blocks, 1, 1, ChannelBlocks.lanes]))
  }

  /// Puts `blocked` where node `index` stood, which gave `value`; who needs `value` itself gets it from the blocks.
  mutating func replace(
    _ index: Int, _ value: ValueID, channels: Int, rank: Int, with blocked: Node
  ) {
    var blocked = blocked
    let name = context.editor.nodes[index]?.name ?? ""
    blocked.outputs = [newTwin(value, channels, rank)]
    context.editor.insert(blocked, before: index)
    context.editor.replace(
      index, with: fromBlocks(value, channels: channels, rank: rank, name: name))
    context.applied(blocked, "computed in channel blocks")
    hasChanged = true
  }

  /// The node that gives a value from its twin.
  func fromBlocks(_ value: ValueID, channels: Int, rank: Int, name: String) -> Node {
    Node(
      "FromChannelBlocks", domain: "zoo", name: name.isEmpty ? "" : name + "/planes",
      inputs: [twins[value]], outputs: [value],
      attributes: [
        Attribute("channels", .int(Int64(channels))), Attribute("rank", .int(Int64(rank))),
      ])
  }

  // MARK: Convolutions

  private mutating func block(_ conv: BlockableConv, _ index: Int) throws(ModelError) {
    guard let x = conv.node.inputs[0], let output = conv.node.outputs.first ?? nil else { return }
    let isInBlocks = isImage(x)
    guard conv.takes(planes: !isInBlocks) || conv.takes(planes: false),
      isInBlocks || conv.isWorthConverting
    else {
      context.declined(conv.node, "no kernel over channel blocks would be faster")
      return
    }
    var blocked = conv.node
    blocked.opType = "BlockedConv"
    blocked.domain = "zoo"
    let readsPlanes = !isInBlocks && conv.takes(planes: true)
    if !readsPlanes {
      blocked.inputs[0] = twin(x, channels: conv.inputChannels, rank: conv.rank, before: index)
    }
    blocked.inputs[1] = imageWeights(conv)
    if blocked.inputs.count > 3, let residual = blocked.inputs[3] {
      blocked.inputs[3] = twin(
        residual, channels: conv.channels, rank: conv.rank, before: index)
    }
    let chain = AffineChain(after: output, channels: conv.channels, rank: conv.rank, context)
    guard let chain, let last = chain.nodes.last else {
      replace(index, output, channels: conv.channels, rank: conv.rank, with: blocked)
      return
    }
    while blocked.inputs.count < 5 { blocked.inputs.append(nil) }
    let name = context.editor.name(of: chain.result)
    blocked.inputs.append(try pixel(chain.scale, name + "/scale"))
    blocked.inputs.append(try pixel(chain.shift, name + "/shift"))
    context.editor.remove(index)
    for removed in chain.nodes.dropLast() { context.editor.remove(removed) }
    replace(last, chain.result, channels: conv.channels, rank: conv.rank, with: blocked)
  }

  /// The weights over two axes.
  private mutating func imageWeights(_ conv: BlockableConv) -> ValueID? {
    guard let weights = conv.node.inputs[1], let tensor = conv.widened else {
      return conv.node.inputs[1]
    }
    if let known = widened[weights] { return known }
    let value = context.editor.addWeight(context.editor.name(of: weights) + "/images", tensor)
    widened[weights] = value
    return value
  }

  /// A transposed convolution whose taps do not overlap, with the scales, shifts and activation behind it.
  private mutating func blockTranspose(
    _ node: Node, _ index: Int, _ output: ValueID
  ) throws(ModelError) {
    guard let spread = SpreadingConv(node, context) else { return }
    let chain = AffineChain(after: output, channels: spread.channels, rank: 4, context)
    var (result, last, removed) = (output, index, [index])
    if let chain {
      result = chain.result
      removed += chain.nodes
    }
    let name = context.editor.name(of: output)
    let (weights, bias) = try spread.folded(chain)
    var blocked = Node(
      "BlockedConvTranspose", domain: "zoo", name: node.name,
      inputs: [
        node.inputs[0].flatMap { twins[$0] }, context.editor.addWeight(name + "/weights", weights),
        context.editor.addWeight(name + "/bias", bias),
      ], outputs: [])
    if let match = ActivationMatch(of: result, context), let end = match.nodes.last,
      let activated = context.editor.nodes[end]?.outputs.first ?? nil
    {
      blocked.attributes = FusedActivation.attributes(match.name, match.a, match.b)
      result = activated
      removed += match.nodes
    }
    last = removed[removed.count - 1]
    for index in removed where index != last { context.editor.remove(index) }
    if spread.fitsOneBlock {
      blocked.attributes.append(Attribute("planes", .int(1)))
      blocked.outputs = [result]
      context.editor.replace(last, with: blocked)
      context.applied(blocked, "computed from channel blocks")
      hasChanged = true
    } else {
      replace(last, result, channels: spread.channels, rank: 4, with: blocked)
    }
  }

  /// One whose input is not in blocks.
  private mutating func convertTranspose(_ node: Node, _ index: Int) throws(ModelError) {
    guard Model.canonical(node.domain).isEmpty, let input = node.inputs.first ?? nil,
      let output = node.outputs.first ?? nil, context.type(output)?.element == .f32,
      let spread = SpreadingConv(node, context), spread.isWorthConverting
    else { return }
    _ = twin(input, channels: spread.inputChannels, rank: 4, before: index)
    try blockTranspose(node, index, output)
  }

  // MARK: What follows convolutions

  private mutating func blockFollower(_ node: Node, _ index: Int) throws(ModelError) {
    if try blockSplit(node, index) || leaveWithChannelsLast(node, index) { return }
    guard Model.canonical(node.domain).isEmpty, let output = node.outputs.first ?? nil,
      node.outputs.dropFirst().allSatisfy({ $0 == nil }),
      context.type(output)?.element == .f32
    else { return }
    if try blockAffine(node, index) { return }
    switch node.opType {
    case "MaxPool", "AveragePool": blockPool(node, index, output)
    case "GlobalAveragePool", "GlobalMaxPool", "ReduceMean": blockGlobalPool(node, index, output)
    case "ConvTranspose": try blockTranspose(node, index, output)
    case "Concat": blockConcat(node, index, output)
    case "Resize", "Upsample": blockResize(node, index, output)
    case "Slice": try blockSlice(node, index, output)
    case "Reshape": blockShuffle(node, index)
    case "Add", "Mul", "Sub", "Div", "Sum", "Max", "Min": blockArithmetic(node, index, output)
    default:
      if Self.elementwise.contains(node.opType) { blockElementwise(node, index, output) }
    }
  }

  /// Operators of one image that work on each element by itself.
  static let elementwise: Set = [
    "Relu", "LeakyRelu", "Elu", "Selu", "Celu", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh",
    "Clip", "Softplus", "Softsign", "Mish", "Gelu", "Swish", "ThresholdedRelu", "Abs", "Neg",
    "Exp", "Log", "Sqrt", "Erf", "Reciprocal", "Floor", "Ceil", "Round", "Identity",
  ]

  func channels(_ value: ValueID?) -> Int { value.flatMap { channelCounts[$0] } ?? 0 }

  func rank(_ value: ValueID?) -> Int { value.flatMap { ranks[$0] } ?? 4 }

  /// Replaces a node whose output has the channels and axes of `input`.
  private mutating func replace(
    _ index: Int, _ output: ValueID, like input: ValueID?, with blocked: Node
  ) {
    replace(index, output, channels: channels(input), rank: rank(input), with: blocked)
  }

  private mutating func blockElementwise(_ node: Node, _ index: Int, _ output: ValueID) {
    var blocked = node
    blocked.inputs[0] = node.inputs[0].flatMap { twins[$0] }
    replace(index, output, like: node.inputs[0], with: blocked)
  }

  /// A chain of constant scales and shifts, and the activation behind it.
  private mutating func blockAffine(_ node: Node, _ index: Int) throws(ModelError) -> Bool {
    guard let x = node.inputs.first(where: { isImage($0) }) ?? nil,
      let chain = AffineChain(
        from: index, of: x, channels: channels(x), rank: rank(x), context),
      var last = chain.nodes.last
    else { return false }
    var (result, removed) = (chain.result, chain.nodes)
    var blocked = Node("BlockedAffine", domain: "zoo", name: node.name, inputs: [], outputs: [])
    if let match = ActivationMatch(of: result, context), let end = match.nodes.last,
      let activated = context.editor.nodes[end]?.outputs.first ?? nil
    {
      blocked.attributes = FusedActivation.attributes(match.name, match.a, match.b)
      (result, last) = (activated, end)
      removed += match.nodes
    }
    let name = context.editor.name(of: result)
    blocked.inputs = [
      twins[x], try pixel(chain.scale, name + "/scale"), try pixel(chain.shift, name + "/shift"),
    ]
    for index in removed where index != last { context.editor.remove(index) }
    replace(last, result, like: x, with: blocked)
    return true
  }

  private mutating func blockPool(_ node: Node, _ index: Int, _ output: ValueID) {
    guard case .ints(let kernel)? = node.attribute("kernel_shape"),
      kernel.count == rank(node.inputs[0]) - 2, isSmall(node)
    else { return }
    var blocked = node.asImages
    blocked.opType = "Blocked" + node.opType
    blocked.domain = "zoo"
    blocked.inputs = [node.inputs[0].flatMap { twins[$0] }]
    replace(index, output, like: node.inputs[0], with: blocked)
  }

  /// Whether windows have extents that the kernels' 32-bit numbers hold.
  private func isSmall(_ node: Node) -> Bool {
    ["kernel_shape", "strides", "dilations", "pads"].allSatisfy { name in
      guard case .ints(let values)? = node.attribute(name) else { return true }
      return values.allSatisfy { (0...4096).contains($0) }
    }
  }

  private mutating func blockGlobalPool(_ node: Node, _ index: Int, _ output: ValueID) {
    if node.opType == "ReduceMean", !reducesPixels(node) { return }
    let kind = node.opType == "GlobalMaxPool" ? "GlobalMaxPool" : "GlobalAveragePool"
    let blocked = Node(
      "Blocked" + kind, domain: "zoo", name: node.name,
      inputs: [node.inputs[0].flatMap { twins[$0] }], outputs: [])
    replace(index, output, like: node.inputs[0], with: blocked)
  }

  /// Whether a mean is one over all spatial axes, which stay as extents of 1.
  private func reducesPixels(_ node: Node) -> Bool {
    if case .int(0)? = node.attribute("keepdims") { return false }
    var axes: [Int] = []
    if case .ints(let values)? = node.attribute("axes") {
      axes = values.map(Int.init)
    } else if node.inputs.count > 1 {
      axes = integers(node.inputs[1]) ?? []
    }
    let rank = rank(node.inputs[0])
    return Set(axes.map { $0 < 0 ? $0 + rank : $0 }) == Set(2..<rank)
  }

  private mutating func blockConcat(_ node: Node, _ index: Int, _ output: ValueID) {
    let rank = rank(node.inputs.first ?? nil)
    guard case .int(let axis)? = node.attribute("axis"), axis == 1 || axis == 1 - Int64(rank),
      node.inputs.allSatisfy({ isImage($0) && self.rank($0) == rank })
    else { return }
    let counts = node.inputs.map { channels($0) }
    let blocked = Node(
      "BlockedConcat", domain: "zoo", name: node.name,
      inputs: node.inputs.map { $0.flatMap { twins[$0] } }, outputs: [],
      attributes: [Attribute("channels", .ints(counts.map(Int64.init)))])
    replace(index, output, channels: counts.reduce(0, +), rank: rank, with: blocked)
  }

  /// A transposition that puts the channels last.
  private mutating func leaveWithChannelsLast(_ node: Node, _ index: Int) -> Bool {
    guard let image = node.inputs.first ?? nil, isImage(image), rank(image) == 4,
      node.moves([0, 2, 3, 1])
    else { return false }
    var last = fromBlocks(image, channels: channels(image), rank: 4, name: "")
    last.name = node.name
    last.attributes.append(Attribute("channels_last", .int(1)))
    last.outputs = node.outputs
    context.editor.replace(index, with: last)
    context.applied(last, "leaves channel blocks with channels last")
    hasChanged = true
    return true
  }

  private mutating func blockResize(_ node: Node, _ index: Int, _ output: ValueID) {
    let count = channels(node.inputs[0])
    if case .string("tf_crop_and_resize")? = node.attribute("coordinate_transformation_mode") {
      return
    }
    guard let shape = context.type(output)?.shape, shape.rank == 4, shape[1] == .fixed(count),
      let before = context.type(node.inputs[0])?.shape, shape[0] == before[0]
    else { return }
    var blocked = node
    blocked.opType = "BlockedResize"
    blocked.domain = "zoo"
    blocked.inputs[0] = node.inputs[0].flatMap { twins[$0] }
    blocked.attributes += [
      Attribute("channels", .int(Int64(count))),
      Attribute("operator_version", .int(Int64(context.editor.opset(of: node)))),
      Attribute("upsample", .int(node.opType == "Upsample" ? 1 : 0)),
    ]
    replace(index, output, channels: count, rank: 4, with: blocked)
  }

  // MARK: Arithmetic

  private mutating func blockArithmetic(_ node: Node, _ index: Int, _ output: ValueID) {
    let image = node.inputs.first { isImage($0) } ?? nil
    let (count, rank) = (channels(image), rank(image))
    guard node.inputs.count == 2 || node.opType == "Sum",
      node.inputs.allSatisfy({ isNumber($0, rank) || isImage($0, of: count, rank) }),
      context.type(output)?.shape?.rank == rank
    else { return }
    var blocked = node
    blocked.inputs = node.inputs.map { $0.flatMap { twins[$0] ?? $0 } }
    if let gated = gate(node) {
      let names: [ValueID?] = gated.map { twins[$0] }
      blocked = Node(
        "BlockedAffine", domain: "zoo", name: node.name,
        inputs: node.opType == "Mul" ? names : [names[0], nil, names[1]], outputs: [])
    }
    replace(index, output, channels: count, rank: rank, with: blocked)
  }

  private func isImage(_ value: ValueID?, of count: Int, _ rank: Int) -> Bool {
    isImage(value) && channels(value) == count && self.rank(value) == rank
  }

  /// Whether a value is one constant number for all elements of an image.
  private func isNumber(_ value: ValueID?, _ rank: Int) -> Bool {
    guard let weight = context.editor.weight(value) else { return false }
    return weight.shape.count <= rank && weight.shape.allSatisfy { $0 == 1 }
  }

  /// The image and the one pixel that it is multiplied by or added to, if it is so.
  private func gate(_ node: Node) -> [ValueID]? {
    let operands = node.inputs.compactMap { $0 }
    guard ["Mul", "Add", "Sum"].contains(node.opType), operands.count == 2,
      operands.allSatisfy({ isImage($0) })
    else { return nil }
    let arePixels = operands.map { value in
      guard let shape = context.type(value)?.shape, shape.rank == rank(value) else { return false }
      return shape.dimensions.dropFirst(2).allSatisfy { $0 == .fixed(1) }
    }
    switch (arePixels[0], arePixels[1]) {
    case (false, true): return operands
    case (true, false): return operands.reversed()
    default: return nil
    }
  }
}

extension Node {
  /// Whether it is a transposition in this order.
  fileprivate func moves(_ order: [Int64]) -> Bool {
    guard opType == "Transpose", Model.canonical(domain).isEmpty,
      case .ints(order)? = attribute("perm")
    else { return false }
    return true
  }
}
