import ModelFormat

/// An activation found behind a value: one node, or the parts that exporters write for it.
struct ActivationMatch {
  /// One of ``FusedActivation/names``.
  var name: String
  var a: Float = 0
  var b: Float = 0
  /// The nodes it replaces; the last gives the activated value.
  var nodes: [Int]

  /// Looks behind `value`, whose consumers must all be parts of the activation.
  init?(of value: ValueID, _ context: PassContext) {
    let graph = GraphMatcher(context)
    guard !context.editor.isOutput(value) else { return nil }
    let readers = context.editor.consumers(of: value)
    if readers.count == 1, let match = Self.single(readers[0], graph) {
      self = match
    } else if readers.count == 2,
      let match = Self.gated(value, readers, graph) ?? Self.gelu(value, readers, graph)
    {
      self = match
    } else {
      return nil
    }
  }

  private init(_ name: String, _ nodes: [Int], _ a: Float = 0, _ b: Float = 0) {
    (self.name, self.a, self.b, self.nodes) = (name, a, b, nodes)
  }

  private static func single(_ index: Int, _ graph: GraphMatcher) -> ActivationMatch? {
    guard let node = graph.standard(index) else { return nil }
    switch node.opType {
    case "Relu": return ActivationMatch("relu", [index])
    case "Sigmoid": return ActivationMatch("sigmoid", [index])
    case "Tanh": return ActivationMatch("tanh", [index])
    case "LeakyRelu":
      return ActivationMatch("leaky-relu", [index], node.number("alpha") ?? 0.01)
    case "HardSigmoid": return hardSigmoid(node, index)
    case "HardSwish": return ActivationMatch("hard-swish", [index], 1 / 6, 0.5)
    case "Swish" where node.number("alpha") ?? 1 == 1: return ActivationMatch("silu", [index])
    case "Gelu":
      guard case .string(let kind)? = node.attribute("approximate") else {
        return ActivationMatch("gelu", [index])
      }
      return ActivationMatch(kind == "tanh" ? "gelu-tanh" : "gelu", [index])
    case "Clip":
      guard let (low, high) = graph.bounds(node) else { return nil }
      return ActivationMatch("clip", [index], low, high)
    default: return nil
    }
  }

  private static func hardSigmoid(_ node: Node, _ index: Int) -> ActivationMatch {
    ActivationMatch(
      "hard-sigmoid", [index], node.number("alpha") ?? 0.2, node.number("beta") ?? 0.5)
  }

  /// x · f(x): SiLU with a sigmoid, hard swish with a hard sigmoid or with clip(x + 3, 0, 6) / 6.
  private static func gated(
    _ x: ValueID, _ readers: [Int], _ graph: GraphMatcher
  ) -> ActivationMatch? {
    for (gate, product) in [(readers[0], readers[1]), (readers[1], readers[0])] {
      guard let node = graph.standard(gate), graph.standard(product)?.opType == "Mul" else {
        continue
      }
      switch node.opType {
      case "Sigmoid" where graph.joins(product, x, graph.output(gate)):
        return ActivationMatch("silu", [gate, product])
      case "HardSigmoid" where graph.joins(product, x, graph.output(gate)):
        let match = hardSigmoid(node, gate)
        return ActivationMatch("hard-swish", [gate, product], match.a, match.b)
      case "Add":
        guard let match = hardSwish(x, gate, product, graph) else { continue }
        return match
      default: continue
      }
    }
    return nil
  }

  private static func hardSwish(
    _ x: ValueID, _ add: Int, _ product: Int, _ graph: GraphMatcher
  ) -> ActivationMatch? {
    guard graph.scalar(add, beside: x) == 3,
      let clip = graph.next(add, "Clip"), let node = graph.standard(clip),
      let (low, high) = graph.bounds(node), low == 0, high == 6
    else { return nil }
    if graph.joins(product, x, graph.output(clip)) {
      guard let last = graph.scaled(by: 1 / 6, after: product) else { return nil }
      return ActivationMatch("hard-swish", [add, clip, product, last], 1 / 6, 0.5)
    }
    guard let scale = graph.scaled(by: 1 / 6, after: clip),
      graph.joins(product, x, graph.output(scale))
    else { return nil }
    return ActivationMatch("hard-swish", [add, clip, scale, product], 1 / 6, 0.5)
  }

  /// x · (1 + erf(x / √2)) / 2, multiplied in any order.
  private static func gelu(
    _ x: ValueID, _ readers: [Int], _ graph: GraphMatcher
  ) -> ActivationMatch? {
    for (inner, other) in [(readers[0], readers[1]), (readers[1], readers[0])] {
      guard graph.scale(inner, of: x).map({ abs($0 - 0.70710678) < 1e-5 }) ?? false,
        let erf = graph.next(inner, "Erf"), let add = graph.next(erf, "Add"),
        graph.scalar(add, beside: graph.output(erf)) == 1
      else { continue }
      if graph.joins(other, x, graph.output(add)),
        let last = graph.scaled(by: 0.5, after: other)
      {
        return ActivationMatch("gelu", [inner, erf, add, other, last])
      }
      if graph.scale(other, of: x) == 0.5, let last = graph.next(other, "Mul"),
        graph.joins(last, graph.output(other), graph.output(add))
      {
        return ActivationMatch("gelu", [inner, erf, add, other, last])
      }
      if let half = graph.scaled(by: 0.5, after: add), graph.joins(other, x, graph.output(half)) {
        return ActivationMatch("gelu", [inner, erf, add, half, other])
      }
    }
    return nil
  }
}
