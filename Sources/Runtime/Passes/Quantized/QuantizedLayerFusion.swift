import ModelFormat

/// Makes one integer kernel of a convolution or matrix product between `DequantizeLinear` and `QuantizeLinear`, with its
/// bias, its activation, and the sum with a residual:
///
///     x → Dequantize → Conv → Relu → Quantize                                    QuantizedConv
///     x → Dequantize → Conv → Quantize → Dequantize → Add(residual) → Quantize   QuantizedConv, which rounds twice
///     x → Dequantize → MatMul → Add(bias) → Gelu                                 QuantizedMatMul that gives f32
///     QLinearConv                                                                QuantizedConv
///
/// Requires that dequantized weights have not been folded. Sums are exact; where the graph adds up in f32, results can be
/// another code than its where a number lies within rounding errors of a tie.
struct QuantizedLayerFusion: Pass {
  let name = "fuse-quantized-layers"

  func run(_ context: inout PassContext) throws(ModelError) -> Bool {
    var changed = false
    for index in context.editor.indices {
      guard let node = context.editor.nodes[index] else { continue }
      if node.opType == "QLinearConv", Model.canonical(node.domain).isEmpty {
        if convert(index, node, &context) { changed = true }
        continue
      }
      switch QuantizedLayer.match(index, QuantizedMatcher(context)) {
      case .success(let layer):
        fuse(layer, &context)
        changed = true
      case .failure(let refusal): context.declined(node, refusal.reason)
      case nil: continue
      }
    }
    return changed
  }

  private func fuse(_ layer: QuantizedLayer, _ context: inout PassContext) {
    let ending = QuantizedEnding(of: layer, QuantizedMatcher(context))
    let nodes = layer.nodes + ending.nodes
    guard let last = nodes.last else { return }
    let name = context.editor.name(of: layer.output)
    var node = layer.node
    node.opType = layer.isConvolution ? "QuantizedConv" : "QuantizedMatMul"
    node.domain = "zoo"
    node.attributes.removeAll { ["alpha", "beta", "transA"].contains($0.name) }
    node.attributes += layer.x.attributes("x") + ending.attributes
    node.inputs = [layer.x.value, layer.weight, layer.scales, layer.zeros]
    node.inputs.append(layer.sumBias.map { context.editor.addWeight("\(name)/sum_bias", $0) })
    node.inputs.append(layer.bias.map { context.editor.addWeight("\(name)/real_bias", $0) })
    node.inputs.append(ending.residual)
    while let input = node.inputs.last, input == nil { node.inputs.removeLast() }
    node.outputs = [ending.output]
    for index in nodes.dropLast() { context.editor.remove(index) }
    context.editor.replace(last, with: node)
    context.applied(layer.node, "one integer kernel\(ending.summary)")
  }

  /// The same for a node that is quantized already.
  private func convert(_ index: Int, _ old: Node, _ context: inout PassContext) -> Bool {
    let graph = QuantizedMatcher(context)
    func form(_ scale: Int, _ zero: Int) -> (Float, Int)? {
      guard let number = graph.scalar(old.inputs[scale]),
        let point = graph.constant(old.inputs[zero]).flatMap(QuantizedMatcher.integers),
        point.count == 1
      else { return nil }
      return (number, point[0])
    }
    guard old.inputs.count > 7, let value = old.inputs[0], let output = old.outputs[0],
      let (scale, zero) = form(1, 2), let element = context.type(value)?.element,
      let (yScale, yZero) = form(6, 7), let yElement = context.type(output)?.element,
      graph.constant(old.inputs[3]) != nil, graph.constant(old.inputs[4])?.elementType == .f32,
      (context.type(value)?.shape?.rank ?? 0) > 2
    else {
      context.declined(old, "its scales or weights are no constants, or its rank is not known")
      return false
    }
    var node = old
    node.opType = "QuantizedConv"
    node.domain = "zoo"
    let x = QuantizedMatcher.Codes(value: value, element: element, scale: scale, zero: zero)
    let y = QuantizedMatcher.Codes(value: output, element: yElement, scale: yScale, zero: yZero)
    node.attributes += x.attributes("x") + y.attributes("y", bounds: nil)
    node.inputs = [value, old.inputs[3], old.inputs[4], old.inputs[5]]
    if old.inputs.count > 8, let bias = old.inputs[8] { node.inputs.append(bias) }
    context.editor.replace(index, with: node)
    context.applied(old, "one integer kernel")
    return true
  }
}

/// What follows a quantized layer that its kernel can do as well.
struct QuantizedEnding {
  private(set) var output: ValueID
  /// The nodes that it replaces, the last of which gives `output`.
  private(set) var nodes: [Int] = []
  private(set) var attributes: [Attribute] = []
  private(set) var residual: ValueID?
  private(set) var summary = ""

