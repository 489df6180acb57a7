import CKernels
import ModelFormat

/// Makes one `zoo.Pointwise` of elementwise nodes whose results nobody else reads, so that a large value is read and
/// written once and a small one costs one step.
///
/// Dequantization before them and a rounding to 8 bits behind them take part. Requires `f32`, and results that certainly
/// have one shape; ensures nothing that another pass needs.
struct PointwiseFusion: Pass {
  let name = "fuse-pointwise"

  func run(_ context: inout PassContext) throws(ModelError) -> Bool {
    var changed = false
    for index in context.editor.indices.reversed() {
      guard let group = PointwiseGroup(endingAt: index, context), group.members.count > 1,
        let node = context.editor.nodes[index]
      else { continue }
      for member in group.members where member != index && !group.isShared(member) {
        context.editor.remove(member)
      }
      context.editor.replace(index, with: group.node(for: node))
      context.applied(node, "one kernel with \(group.members.count - 1) nodes before it")
      changed = true
    }
    return changed
  }
}

/// Elementwise nodes of which only the last one's result is read by others.
private struct PointwiseGroup {
  /// In order.
  private(set) var members: [Int]
  private var steps: [Int: PointwiseNode]
  private var shared: Set<Int> = []

  init?(endingAt last: Int, _ context: PassContext) {
    guard let end = PointwiseNode(last, context), !end.shape.dimensions.contains(.unknown) else {
      return nil
    }
    (members, steps) = ([last], [last: end])
    var inputs = Set(end.inputs)
    var open = end.inputs
    while let value = open.popLast(), members.count < PointwiseStep.most {
      guard let producer = context.editor.producer(of: value), steps[producer] == nil,
        let step = PointwiseNode(producer, context),
        step.shape == end.shape, step.element == .f32,
        step.isCopied || isPrivate(value, context)
      else { continue }
      let more = inputs.subtracting([value]).union(step.inputs)
      guard more.count <= PointwiseStep.mostInputs else { continue }
      inputs = more
      steps[producer] = step
      members.append(producer)
      // What this node reads may now be read by members only.
      open += step.inputs
    }
    members.sort()
    for member in members where member != last {
      if let value = steps[member]?.output, !isPrivate(value, context) { shared.insert(member) }
    }
  }

  /// Whether only members read `value`.
  private func isPrivate(_ value: ValueID, _ context: PassContext) -> Bool {
    !context.editor.isOutput(value)
      && context.editor.consumerCount(of: value) <= steps.count
      && context.editor.consumers(of: value).allSatisfy { steps[$0] != nil }
  }

  /// Whether a node stays, since others read its result, too.
  func isShared(_ member: Int) -> Bool { shared.contains(member) }

  /// The node that does what all members do, `last` at their end.
  func node(for last: Node) -> Node {
    var inputs: [ValueID] = []
    let results = Set(members.compactMap { steps[$0]?.output })
    for member in members {
      for value in steps[member]?.inputs ?? []
      where !results.contains(value) && !inputs.contains(value) { inputs.append(value) }
    }
    var numbers: [ValueID: Int] = [:]
    for (number, value) in inputs.enumerated() { numbers[value] = number }
    var (functions, operands) = ([String](), [Int64]())
    var (a, b) = ([Float](), [Float]())
    for (number, member) in members.enumerated() {
      guard let step = steps[member] else { continue }
      functions.append(step.function)
      let places = step.inputs.map { Int64(numbers[$0] ?? 0) }
      operands += places.count == 1 ? places + [-1] : places
      a.append(step.parameters.0)
      b.append(step.parameters.1)
      numbers[step.output] = inputs.count + number
    }
    return Node(
      "Pointwise", domain: "zoo", name: last.name, inputs: inputs, outputs: last.outputs,
      attributes: [
        Attribute("functions", .strings(functions)), Attribute("operands", .ints(operands)),
        Attribute("a", .floats(a)), Attribute("b", .floats(b)),
      ])
  }
}

