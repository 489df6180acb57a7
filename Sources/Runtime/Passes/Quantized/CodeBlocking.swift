import CKernels
import ModelFormat

/// Computes quantized convolutions and what stands between them with kernels for real numbers, in channel blocks, where
/// those are faster than the kernels for bytes: channel by channel, between small maps, on processors without VNNI.
///
/// Weights become `f32` less their zero points, and codes the differences from theirs, ``CodeBlocks``; results stay the
/// same to the bit. ``CodeCosts`` estimates what either form takes, conversions between them included, and
/// ``CodeForms`` chooses. The environment variable `ZOO_CODES` (`bytes`, `blocks`) forces one form.
///
/// Requires fused layers in which codes are `[batch, channels, …]`; ensures nothing that another pass needs.
package struct CodeBlocking: Pass {
  package enum Form: Sendable { case byCost, bytes, blocks }

  package let name = "code-blocks"
  private let form: Form

  /// - Parameter form: `nil` for what `ZOO_CODES` asks for.
  package init(_ form: Form? = nil) {
    let wanted: Form =
      switch zoo_code_form_wanted() {
      case ZOO_CODES_BYTES: .bytes
      case ZOO_CODES_BLOCKS: .blocks
      default: .byCost
      }
    self.form = form ?? wanted
  }

  package func run(_ context: inout PassContext) throws(ModelError) -> Bool {
    guard zoo_blocked_is_wanted() != 0, !isDone(context) else { return false }
    let chosen = CodeForms(context, form).inBlocks
    var rewriter = CodeRewriter(context)
    for node in chosen { try rewriter.rewrite(node) }
    context = rewriter.context
    return !chosen.isEmpty
  }

  /// Whether the pass has run: with some nodes in blocks others would seem cheaper there than they are.
  private func isDone(_ context: PassContext) -> Bool {
    let made: Set = ["CodesToChannelBlocks", "BlockedQuantizeLinear", "BlockedQuantizedConv"]
    return context.editor.indices.contains { index in
      context.editor.nodes[index].map { $0.domain == "zoo" && made.contains($0.opType) } ?? false
    }
  }
}

/// The work of ``CodeBlocking`` on one graph.
private struct CodeRewriter {
  var context: PassContext
  /// Codes that are in blocks, as those.
  private var twins: [CodeNode.Codes: ValueID] = [:]

  init(_ context: PassContext) { self.context = context }

  mutating func rewrite(_ node: CodeNode) throws(ModelError) {
    guard let old = context.editor.nodes[node.index] else { return }
    var blocked = old
    blocked.domain = "zoo"
    for input in node.inputs {
      blocked.inputs[input.position] = twin(input.codes, before: node.index)
    }
    switch node.kind {
    case .conv: blocked.opType = "BlockedQuantizedConv"
    case .join: blocked.opType = "BlockedQuantizedJoin"
    case .average: blocked.opType = "BlockedQuantizedAverage"
    case .max:
      blocked.opType = "BlockedMaxPool"
      blocked.attributes.removeAll { $0.name == "pool" }
    case .concat:
      blocked.opType = "BlockedConcat"
      let counts = node.inputs.map { Int64(channels($0.codes.value)) }
      blocked.attributes = [Attribute("channels", .ints(counts))]
    case .quantize(let codes): quantize(&blocked, codes, before: node.index)
    case .dequantize(let codes): try dequantize(&blocked, codes)
    }
    place(blocked, node)
    context.applied(old, "computed in channel blocks")
  }

  private func channels(_ value: ValueID) -> Int {
    context.type(value)?.shape?[1].value ?? 0
  }

  private mutating func quantize(
    _ blocked: inout Node, _ codes: QuantizedMatcher.Codes, before index: Int
  ) {
    let images = context.editor.addValue("\(context.editor.name(of: codes.value))/blocks")
    context.editor.insert(
      Node("ToChannelBlocks", domain: "zoo", inputs: [blocked.inputs[0]], outputs: [images]),
      before: index)
    blocked.opType = "BlockedQuantizeLinear"
    blocked.inputs = [images]
    blocked.attributes = codes.attributes("y", bounds: nil)
  }

  private mutating func dequantize(
    _ blocked: inout Node, _ codes: QuantizedMatcher.Codes
  ) throws(ModelError) {
    let name = "\(context.editor.name(of: codes.value))/scale"
    let scale = context.editor.addWeight(name, try Tensor([codes.scale], shape: [1]))
    blocked = Node("Mul", name: blocked.name, inputs: [blocked.inputs[0], scale], outputs: [])
  }

  /// The codes in blocks, made before node `index` if they are not there.
  private mutating func twin(_ codes: CodeNode.Codes, before index: Int) -> ValueID {
    if let known = twins[codes] { return known }
    let twin = newTwin(codes.value)
    twins[codes] = twin
    context.editor.insert(
      Node(
        "CodesToChannelBlocks", domain: "zoo", inputs: [codes.value], outputs: [twin],
        attributes: [Attribute("zero", .int(Int64(codes.zero)))]), before: index)
    return twin
  }

  private mutating func newTwin(_ value: ValueID) -> ValueID {
    context.editor.addValue(context.editor.name(of: value) + "/code_blocks")
  }

  /// Puts `blocked` where `node` stood; who needs its output itself gets it from the blocks.
  private mutating func place(_ blocked: Node, _ node: CodeNode) {
    var blocked = blocked
    let twin = newTwin(node.output)
    blocked.outputs = [twin]
    context.editor.insert(blocked, before: node.index)
    var leaving = Node(
      "FromChannelBlocks", domain: "zoo",
      name: blocked.name.isEmpty ? "" : blocked.name + "/planes",
      inputs: [twin], outputs: [node.output],
      attributes: [Attribute("channels", .int(Int64(node.channels)))])
    if let codes = node.codes, let element = context.type(node.output)?.element {
      twins[codes] = twin
      leaving.opType = "CodesFromChannelBlocks"
      leaving.attributes += [
        Attribute("zero", .int(Int64(codes.zero))),
        Attribute("type", .int(Int64(element.rawValue))),
      ]
    }
    context.editor.replace(node.index, with: leaving)
  }
}
