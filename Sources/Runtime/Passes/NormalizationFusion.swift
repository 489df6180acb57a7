import ModelFormat

/// Makes one kernel of a layer norm or root-mean-square norm that is written in parts:
///
///     d = x − ReduceMean(x);  y = d / Sqrt(ReduceMean(d²) + ε) · scale + shift
///     y = x / Sqrt(ReduceMean(x²) + ε) · scale
///
/// Requires `f32`, means along the last axis and a scale of one number per element of it; ensures `LayerNormalization`
/// or `RMSNormalization`.
struct NormalizationFusion: Pass {
  let name = "fuse-normalization"

  func run(_ context: inout PassContext) throws(ModelError) -> Bool {
    var changed = false
    for index in context.editor.indices {
      guard let node = GraphMatcher(context).standard(index), node.opType == "Sqrt",
        let match = NormalizationMatch(root: index, GraphMatcher(context))
      else { continue }
      guard let scale = match.scale, let last = context.editor.nodes[match.last] else {
        context.declined(node, "its result is not scaled by one number per element")
        continue
      }
      let isCentred = match.mean != nil
      var fused = Node(
        isCentred ? "LayerNormalization" : "RMSNormalization", name: last.name,
        inputs: [match.x, scale], outputs: last.outputs,
        attributes: [Attribute("axis", .int(-1)), Attribute("epsilon", .float(match.epsilon))])
      if let shift = match.shift { fused.inputs.append(shift) }
      fused.opset = isCentred ? 17 : 23
      context.editor.replace(match.last, with: fused)
      context.applied(last, "one kernel with the nodes that compute mean and deviation")
      changed = true
    }
    return changed
  }
}

/// The parts of one norm.
private struct NormalizationMatch {
  private(set) var x: ValueID
  private(set) var mean: ValueID?
  private(set) var epsilon: Float
  private(set) var scale: ValueID?
  private(set) var shift: ValueID?
  /// The node that gives the result.
  private(set) var last: Int

  /// Looks around node `root`, the square root of the variance.
  init?(root: Int, _ graph: GraphMatcher) {
    guard let sum = graph.producer(of: graph.standard(root)?.inputs.first ?? nil, "Add"),
      let (variance, epsilon) = graph.constant(in: sum),
      let mean = graph.producer(of: variance, "ReduceMean"), graph.isAlongLastAxis(mean),
      let squared = graph.square(mean.inputs[0]),
      graph.context.type(squared)?.element == .f32,
      let (quotient, numerator) = graph.quotient(by: root)
    else { return nil }
    self.epsilon = epsilon
    last = quotient
    x = squared
    if let (source, centre) = graph.centred(squared) {
      guard numerator == squared || graph.centred(numerator)?.x == source else { return nil }
      (x, self.mean) = (source, centre)
    } else if numerator != squared {
      return nil
    }
    guard let width = graph.context.type(x)?.shape?.dimensions.last else { return nil }
    takeParameters(width, graph)
  }

  private mutating func takeParameters(_ width: Dimension, _ graph: GraphMatcher) {
    guard let multiply = graph.next(last, "Mul"),
      let scale = graph.parameter(of: multiply, beside: graph.output(last), width)
    else { return }
    self.scale = scale
    last = multiply
    guard mean != nil, let add = graph.next(multiply, "Add"),
      let shift = graph.parameter(of: add, beside: graph.output(multiply), width)
    else { return }
    self.shift = shift
    last = add
  }
}

extension GraphMatcher {
  /// The standard node of type `opType` that makes `value`.
  fileprivate func producer(of value: ValueID?, _ opType: String) -> Node? {
    guard let node = standard(context.editor.producer(of: value)), node.opType == opType else {
      return nil
    }
    return node
  }

  /// The operands of a sum with a constant number.
  fileprivate func constant(in sum: Node) -> (value: ValueID, number: Float)? {
    guard sum.inputs.count == 2, let a = sum.inputs[0], let b = sum.inputs[1] else { return nil }
    if let number = scalar(b, beside: a) { return (a, number) }
    return scalar(a, beside: b).map { (b, $0) }
  }

  /// Whether a reduction runs along the last axis, which stays with extent 1.
  fileprivate func isAlongLastAxis(_ node: Node) -> Bool {
    if case .int(0)? = node.attribute("keepdims") { return false }
    var axes: [Int]? = nil
    if case .ints(let given)? = node.attribute("axes") { axes = given.map { Int($0) } }
    if node.inputs.count > 1, let value = node.inputs[1] {
      let tensor = context.constants[value] ?? (try? context.editor.weight(value)?.tensor())
      axes = tensor?.integers
    }
    guard let axes, axes.count == 1 else { return false }
    let rank = context.type(node.inputs[0])?.shape?.rank
    return axes[0] == -1 || axes[0] == rank.map { $0 - 1 }
  }

  /// What `value` is the square of.
  fileprivate func square(_ value: ValueID?) -> ValueID? {
    if let node = producer(of: value, "Mul"), node.inputs.count == 2 {
      return node.inputs[0] == node.inputs[1] ? node.inputs[0] : nil
    }
    guard let node = producer(of: value, "Pow"),
      scalar(node.inputs[1], beside: node.inputs[0]) == 2
    else { return nil }
    return node.inputs[0]
  }

  /// The node that divides something by what node `root` makes, be it by way of the reciprocal.
  fileprivate func quotient(by root: Int) -> (index: Int, numerator: ValueID)? {
    guard let next = context.editor.soleConsumer(of: output(root)), let node = standard(next) else {
      return nil
    }
    let isInverse = node.opType == "Div" && scalar(node.inputs[0], beside: output(root)) == 1
    if node.opType == "Reciprocal" || isInverse {
      guard let product = self.next(next, "Mul"), let inverse = output(next),
        let numerator = other(than: inverse, product)
      else { return nil }
      return (product, numerator)
    }
    guard node.opType == "Div", node.inputs[1] == output(root), let numerator = node.inputs[0],
      numerator != node.inputs[1]
    else { return nil }
    return (next, numerator)
  }

  private func other(than value: ValueID, _ index: Int) -> ValueID? {
    guard let node = standard(index), node.inputs.count == 2 else { return nil }
    let others = node.inputs.compactMap { $0 }.filter { $0 != value }
    return others.count == 1 ? others[0] : nil
  }

  /// What `value` is the deviation of from its mean along the last axis.
  fileprivate func centred(_ value: ValueID) -> (x: ValueID, mean: ValueID)? {
    guard let node = producer(of: value, "Sub"), let x = node.inputs[0], let mean = node.inputs[1],
      let reduction = producer(of: mean, "ReduceMean"), reduction.inputs[0] == x,
      isAlongLastAxis(reduction)
    else { return nil }
    return (x, mean)
  }

  /// The operand of node `index` beside `value`, if it is a list of as many numbers as a row has.
  fileprivate func parameter(
    of index: Int, beside value: ValueID?, _ width: Dimension
  ) -> ValueID? {
    guard let value, let parameter = other(than: value, index),
      let shape = context.type(parameter)?.shape, shape.rank == 1, shape[0].isCertainly(width)
    else { return nil }
    return parameter
  }
}