/// A node that works on each element of `f32` by itself, or makes such elements of codes, or codes of them.
private struct PointwiseNode {
  let element: ElementType
  let function: String
  let parameters: (Float, Float)
  let inputs: [ValueID]
  let output: ValueID
  let shape: Shape

  private static let binary: [String: zoo_binary] = [
    "Add": zoo_binary_add, "Sub": zoo_binary_sub, "Mul": zoo_binary_mul, "Div": zoo_binary_div,
    "Sum": zoo_binary_add, "Min": zoo_binary_min, "Max": zoo_binary_max,
  ]
  private static let unary = Dictionary(
    uniqueKeysWithValues: unaryFunctions.map { ($0.name, $0) })
  private static let plain: [String: zoo_unary] = [
    "Relu": zoo_unary_relu, "Neg": zoo_unary_neg, "Abs": zoo_unary_abs,
  ]

  /// Whether it is cheaper to do it again than to read what it made.
  var isCopied: Bool { function.hasPrefix("dequantize") }

  init?(_ index: Int, _ context: PassContext) {
    let graph = GraphMatcher(context)
    guard let node = graph.standard(index), node.outputs.count == 1, let output = node.outputs[0],
      let type = context.type(output), let shape = type.shape,
      let step = Self.codes(node, index, context) ?? Self.arithmetic(node, graph)
        ?? Self.function(node, shape, graph)
    else { return nil }
    (self.output, self.shape, element) = (output, shape, type.element)
    (function, inputs, parameters) = step
  }

  private typealias Step = (function: String, inputs: [ValueID], parameters: (Float, Float))

  private static func codes(_ node: Node, _ index: Int, _ context: PassContext) -> Step? {
    let graph = QuantizedMatcher(context)
    if node.opType == "DequantizeLinear", let codes = graph.codes(node.outputs[0]) {
      let name = "dequantize_\(codes.element)"
      return (name, [codes.value], (codes.scale, Float(codes.zero)))
    }
    guard let codes = graph.rounded(index), let input = node.inputs[0] else { return nil }
    return ("quantize_\(codes.element)", [input], (codes.scale, Float(codes.zero)))
  }

  private static func arithmetic(_ node: Node, _ graph: GraphMatcher) -> Step? {
    guard let kernel = binary[node.opType], node.inputs.count == 2, let a = node.inputs[0],
      let b = node.inputs[1], graph.context.type(a)?.element == .f32
    else { return nil }
    return (String(cString: zoo_binary_name(kernel)), [a, b], (0, 0))
  }

  private static func function(_ node: Node, _ shape: Shape, _ graph: GraphMatcher) -> Step? {
    guard let input = node.inputs.first ?? nil, graph.context.type(input)?.element == .f32,
      graph.context.type(input)?.shape == shape, let (kernel, a, b) = function(node, graph)
    else { return nil }
    return (String(cString: zoo_unary_name(kernel)), [input], (a, b))
  }

  private static func function(
    _ node: Node, _ graph: GraphMatcher
  ) -> (zoo_unary, Float, Float)? {
    switch node.opType {
    case "Clip": return graph.bounds(node).map { (zoo_unary_clip, $0.0, $0.1) }
    case "Gelu":
      if case .string("tanh")? = node.attribute("approximate") {
        return (zoo_unary_gelu_tanh, 0, 0)
      }
      return (zoo_unary_gelu, 0, 0)
    case "Pow":
      guard graph.scalar(node.inputs[1], beside: node.inputs[0]) == 2 else { return nil }
      return (zoo_unary_square, 0, 0)
    default:
      if let kernel = plain[node.opType] { return (kernel, 0, 0) }
      let reader = NodeReader(node, opset: graph.context.editor.opset(of: node))
      guard let function = unary[node.opType], node.inputs.count == 1,
        let (a, b) = try? function.parameters(reader)
      else { return nil }
      return (function.kernel, a, b)
    }
  }
}
