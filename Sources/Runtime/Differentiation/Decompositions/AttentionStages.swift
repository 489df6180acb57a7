/// Attention as its stages.
let attentionParts: [Decomposition] = [
  Decomposition("Attention") { (call) throws(ModelError) in try attentionStages(call) }
]

/// `[batch, time, heads·size]` as `[batch, heads, time, size]`.
private func heads(
  _ call: GradientCall, _ index: Int, _ name: String
) throws(ModelError) -> Term {
  let x = try call.input(index)
  if try call.rank(index) == 4 { return x }
  let count = try call.reader.int(name)
  let shape = Term.joined([x.extents(0..<2), x.builder.list([count, -1])])
  return x.reshaped(shape).transposed([0, 2, 1, 3])
}

private func attentionStages(_ call: GradientCall) throws(ModelError) -> [Term?] {
  let (reader, builder) = (call.reader, call.builder)
  guard !call.has(6), try reader.int("left_window_size", default: -1) < 0,
    try reader.int("right_window_size", default: -1) < 0
  else {
    throw call.refused("it has a window or lengths", expected: "an attention without them")
  }
  let q = try heads(call, 0, "q_num_heads")
  var (k, v) = (try heads(call, 1, "kv_num_heads"), try heads(call, 2, "kv_num_heads"))
  if call.has(4) { k = Term.joined([try call.input(4), k], axis: 2) }
  if call.has(5) { v = Term.joined([try call.input(5), v], axis: 2) }
  let presents = [k, v]
  // Query heads that share a head of keys get their own axis.
  let shared = Term.joined([k.extents(0..<2), builder.list([-1]), q.extents(2..<4)])
  let queries = q.reshaped(shared)
  let (keys, values) = (k.unsqueezed([2]), v.unsqueezed([2]).cast(to: q.element))
  let size = q.extents(3..<4).cast(to: q.element)
  let scale =
    reader.has("scale")
    ? builder.scalar(Double(try reader.float("scale")), q.element) : 1 / size.squareRoot
  var scores = (queries * scale).apply("MatMul", keys.transposed([0, 1, 2, 4, 3]))
  let cap = Double(try reader.float("softcap", default: 0))
  if cap > 0 { scores = cap * (scores / cap).apply("Tanh") }
  let all = Term.joined([q.extents(0..<3), k.extents(2..<3)])
  scores = scores.reshaped(all)
  if call.has(3) {
    let mask = try call.input(3)
    guard try call.rank(3) >= 2 else {
      throw call.refused("its mask is a list", expected: "[…, queries, keys]")
    }
    scores =
      mask.element == .bool
      ? mask.chooses(scores, -Double.infinity) : scores + mask.cast(to: q.element)
  }
  if try reader.bool("is_causal", default: false) {
    let past = call.has(4) ? try call.input(4).extents(2..<3) : builder.list([0])
    let ones = builder.scalar(1, .i32).expanded(
      Term.joined([q.extents(2..<3), k.extents(2..<3)]))
    let seen = ones.apply(
      "Trilu", past.squeezed([0]), attributes: [Attribute("upper", .int(0))])
    scores = seen.cast(to: .bool).chooses(scores, -Double.infinity)
  }
  let weights = scores.apply("Softmax", attributes: [Attribute("axis", .int(-1))])
  let grouped = weights.reshaped(
    Term.joined([
      k.extents(0..<2), builder.list([-1]),
      all.slice(
        builder.list([2]), builder.list([4]), axes: [0]),
    ]))
  var y = grouped.apply("MatMul", values).reshaped(
    Term.joined([q.extents(0..<3), v.extents(3..<4)]))
  if try call.rank(0) == 3 {
    y = y.transposed([0, 2, 1, 3]).reshaped(
      Term.joined([q.extents(0..<1), q.extents(2..<3), builder.list([-1])]))
  }
  // The scores of other stages than the last are not among the parts.
  let mode = try reader.int("qk_matmul_output_mode", default: 0)
  return [y] + presents + [mode == 3 ? weights : nil]
}
