/// Operators that pass some of their operands' elements on.
let selectionRules: [GradientRule] = [
  GradientRule("Where") { (call) throws(ModelError) in
    let (condition, g) = (try call.input(0), call.gradient)
    return [
      nil, try call.summed(condition.chooses(g, 0), to: 1),
      try call.summed(condition.chooses(0, g), to: 2),
    ]
  },
  GradientRule("Clip") { (call) throws(ModelError) in try clipRule(call) },
]

/// The gradient goes to x between the bounds, else to the bound that was chosen.
private func clipRule(_ call: GradientCall) throws(ModelError) -> [Term?] {
  let (x, y, g) = (try call.input(0), try call.output(), call.gradient)
  func bound(_ name: String, _ index: Int) throws(ModelError) -> Term? {
    if call.has(index) { return try call.input(index) }
    guard call.reader.has(name) else { return nil }
    return call.builder.scalar(Double(try call.reader.float(name)), x.element)
  }
  let (low, high) = (try bound("min", 1), try bound("max", 2))
  let limits = [low.map { x.isBelow($0) }, high.map { x.isAbove($0) }].compactMap { $0 }
  guard let first = limits.first else { return [g] }
  let isLimited = limits.dropFirst().reduce(first) { $0.apply("Or", $1) }
  let limited = isLimited.chooses(g, 0)
  let isHigh = high.map { y.equals($0) }
  var result: [Term?] = [isLimited.chooses(0, g), nil, nil]
  if call.has(1) {
    result[1] = try call.summed(isHigh.map { $0.chooses(0, limited) } ?? limited, to: 1)
  }
  if call.has(2), let isHigh { result[2] = try call.summed(isHigh.chooses(limited, 0), to: 2) }
  return result
}
