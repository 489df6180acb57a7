/// Functions of two or more operands, which are broadcast to one shape.
let binaryRules: [GradientRule] =
  [
    pairRule("Add") { _, _, _, g in (g, g) },
    pairRule("Sub") { _, _, _, g in (g, -g) },
    pairRule("Mul") { a, b, _, g in (g * b, g * a) },
    pairRule("Div") { a, b, y, g in (g / b, -(g * y) / b) },
    pairRule("PRelu") { x, slope, _, g in
      let isBelow = x.isBelow(0)
      return (isBelow.chooses(g * slope, g), isBelow.chooses(g * x, 0))
    },
    pairRule("Mod") { a, b, y, g in (g, -(g * (a - y) / b)) },
    GradientRule("Pow") { (call) throws(ModelError) in try powerRule(call) },
    GradientRule("Sum") { (call) throws(ModelError) in
      try call.node.inputs.indices.map { (index) throws(ModelError) in
        try call.summed(call.gradient, to: index)
      }
    },
    GradientRule("Mean") { (call) throws(ModelError) in
      let part = call.gradient / Double(call.node.inputs.count)
      return try call.node.inputs.indices.map { (index) throws(ModelError) in
        try call.summed(part, to: index)
      }
    },
    GradientRule("Max") { (call) throws(ModelError) in try extremeRule(call) },
    GradientRule("Min") { (call) throws(ModelError) in try extremeRule(call) },
  ]

/// - Parameter parts: The gradients of a and b in the shape of the output, from a, b, the output and its gradient.
private func pairRule(
  _ opType: String, _ parts: @escaping @Sendable (Term, Term, Term, Term) -> (Term, Term)
) -> GradientRule {
  GradientRule(opType) { (call) throws(ModelError) in
    let older = call.reader.opset < 7 && call.reader.has("axis")
    if older {
      throw call.refused("its operands are aligned by an axis", expected: "opset 7 or newer")
    }
    let (a, b) = parts(try call.input(0), try call.input(1), try call.output(), call.gradient)
    return [try call.summed(a, to: 0), try call.summed(b, to: 1)]
  }
}

/// d(aᵇ) = b·aᵇ⁻¹ da + aᵇ·ln a db; powers of nothing and of negative numbers do not depend smoothly on b.
private func powerRule(_ call: GradientCall) throws(ModelError) -> [Term?] {
  let (a, g, y) = (try call.input(0), call.gradient, try call.output())
  let exponent = try call.input(1)
  let b = exponent.cast(to: a.element)
  // aᵇ⁻¹ is infinite at a = 0 where b is 0 and the derivative is 0.
  let slope = b.equals(0).chooses(0, b * a.apply("Pow", b - 1))
  let da = try call.summed(g * slope, to: 0)
  guard ElementType.floats.contains(exponent.element) else { return [da] }
  let isPositive = a.isAbove(0)
  let logarithm = isPositive.chooses(a, 1).apply("Log")
  let db = try call.summed(g * isPositive.chooses(y * logarithm, 0), to: 1)
  return [da, db.cast(to: exponent.element)]
}

/// The gradient goes to the operand that was chosen; among equal ones it is shared.
private func extremeRule(_ call: GradientCall) throws(ModelError) -> [Term?] {
  let y = try call.output()
  let chosen = try call.node.inputs.indices.map { (index) throws(ModelError) in
    try call.input(index).equals(y).asNumber(y.element)
  }
  let share = call.gradient / call.builder.add("Sum", chosen, gives: y.element)
  return try chosen.indices.map { (index) throws(ModelError) in
    try call.summed(chosen[index] * share, to: index)
  }
}
