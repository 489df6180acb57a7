/// Operators that take or put elements by index.
let indexingRules: [GradientRule] = [
  GradientRule("Gather") { (call) throws(ModelError) in try gatherRule(call) },
  GradientRule("GatherElements") { (call) throws(ModelError) in
    let axis = Attribute("axis", .int(Int64(try call.axis(default: 0))))
    return [
      try call.input(0).filled(0).apply(
        "ScatterElements", try call.input(1), call.gradient,
        attributes: [axis, Attribute("reduction", .string("add"))])
    ]
  },
  GradientRule("GatherND") { (call) throws(ModelError) in
    guard try call.reader.int("batch_dims", default: 0) == 0 else { return try movedRule(call) }
    return [
      try call.input(0).filled(0).apply(
        "ScatterND", try call.input(1), call.gradient,
        attributes: [Attribute("reduction", .string("add"))])
    ]
  },
  GradientRule("ScatterElements") { (call) throws(ModelError) in
    let axis = Attribute("axis", .int(Int64(try call.axis(default: 0))))
    return try scatterRule(call, "ScatterElements", "GatherElements", [axis])
  },
  GradientRule("Scatter") { (call) throws(ModelError) in
    let axis = Attribute("axis", .int(Int64(try call.axis(default: 0))))
    return try scatterRule(call, "ScatterElements", "GatherElements", [axis])
  },
  GradientRule("ScatterND") { (call) throws(ModelError) in
    try scatterRule(call, "ScatterND", "GatherND", [])
  },
]

/// Rows of the gradient are added to the rows that were taken, with the axis of rows in front.
private func gatherRule(_ call: GradientCall) throws(ModelError) -> [Term?] {
  let (x, indices, g) = (try call.input(0), try call.input(1), call.gradient)
  let (axis, rank, count) = (try call.axis(default: 0), try call.rank(), try call.rank(1))
  // g: axes before, axes of the indices, axes behind.
  let first = Array(axis..<axis + count)
  let others = Array(0..<axis) + Array(axis + count..<max(axis + count, rank - 1 + count))
  let front = g.transposed(first + others)
  let order = [axis] + (0..<rank).filter { $0 != axis }
  let added = x.filled(0).transposed(order).apply(
    "ScatterND", indices.cast(to: .i64).unsqueezed([-1]), front,
    attributes: [Attribute("reduction", .string("add"))])
  var inverse = order
  for (target, source) in order.enumerated() { inverse[source] = target }
  return [added.transposed(inverse)]
}

private func scatterRule(
  _ call: GradientCall, _ scatter: String, _ gather: String, _ attributes: [Attribute]
) throws(ModelError) -> [Term?] {
  let (indices, g) = (try call.input(1), call.gradient)
  let updates = g.apply(gather, indices, attributes: attributes)
  switch try call.reader.string("reduction", default: "none") {
  case "add": return [g, nil, updates]
  case "none":
    let zeros = try call.input(2).filled(0)
    return [g.apply(scatter, indices, zeros, attributes: attributes), nil, updates]
  case let other: throw call.refused("its reduction is '\(other)'", expected: "'none' or 'add'")
  }
}
