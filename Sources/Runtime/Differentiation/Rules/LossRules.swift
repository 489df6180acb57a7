/// Losses over classes.
let lossRules: [GradientRule] = [
  GradientRule("NegativeLogLikelihoodLoss") { (call) throws(ModelError) in
    [try likelihoodGradient(call, call.gradient)]
  },
  GradientRule("SoftmaxCrossEntropyLoss", outputs: 2) { (call) throws(ModelError) in
    let x = try call.input(0)
    let probabilities = x.apply("LogSoftmax", attributes: [Attribute("axis", .int(1))])
    var d: Term?
    if let loss = call.gradients[0] { d = try likelihoodGradient(call, loss) }
    if call.gradients.count > 1, let direct = call.gradients[1] {
      d = d.map { $0 + direct } ?? direct
    }
    guard let d else { return [] }
    return [d - probabilities.exponential * d.sum([1])]
  },
]

/// The gradient of the scores, `[n, classes, …]`, of the weighted negative likelihood of the targets, `[n, …]`.
private func likelihoodGradient(_ call: GradientCall, _ gradient: Term) throws(ModelError) -> Term {
  let (x, builder) = (try call.input(0), call.builder)
  let given = try call.input(1)
  var target = given
  var weight: Term?
  if call.reader.has("ignore_index") {
    let isIgnored = given.equals(Double(try call.reader.int("ignore_index")))
    target = isIgnored.chooses(0, given)
    weight = isIgnored.chooses(0, 1, x.element)
  }
  if call.has(2) {
    let ofTarget = try call.input(2).apply("Gather", target)
    weight = weight.map { $0 * ofTarget } ?? ofTarget
  }
  let weights = weight ?? builder.scalar(1, x.element).expanded(given.extents)
  var share = gradient
  if try call.reader.string("reduction", default: "mean") == "mean" {
    share = gradient / weights.reduced("ReduceSum", nil).reshaped(builder.list([]))
  }
  let classes = x.extents(1..<2)
  let marks = Term.joined(
    [builder.scalar(0, x.element), builder.scalar(1, x.element)].map { $0.unsqueezed([0]) })
  let chosen = target.apply(
    "OneHot", classes, marks, attributes: [Attribute("axis", .int(1))], gives: x.element)
  return chosen * (-(weights * share)).unsqueezed([1])
}
