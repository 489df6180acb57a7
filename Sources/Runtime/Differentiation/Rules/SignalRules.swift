/// Operators on signals.
let signalRules: [GradientRule] = [
  GradientRule("DFT") { (call) throws(ModelError) in try fourierRule(call) }
]

/// The transform with the conjugate factors, of the length of the node's.
private func fourierRule(_ call: GradientCall) throws(ModelError) -> [Term?] {
  let (reader, builder, rank) = (call.reader, call.builder, try call.rank())
  var place = reader.opset < 20 ? try reader.int("axis", default: 1) : -2
  if reader.opset >= 20, call.has(2) {
    guard let known = builder.integers(call.node.inputs[2])?.first else {
      throw call.refused("its axis depends on data", expected: "a constant axis")
    }
    place = known
  }
  let axis = try Shape.normalize(place, rank: rank)
  let isInverse = try reader.bool("inverse", default: false)
  let isOnesided = try reader.bool("onesided", default: false)
  guard !(isInverse && isOnesided) else {
    throw call.refused("it is inverse and one-sided", expected: "one of them")
  }
  let (x, g) = (try call.input(0), call.gradient)
  let count = x.extents(axis..<axis + 1)
  let one = builder.list([1])
  let length = call.has(1) ? try call.input(1).cast(to: .i64).reshaped(one) : count
  // Frequencies that the output leaves out have no gradient.
  let bins = g.extents(axis..<axis + 1)
  let full =
    isOnesided ? g.padded(Term.joined([builder.list([0]), length - bins]), axes: [axis]) : g
  let back = builder.add(
    "DFT", [full, length.squeezed([0]), builder.scalar(Double(axis), .i64)],
    [Attribute("inverse", .int(isInverse ? 0 : 1))], gives: g.element)
  // The inverse transform divides by the length.
  let scale = length.squeezed([0]).cast(to: g.element)
  let whole = isInverse ? back / scale : back * scale
  let fitted = whole.padded(Term.joined([builder.list([0]), count - length]), axes: [axis])
  let parts = x.extents(rank - 1..<rank)
  return [fitted.slice(builder.list([0]), parts, axes: [rank - 1])]
}
