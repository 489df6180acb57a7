/// `Scan` as a `Loop` that takes its slices itself.
let controlParts: [Decomposition] = [
  Decomposition("Scan") { (call) throws(ModelError) in try scanParts(call) }
]

private func scanParts(_ call: GradientCall) throws(ModelError) -> [Term?] {
  let (node, reader, builder) = (call.node, call.reader, call.builder)
  guard reader.opset >= 9 else {
    throw call.refused("it has the batch of opset 8", expected: "opset 9 or later")
  }
  let body = try reader.graph("body")
  let count = try reader.int("num_scan_inputs")
  let states = node.inputs.count - count
  guard count > 0, states >= 0, builder.model[body].inputs.count == node.inputs.count else {
    throw call.refused("its body does not fit", expected: "as many inputs as the node has")
  }
  let axes = try reader.ints("scan_input_axes", default: Array(repeating: 0, count: count))
  let turns = try reader.ints("scan_input_directions", default: Array(repeating: 0, count: count))
  let places = try (0..<count).map { (index) throws(ModelError) in
    try Shape.normalize(axes[index], rank: try call.rank(states + index))
  }
  let scanned = try (0..<count).map { (index) throws(ModelError) in
    try call.input(states + index)
  }
  let steps = scanned[0].extents(places[0]..<places[0] + 1)
  let initial = try (0..<states).map { (index) throws(ModelError) in try call.input(index) }
  let ranks = try (0..<states).map { (index) throws(ModelError) in try call.rank(index) }
  let results = try builder.loop(steps, initial, ranks: ranks) {
    (inner, t, current) throws(ModelError) in
    var given = current
    for index in 0..<count {
      let place =
        turns[index] == 0 ? t : inner.outer(steps).squeezed([0]) - t - inner.scalar(1, .i64)
      given.append(inner.outer(scanned[index]).gathered(place, axis: places[index]))
    }
    let outputs = try inner.inlined(body, given)
    return (Array(outputs[..<states]), Array(outputs[states...]))
  }
  let kinds = node.outputs.count - states
  let outAxes = try reader.ints("scan_output_axes", default: Array(repeating: 0, count: kinds))
  let outTurns = try reader.ints(
    "scan_output_directions", default: Array(repeating: 0, count: kinds))
  var outputs = Array(results[..<states])
  for (index, stacked) in results[states...].enumerated() where index < kinds {
    var result = stacked
    if outTurns[index] != 0 {
      result = result.apply(
        "Slice", builder.list([-1]), builder.list([Int(Int32.min)]), builder.list([0]),
        builder.list([-1]))
    }
    guard outAxes[index] != 0, let output = node.outputs[states + index] else {
      outputs.append(result)
      continue
    }
    let rank = try builder.rank(output)
    let axis = try Shape.normalize(outAxes[index], rank: rank)
    var order = Array(1..<rank)
    order.insert(0, at: axis)
    outputs.append(result.transposed(order))
  }
  return outputs
}
