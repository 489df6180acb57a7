/// Functions of one operand: the derivative at x, where the value is y.
let unaryRules: [GradientRule] =
  unaryDerivatives.map { name, derivative in
    GradientRule(name) { (call) throws(ModelError) in
      let (x, y) = (try call.input(0), try call.output())
      return [call.gradient * (try derivative(x, y, call.reader))]
    }
  } + [
    GradientRule("Identity") { (call) throws(ModelError) in [call.gradient] },
    GradientRule("Neg") { (call) throws(ModelError) in [-call.gradient] },
    GradientRule("Cast", castRule), GradientRule("CastLike", castRule),
    GradientRule("Dropout") { (call) throws(ModelError) in
      // Elements were multiplied by 0 or by one number, or left as they are: what y / x says where x is not 0.
      guard call.node.outputs.count > 1, let mask = call.node.outputs[1] else {
        throw call.refused("which elements were kept is not known", expected: "the output 'mask'")
      }
      let (x, y) = (try call.input(0), try call.output())
      let keeps =
        call.reader.opset < 10
        ? try call.builder.term(mask).equals(0).negated : try call.builder.term(mask)
      // The factor is the same wherever something was kept.
      let some = keeps.and(x.equals(0).negated)
      let factor = some.chooses(y / some.chooses(x, 1), 0).reduced("ReduceMax", nil)
      return [keeps.chooses(call.gradient * factor, 0)]
    },
  ]

private let castRule: GradientRule.Apply = { (call) throws(ModelError) in
  [call.gradient.cast(to: try call.input(0).element)]
}

private typealias Derivative = @Sendable (Term, Term, NodeReader) throws(ModelError) -> Term

private let unaryDerivatives: [(String, Derivative)] =
  elementaryDerivatives + activationDerivatives

private let elementaryDerivatives: [(String, Derivative)] = [
  ("Abs", { (x, _, _) throws(ModelError) in x.sign }),
  ("Acos", { (x, _, _) throws(ModelError) in -1 / (1 - x.squared).squareRoot }),
  ("Acosh", { (x, _, _) throws(ModelError) in 1 / (x.squared - 1).squareRoot }),
  ("Asin", { (x, _, _) throws(ModelError) in 1 / (1 - x.squared).squareRoot }),
  ("Asinh", { (x, _, _) throws(ModelError) in 1 / (x.squared + 1).squareRoot }),
  ("Atan", { (x, _, _) throws(ModelError) in 1 / (1 + x.squared) }),
  ("Atanh", { (x, _, _) throws(ModelError) in 1 / (1 - x.squared) }),
  ("Cos", { (x, _, _) throws(ModelError) in -x.apply("Sin") }),
  ("Cosh", { (x, _, _) throws(ModelError) in x.apply("Sinh") }),
  (
    "Erf",
    { (x, _, _) throws(ModelError) in 2 / Double.pi.squareRoot() * (-x.squared).exponential }
  ),
  ("Exp", { (_, y, _) throws(ModelError) in y }),
  ("Log", { (x, _, _) throws(ModelError) in 1 / x }),
  ("Reciprocal", { (_, y, _) throws(ModelError) in -y.squared }),
  ("Sin", { (x, _, _) throws(ModelError) in x.apply("Cos") }),
  ("Sinh", { (x, _, _) throws(ModelError) in x.apply("Cosh") }),
  ("Sqrt", { (_, y, _) throws(ModelError) in 0.5 / y }),
  ("Tan", { (_, y, _) throws(ModelError) in 1 + y.squared }),
  ("Tanh", { (_, y, _) throws(ModelError) in 1 - y.squared }),
]

private let activationDerivatives: [(String, Derivative)] = [
  (
    "Celu",
    { (x, _, node) throws(ModelError) in
      let alpha = Double(try node.float("alpha", default: 1))
      return x.isBelow(0).chooses((x / alpha).exponential, 1)
    }
  ),
  (
    "Elu",
    { (x, y, node) throws(ModelError) in
      let alpha = Double(try node.float("alpha", default: 1))
      return x.isBelow(0).chooses(y + alpha, 1)
    }
  ),
  ("Gelu", { (x, _, node) throws(ModelError) in try geluDerivative(x, node) }),
  (
    "HardSigmoid",
    { (x, y, node) throws(ModelError) in
      let alpha = Double(try node.float("alpha", default: 0.2))
      return y.isAbove(0).and(y.isBelow(1)).chooses(alpha, 0, x.element)
    }
  ),
  (
    "HardSwish",
    { (x, _, _) throws(ModelError) in
      let inner = x.isAbove(-3).and(x.isBelow(3))
      return inner.chooses(x / 3 + 0.5, x.isBelow(0).chooses(0, 1, x.element))
    }
  ),
  (
    "LeakyRelu",
    { (x, _, node) throws(ModelError) in
      x.isBelow(0).chooses(Double(try node.float("alpha", default: 0.01)), 1, x.element)
    }
  ),
  (
    "Mish",
    { (x, _, _) throws(ModelError) in
      let t = x.apply("Softplus").apply("Tanh")
      return t + x * (1 - t.squared) * x.apply("Sigmoid")
    }
  ),
  ("Relu", { (x, _, _) throws(ModelError) in x.isAbove(0).asNumber(x.element) }),
  (
    "Selu",
    { (x, y, node) throws(ModelError) in
      let older = node.opset < 6
      let alpha = Double(try node.float("alpha", default: older ? 1.6732 : 1.67326319))
      let gamma = Double(try node.float("gamma", default: older ? 1.0507 : 1.05070102))
      return x.isBelow(0).chooses(y + alpha * gamma, gamma)
    }
  ),
  (
    "Shrink",
    { (x, _, node) throws(ModelError) in
      let bound = Double(try node.float("lambd", default: 0.5))
      return x.apply("Abs").isAbove(bound).asNumber(x.element)
    }
  ),
  ("Sigmoid", { (_, y, _) throws(ModelError) in y * (1 - y) }),
  ("Softplus", { (x, _, _) throws(ModelError) in x.apply("Sigmoid") }),
  ("Softsign", { (x, _, _) throws(ModelError) in 1 / (x.apply("Abs") + 1).squared }),
  (
    "Swish",
    { (x, y, node) throws(ModelError) in
      let alpha = Double(try node.float("alpha", default: 1))
      let s = (alpha * x).apply("Sigmoid")
      return s + alpha * (y * (1 - s))
    }
  ),
  (
    "ThresholdedRelu",
    { (x, _, node) throws(ModelError) in
      x.isAbove(Double(try node.float("alpha", default: 1))).asNumber(x.element)
    }
  ),
]

private func geluDerivative(_ x: Term, _ node: NodeReader) throws(ModelError) -> Term {
  if try node.string("approximate", default: "none") == "none" {
    let density = (2 * Double.pi).squareRoot()
    let cumulative = 0.5 * ((x / 2.0.squareRoot()).apply("Erf") + 1)
    return cumulative + x * (-0.5 * x.squared).exponential / density
  }
  let slope = (2 / Double.pi).squareRoot()
  let t = (slope * (x + 0.044715 * (x * x.squared))).apply("Tanh")
  return 0.5 * (t + 1) + 0.5 * slope * (x * (1 - t.squared) * (1 + 3 * 0.044715 * x.squared))
}