  init(of layer: QuantizedLayer, _ graph: QuantizedMatcher) {
    output = layer.output
    if let (index, codes) = graph.rounding(layer.output) {
      take([index], codes.value, " that rounds")
      guard !takeResidual(behind: codes, graph) else { return }
      attributes += codes.attributes("y", bounds: nil)
      return
    }
    let activation = ActivationMatch(of: layer.output, graph.context)
    if let activation, let result = graph.graph.output(activation.nodes[activation.nodes.count - 1])
    {
      take(activation.nodes, result, " with \(activation.name)")
      takeRounding(activation, graph)
    } else if takeStretch(graph) {
      takeRounding(nil, graph)
    } else if let (index, sum, other) = addition(layer.output, graph),
      let codes = graph.codes(other)
    {
      take([index], sum, " with a residual")
      takeAddend(codes)
      finish(graph)
    }
  }

  private mutating func take(_ more: [Int], _ result: ValueID, _ what: String) {
    nodes += more
    output = result
    summary += what
  }

  /// An activation, and the rounding behind it: bounds of the codes are enough for some.
  private mutating func takeRounding(_ activation: ActivationMatch?, _ graph: QuantizedMatcher) {
    let isStretched = activation != nil && takeStretch(graph)
    let rounding = graph.rounding(output)
    var bounds: ClosedRange<Int>?
    if let activation {
      if let codes = rounding?.codes, !isStretched { bounds = Self.bounds(activation, codes) }
      if bounds == nil {
        attributes += FusedActivation.attributes(activation.name, activation.a, activation.b)
      }
    }
    guard let (index, codes) = rounding else { return }
    take([index], codes.value, " that rounds")
    attributes += codes.attributes("y", bounds: bounds)
  }

  /// A constant number that is multiplied by, one that is added, or the one and then the other. Both orders of operands
  /// give the same result.
  private mutating func takeStretch(_ graph: QuantizedMatcher) -> Bool {
    let factor = takeNumber(["Mul"], graph)
    let addend = takeNumber(["Add", "Sum"], graph)
    guard factor != nil || addend != nil else { return false }
    attributes += [
      Attribute("factor", .float(factor ?? 1)), Attribute("addend", .float(addend ?? -0.0)),
    ]
    return true
  }

  private mutating func takeNumber(_ opTypes: [String], _ graph: QuantizedMatcher) -> Float? {
    guard let index = graph.context.editor.soleConsumer(of: output),
      let node = graph.graph.standard(index), opTypes.contains(node.opType), node.inputs.count == 2,
      let number = graph.scalar(node.inputs[0] == output ? node.inputs[1] : node.inputs[0]),
      number.isFinite, let result = node.outputs.first ?? nil
    else { return nil }
    take([index], result, node.opType == "Mul" ? ", a factor" : ", an addend")
    return number
  }

  /// The codes between which an activation keeps numbers, if that is all it does.
  private static func bounds(
    _ activation: ActivationMatch, _ codes: QuantizedMatcher.Codes
  ) -> ClosedRange<Int>? {
    let range = QuantizedEpilogue.Codes.range(codes.element)
    switch activation.name {
    case "relu": return codes.code(0)...range.upperBound
    case "clip" where activation.a <= activation.b:
      let bounds = codes.code(activation.a)...codes.code(activation.b)
      // 0 ... 0 would stand for all codes.
      return bounds == 0...0 ? nil : bounds
    default: return nil
    }
  }

  /// The node that alone reads `value` and adds another value of its shape.
  private func addition(
    _ value: ValueID, _ graph: QuantizedMatcher
  ) -> (index: Int, sum: ValueID, other: ValueID)? {
    guard let index = graph.context.editor.soleConsumer(of: value),
      let add = graph.graph.standard(index), let (left, right) = graph.addends(add), left != right,
      let sum = add.outputs.first ?? nil, let shape = graph.shape(value)
    else { return nil }
    let other = left == value ? right : left
    return graph.shape(other) == shape ? (index, sum, other) : nil
  }

  /// The sum with other codes, behind codes that nobody else reads.
  private mutating func takeResidual(
    behind inner: QuantizedMatcher.Codes, _ graph: QuantizedMatcher
  ) -> Bool {
    guard let dequantize = graph.context.editor.soleConsumer(of: inner.value),
      let real = graph.graph.output(dequantize), graph.codes(real)?.agrees(with: inner) ?? false,
      let (index, sum, other) = addition(real, graph), let codes = graph.codes(other)
    else { return false }
    take([dequantize, index], sum, " with a residual")
    attributes += inner.attributes("inner", bounds: nil)
    takeAddend(codes)
    finish(graph)
    return true
  }

  private mutating func takeAddend(_ codes: QuantizedMatcher.Codes) {
    residual = codes.value
    attributes += codes.attributes("residual")
  }

  /// What may follow a sum.
  private mutating func finish(_ graph: QuantizedMatcher) {
    let activation = ActivationMatch(of: output, graph.context)
    if let activation, let result = graph.graph.output(activation.nodes[activation.nodes.count - 1])
    {
      take(activation.nodes, result, ", \(activation.name)")
    }
    takeRounding(activation, graph)
  }
}
