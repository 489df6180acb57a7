/// Operators that bring values to a common scale.
let normalizationRules: [GradientRule] = [
  GradientRule("Softmax") { (call) throws(ModelError) in
    let y = try call.output()
    let weighted = call.gradient * y
    return [weighted - y * weighted.sum(try softmaxAxes(call))]
  },
  GradientRule("LogSoftmax") { (call) throws(ModelError) in
    let (y, g) = (try call.output(), call.gradient)
    return [g - y.exponential * g.sum(try softmaxAxes(call))]
  },
  GradientRule("LayerNormalization", outputs: 3) { (call) throws(ModelError) in
    try layerRule(call, centers: true)
  },
  GradientRule("RMSNormalization") { (call) throws(ModelError) in
    try layerRule(call, centers: false)
  },
  GradientRule("InstanceNormalization") { (call) throws(ModelError) in
    let rank = try call.rank()
    let unit = Standardized(
      try call.input(0), axes: Array(2..<rank),
      epsilon: Double(try call.reader.float("epsilon", default: 1e-5)))
    return try affineGradients(call, unit, rank: rank)
  },
  GradientRule("BatchNormalization") { (call) throws(ModelError) in try batchRule(call) },
  GradientRule("LpNormalization") { (call) throws(ModelError) in
    let (x, g) = (try call.input(0), call.gradient)
    let axes = [try call.axis(default: -1)]
    let isEuclidean = try call.reader.int("p", default: 2) == 2
    let norm = isEuclidean ? x.squared.sum(axes).squareRoot : x.apply("Abs").sum(axes)
    let safe = norm.equals(0).chooses(1, norm)
    let direction = isEuclidean ? x / safe : x.sign
    return [(g - direction * (g * x / safe).sum(axes)) / safe]
  },
]

/// Before opset 13 all axes from `axis` on are normalised together.
private func softmaxAxes(_ call: GradientCall) throws(ModelError) -> [Int] {
  let isOlder = call.reader.opset < 13
  let axis = try call.axis(default: isOlder ? 1 : -1)
  return isOlder ? Array(axis..<(try call.rank())) : [axis]
}

/// x̂ = (x − mean) · inverse, with the statistics of x itself along some axes.
private struct Standardized {
  let x: Term
  let axes: [Int]
  let centers: Bool
  let inverse: Term
  let unit: Term

  init(_ x: Term, axes: [Int], epsilon: Double, centers: Bool = true) {
    self.x = x
    self.axes = axes
    self.centers = centers
    let centered = centers ? x - x.mean(axes) : x
    inverse = 1 / (centered.squared.mean(axes) + epsilon).squareRoot
    unit = centered * inverse
  }

  /// The gradient of x from that of x̂.
  func gradient(_ d: Term) -> Term {
    let along = unit * (d * unit).mean(axes)
    return inverse * (centers ? d - d.mean(axes) - along : d - along)
  }

  /// The gradient of x from that of the mean, which has extents of 1 along the axes.
  func gradient(ofMean d: Term) -> Term { (unit.filled(1) * d).shared(axes) }

  /// The gradient of x from that of the inverse.
  func gradient(ofInverse d: Term) -> Term { (-(unit * (d * inverse.squared))).shared(axes) }
}

extension Term {
  /// A part of this for each element along the axes.
  fileprivate func shared(_ axes: [Int]) -> Term {
    let count = builder.add(
      "Gather", [extents, builder.list(axes)], gives: .i64
    ).reduced("ReduceProd", nil)
    return self / count.cast(to: element)
  }
}

private func layerRule(_ call: GradientCall, centers: Bool) throws(ModelError) -> [Term?] {
  let x = try call.input(0)
  let rank = try call.rank()
  let axes = Array(try call.axis(default: -1)..<rank)
  let unit = Standardized(
    x, axes: axes, epsilon: Double(try call.reader.float("epsilon", default: 1e-5)),
    centers: centers)
  var parts: [Term] = []
  var result: [Term?] = [nil, nil, nil]
  if let g = call.gradients[0] {
    parts.append(unit.gradient(g * (try call.input(1))))
    result[1] = (g * unit.unit).summed(to: try call.input(1).extents)
    if call.has(2) { result[2] = g.summed(to: try call.input(2).extents) }
  }
  for (index, gradient) in call.gradients.enumerated().dropFirst() {
    guard let gradient else { continue }
    // The statistics may be kept in another type than x.
    let d = gradient.cast(to: x.element)
    parts.append(index == 1 ? unit.gradient(ofMean: d) : unit.gradient(ofInverse: d))
  }
  result[0] = parts.dropFirst().reduce(parts[0], +)
  return result
}

/// Gradients of `y = x̂ · scale + shift`, where both have one element for each channel.
private func affineGradients(
  _ call: GradientCall, _ unit: Standardized, rank: Int
) throws(ModelError) -> [Term?] {
  let g = call.gradient
  let others = [0] + Array(2..<max(2, rank))
  let scale = try call.input(1).unsqueezed(Array(1..<max(1, rank - 1)))
  return [
    unit.gradient(g * scale), (g * unit.unit).sum(others).squeezed(others),
    g.sum(others).squeezed(others),
  ]
}

private func batchRule(_ call: GradientCall) throws(ModelError) -> [Term?] {
  let rank = try call.rank()
  guard rank >= 2 else {
    throw call.refused("its input has no channels", expected: "[batch, channels, …]")
  }
  let node = call.reader
  let epsilon = Double(try node.float("epsilon", default: 1e-5))
  let trains =
    try node.opset < 7
    ? !node.bool("is_test", default: false)
    : node.opset < 14
      ? (1..<5).contains { node.hasOutput($0) } : node.bool("training_mode", default: false)
  let (x, g) = (try call.input(0), call.gradient)
  let others = [0] + Array(2..<rank)
  if trains {
    let unit = Standardized(x, axes: others, epsilon: epsilon)
    return try affineGradients(call, unit, rank: rank)
  }
  func wide(_ index: Int) throws(ModelError) -> Term {
    try call.input(index).cast(to: x.element).unsqueezed(Array(1..<rank - 1))
  }
  let inverse = 1 / (try wide(4) + epsilon).squareRoot
  let unit = (x - (try wide(3))) * inverse
  let dx = g * (try wide(1) * inverse)
  let dScale = (g * unit).sum(others).squeezed(others)
  let dMean = -dx.sum(others).squeezed(others)
  let dVariance = (-0.5 * (dx * unit * inverse)).sum(others).squeezed(others)
  var result: [Term?] = [dx]
  for (index, part) in [dScale, g.sum(others).squeezed(others), dMean, dVariance].enumerated() {
    result.append(part.cast(to: try call.input(index + 1).element))
  }
  return result
}
