/// Operators that move elements, or repeat them, without looking at them.
let movementRules: [GradientRule] =
  ["Reshape", "Flatten", "Squeeze", "Unsqueeze"].map { name in
    GradientRule(name) { (call) throws(ModelError) in
      [call.gradient.reshaped(try call.input(0).extents)]
    }
  } + [
    GradientRule("Transpose") { (call) throws(ModelError) in
      let rank = try call.rank()
      let order = try call.reader.ints("perm", default: Array((0..<rank).reversed()))
      var inverse = order
      for (target, source) in order.enumerated() where inverse.indices.contains(source) {
        inverse[source] = target
      }
      return [call.gradient.transposed(inverse)]
    },
    GradientRule("Expand") { (call) throws(ModelError) in
      [try call.summed(call.gradient, to: 0)]
    },
    GradientRule("Concat") { (call) throws(ModelError) in try concatenationRule(call) },
    GradientRule("Split", outputs: Int.max) { (call) throws(ModelError) in
      let axis = try call.axis(default: 0)
      let parts = try call.node.outputs.indices.map { (index) throws(ModelError) -> Term in
        if let gradient = call.gradients[index] { return gradient }
        guard let output = call.node.outputs[index] else {
          throw call.refused("output \(index) is left out", expected: "a name for it")
        }
        return try call.builder.term(output).filled(0)
      }
      return [Term.joined(parts, axis: axis)]
    },
    GradientRule("Pad") { (call) throws(ModelError) in try paddingRule(call) },
    GradientRule("Trilu") { (call) throws(ModelError) in
      let diagonal = call.has(1) ? try call.input(1) : nil
      return [call.gradient.apply("Trilu", diagonal, attributes: call.node.attributes)]
    },
    GradientRule("CenterCropPad") { (call) throws(ModelError) in
      // What is cut off in the middle is put back around it, and the other way round.
      let rank = try call.rank()
      let axes = try call.reader.ints("axes", default: Array(0..<rank))
      let extents = try call.input(0).extents.gathered(
        call.builder.list(
          try axes.map { (axis) throws(ModelError) in try Shape.normalize(axis, rank: rank) }),
        axis: 0)
      return [
        call.gradient.apply("CenterCropPad", extents, attributes: call.node.attributes)
      ]
    },
    GradientRule("Col2Im") { (call) throws(ModelError) in try columnRule(call) },
    GradientRule("Slice") { (call) throws(ModelError) in try movedRule(call) },
    GradientRule("Tile") { (call) throws(ModelError) in try movedRule(call) },
    GradientRule("DepthToSpace") { (call) throws(ModelError) in try movedRule(call) },
    GradientRule("SpaceToDepth") { (call) throws(ModelError) in try movedRule(call) },
    GradientRule("ReverseSequence") { (call) throws(ModelError) in try movedRule(call) },
    GradientRule("Compress") { (call) throws(ModelError) in try movedRule(call) },
  ]

/// The rule of every operator that puts each element of its first input somewhere, once, several times or never: what it
/// does to the elements' numbers says where each gradient belongs.
func movedRule(_ call: GradientCall) throws(ModelError) -> [Term?] {
  let (x, builder) = (try call.input(0), call.builder)
  let count = x.elementCount
  let zero = builder.list([0]).squeezed([0])
  let numbers = zero.apply("Range", count, builder.list([1]).squeezed([0])).reshaped(x.extents)
  return [x.scattered(call.gradient, to: try builder.repeated(call.node, on: numbers))]
}

/// Gradients are cut as the operands were joined.
private func concatenationRule(_ call: GradientCall) throws(ModelError) -> [Term?] {
  let axis = try call.axis(default: 1)
  if call.node.inputs.count == 1 { return [call.gradient] }
  let sizes = try call.node.inputs.indices.map { (index) throws(ModelError) in
    try call.input(index).extents(axis..<axis + 1)
  }
  let element = call.gradient.element
  return call.builder.add(
    "Split", [call.gradient, Term.joined(sizes)], [Attribute("axis", .int(Int64(axis)))],
    gives: sizes.map { _ in element })
}

/// Constant padding is undone by as much negative padding; every other kind repeats elements.
private func paddingRule(_ call: GradientCall) throws(ModelError) -> [Term?] {
  let (g, builder) = (call.gradient, call.builder)
  guard try call.reader.string("mode", default: "constant") == "constant" else {
    return try movedRule(call)
  }
  let name = call.reader.has("paddings") ? "paddings" : "pads"
  let pads =
    call.reader.has(name) ? builder.list(try call.reader.ints(name)) : try call.input(1)
  let axes = call.has(3) ? try call.input(3).cast(to: .i64) : nil
  let dx = g.apply("Pad", -pads, nil, axes)
  guard call.has(2) else { return [dx] }
  let dValue =
    g.reduced("ReduceSum", nil)
    - dx.reduced("ReduceSum", nil).reshaped(
      g.reduced("ReduceSum", nil).extents)
  return [dx, nil, dValue.reshaped(try call.input(2).extents)]
}

/// The windows of the image's gradient, each as a column: a convolution with one kernel for each place in a window.
private func columnRule(_ call: GradientCall) throws(ModelError) -> [Term?] {
  let (g, builder) = (call.gradient, call.builder)
  guard let kernel = builder.integers(call.node.inputs[2]), !kernel.isEmpty else {
    throw call.refused("its block_shape depends on data", expected: "a constant block_shape")
  }
  let area = kernel.reduce(1, *)
  let lines = builder.scalar(0, g.element).expanded(builder.list([area, area]))
  let unit = builder.add("EyeLike", [lines], gives: g.element)
  let single = g.reshaped(
    Term.joined([
      g.extents(0..<2).reduced("ReduceProd", nil), builder.list([1]),
      g.extents(2..<2 + kernel.count),
    ]))
  let windows = single.apply(
    "Conv", unit.reshaped(builder.list([area, 1] + kernel)), attributes: call.node.attributes)
  return [windows.reshaped(try call.input(0).extents)]
}
