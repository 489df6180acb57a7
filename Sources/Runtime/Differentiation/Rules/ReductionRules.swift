/// Operators that reduce axes.
let reductionRules: [GradientRule] = [
  reductionRule("ReduceSum") { _, _, g, _, _ in g },
  reductionRule("ReduceMean") { x, _, g, y, _ in
    g * (y.elementCount.cast(to: x.element) / x.elementCount.cast(to: x.element))
  },
  reductionRule("ReduceMax") { x, y, g, _, axes in shared(x, y, g, axes) },
  reductionRule("ReduceMin") { x, y, g, _, axes in shared(x, y, g, axes) },
  reductionRule("ReduceProd") { x, _, g, _, axes in
    // Without dividing by zeros: beside one zero only that zero has a gradient, beside two nothing has.
    let isZero = x.equals(0)
    let others = isZero.chooses(1, x)
    let product = others.reduced("ReduceProd", axes)
    let zeros = isZero.asNumber(x.element).reduced("ReduceSum", axes)
    let alone = zeros.equals(1).chooses(product, 0)
    let none = zeros.equals(0).chooses(product, 0) / others
    return g * isZero.chooses(alone, none)
  },
  reductionRule("ReduceSumSquare") { x, _, g, _, _ in 2 * (g * x) },
  reductionRule("ReduceL1") { x, _, g, _, _ in g * x.sign },
  reductionRule("ReduceL2") { x, y, g, _, _ in g * x / y.equals(0).chooses(1, y) },
  reductionRule("ReduceLogSum") { _, y, g, _, _ in g / y.exponential },
  reductionRule("ReduceLogSumExp") { x, y, g, _, _ in g * (x - y).exponential },
  GradientRule("CumSum") { (call) throws(ModelError) in
    let isReverse = try call.reader.bool("reverse", default: false)
    let attributes = [
      Attribute("exclusive", .int(Int64(try call.reader.int("exclusive", default: 0)))),
      Attribute("reverse", .int(isReverse ? 0 : 1)),
    ]
    return [call.gradient.apply("CumSum", try call.input(1), attributes: attributes)]
  },
  GradientRule("TopK") { (call) throws(ModelError) in
    guard call.node.outputs.count > 1, let indices = call.node.outputs[1] else {
      throw call.refused(
        "which elements were chosen is not known", expected: "the output 'Indices'")
    }
    let axis = try call.axis(default: -1)
    return [
      try call.input(0).filled(0).apply(
        "ScatterElements", try call.builder.term(indices), call.gradient,
        attributes: [Attribute("axis", .int(Int64(axis)))])
    ]
  },
]

/// - Parameter part: The gradient of x from x, and the output and its gradient with extents of 1 for reduced axes, the
///   output again, and the list of axes (`nil` for all), in a shape that broadcasts to that of x.
private func reductionRule(
  _ opType: String, _ part: @escaping @Sendable (Term, Term, Term, Term, Term?) -> Term
) -> GradientRule {
  GradientRule(opType) { (call) throws(ModelError) in
    let (x, y) = (try call.input(0), try call.output())
    let listed = try call.integers(attribute: "axes", input: 1) ?? []
    let ignores = try call.reader.bool("noop_with_empty_axes", default: false)
    if listed.isEmpty, ignores {
      // Nothing is reduced; what a reduction of one element is differs from one operator to the next.
      guard opType == "ReduceSum" || opType == "ReduceMean" else {
        throw call.refused("it reduces no axes", expected: "axes")
      }
      return [call.gradient]
    }
    // What is reduced to one element broadcasts to any shape; else reduced axes are needed as extents of 1.
    var (wideY, wideGradient, axes) = (y, call.gradient, Term?.none)
    if !listed.isEmpty {
      let rank = try call.rank()
      let places = try listed.map { (axis) throws(ModelError) in
        try Shape.normalize(axis, rank: rank)
      }
      axes = call.builder.list(places)
      if try !call.reader.bool("keepdims", default: true) {
        (wideY, wideGradient) = (y.unsqueezed(places), call.gradient.unsqueezed(places))
      }
    }
    let gradient = part(x, wideY, wideGradient, y, axes)
    return [gradient.expanded(x.extents)]
  }
}

/// The gradient goes to the extreme elements, in equal shares.
private func shared(_ x: Term, _ y: Term, _ g: Term, _ axes: Term?) -> Term {
  let chosen = x.equals(y).asNumber(x.element)
  return chosen * (g / chosen.reduced("ReduceSum", axes))
}
