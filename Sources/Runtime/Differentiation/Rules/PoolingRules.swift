/// Operators that reduce windows.
let poolingRules: [GradientRule] = [
  GradientRule("MaxPool") { (call) throws(ModelError) in try maximumRule(call) },
  GradientRule("AveragePool") { (call) throws(ModelError) in try averageRule(call) },
  GradientRule("MaxUnpool") { (call) throws(ModelError) in
    guard !call.has(2) else {
      throw call.refused("it has an output_shape", expected: "the shape that its window gives")
    }
    let flat = call.builder.list([-1])
    let places = try call.input(1).reshaped(flat)
    let taken = call.gradient.reshaped(flat).apply("GatherElements", places)
    return [taken.reshaped(try call.input(0).extents)]
  },
  GradientRule("GlobalAveragePool") { (call) throws(ModelError) in
    let x = try call.input(0)
    let extents = x.extents(2..<(try call.rank()))
    let count = extents.reduced("ReduceProd", nil).cast(to: x.element)
    return [(call.gradient / count).expanded(x.extents)]
  },
  GradientRule("GlobalMaxPool") { (call) throws(ModelError) in
    let (x, y) = (try call.input(0), try call.output())
    let axes = Array(2..<(try call.rank()))
    let chosen = x.equals(y).asNumber(x.element)
    return [chosen * (call.gradient / chosen.sum(axes))]
  },
  GradientRule("GlobalLpPool") { (call) throws(ModelError) in
    let (x, y) = (try call.input(0), try call.output())
    let p = Double(try call.reader.int("p", default: 2))
    let share = (x.apply("Abs") / y.equals(0).chooses(1, y)).raised(to: p - 1)
    return [call.gradient * x.sign * share]
  },
]

/// The gradient goes to where the maximum was found; the node's own indices need not be there.
private func maximumRule(_ call: GradientCall) throws(ModelError) -> [Term?] {
  let (x, g) = (try call.input(0), call.gradient)
  let attributes = call.node.attributes.filter { $0.name != "storage_order" }
  let indices = call.builder.add("MaxPool", [x], attributes, gives: [x.element, .i64])[1]
  return [x.scattered(g, to: indices)]
}

extension Term {
  /// Zeros of the shape of this, to which `values` are added at `places`, counted over all its elements.
  func scattered(_ values: Term, to places: Term) -> Term {
    let flat = builder.list([-1])
    let zeros = builder.scalar(0, element).expanded(elementCount.unsqueezed([0]))
    return zeros.apply(
      "ScatterElements", places.reshaped(flat), values.reshaped(flat),
      attributes: [Attribute("reduction", .string("add"))]
    ).reshaped(extents)
  }
}

private func averageRule(_ call: GradientCall) throws(ModelError) -> [Term?] {
  let (x, g) = (try call.input(0), call.gradient)
  let kernel = try call.reader.ints("kernel_shape")
  let windows = try Windows(call, rank: kernel.count, kernel: kernel)
  let countsPadding = try call.reader.bool("count_include_pad", default: false)
  let share = g / windows.counts(x, like: g, kernel: kernel, withPadding: countsPadding)
  // All channels are alike: they join the batch.
  func single(_ term: Term) -> Term {
    term.reshaped(
      Term.joined([
        term.extents(0..<2).reduced("ReduceProd", nil), x.builder.list([1]),
        term.extents(2..<2 + windows.rank),
      ]))
  }
  let ones = x.builder.scalar(1, x.element).expanded(x.builder.list([1, 1] + kernel))
  return [windows.spread(single(share), ones, over: x).reshaped(x.extents)]
}
