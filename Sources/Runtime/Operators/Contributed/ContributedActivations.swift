import ModelFormat

/// `FastGelu`, `BiasGelu`, `QuickGelu`, `BiasSplitGelu` and `ScaledSiLU` of `com.microsoft`.
///
///     FastGelu:  gelu(x + bias), by tanh        QuickGelu: x · sigmoid(alpha · x), alpha 1.702 by default
///     BiasGelu:  gelu(x + bias), by erf         BiasSplitGelu: a · gelu(b) for the halves a, b of x + bias
///     ScaledSiLU: z · sigmoid(z), z = scale · x
///
/// |        | name   | shape | element types |
/// |--------|--------|-------|---------------|
/// | input  | `X`    | any   | floats        |
/// | input  | `bias` | last axis of `X`; optional for `FastGelu`; for `ScaledSiLU` the scale, one element | floats |
/// | output | `Y`    | shape of `X`; for `BiasSplitGelu` half its last axis | type of `X` |
///
/// Source: ONNX Runtime's contributed operators, version 1.
struct ContributedActivation: ComposedOperator {
  private enum Form { case fast, biased, quick, split, scaled }

  private let form: Form
  private let alpha: Float

  init(fast node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...2)
    (form, alpha) = (.fast, 1)
  }

  init(biased node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...2)
    (form, alpha) = (.biased, 1)
  }

  init(quick node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    (form, alpha) = (.quick, try node.float("alpha", default: 1.702))
  }

  init(split node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...2)
    (form, alpha) = (.split, 1)
  }

  init(scaled node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...2)
    (form, alpha) = (.scaled, try node.float("alpha", default: 1))
  }

  func compose(_ parts: inout Composition) throws(ModelError) -> [Composition.Value?] {
    let x = try parts.input(0, of: ElementType.floats)
    let second = parts.optional(1)
    switch form {
    case .fast:
      return [
        try parts(
          "Gelu", try biased(&parts, x, second), attributes: ["approximate": .string("tanh")])
      ]
    case .biased: return [try parts("Gelu", try biased(&parts, x, second))]
    case .quick: return [try parts("Swish", x, attributes: ["alpha": .float(alpha)])]
    case .split:
      let sum = try biased(&parts, x, second)
      let halves = try parts.call(
        "Split", [sum], ["axis": .int(-1), "num_outputs": .int(2)], wants: [true, true])
      return [try parts("Mul", halves[0], try parts("Gelu", halves[1]))]
    case .scaled:
      var scale = try parts.scalar(alpha)
      if let given = try parts.optional(1, of: [x.element, .f32, .f16]) {
        scale = try parts.cast(given, .f32)
      }
      let z = try parts("Mul", x, try parts.cast(scale, x.element))
      return [try parts("Mul", z, try parts("Sigmoid", z))]
    }
  }

  private func biased(
    _ parts: inout Composition, _ x: Composition.Value, _ bias: Composition.Value?
  ) throws(ModelError) -> Composition.Value {
    guard let bias else { return x }
    if let columns = x.shape?.dimensions.last, let shape = bias.shape,
      shape.rank != 1 || !shape[0].canBe(columns)
    {
      throw ModelError(.shapeMismatch, "a bias \(shape)", expected: "[\(columns)]")
    }
    return try parts("Add", x, bias)
  }
}
