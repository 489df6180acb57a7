import CKernels

/// A row of the table of unary functions.
struct UnaryFunction: Sendable {
  typealias Parameters =
    @Sendable (NodeReader) throws(ModelError) -> (a: Float, b: Float)

  let name: String
  let versions: [Int]
  let kernel: zoo_unary
  /// Whether integers may be given, which are computed in f64 and cut off.
  let takesIntegers: Bool
  /// Decodes the kernel's parameters from a node's attributes.
  let parameters: Parameters

  init(
    _ name: String, _ versions: [Int], _ kernel: zoo_unary, takesIntegers: Bool = false,
    _ parameters: @escaping Parameters = { (_) throws(ModelError) in (0, 0) }
  ) {
    self.name = name
    self.versions = versions
    self.kernel = kernel
    self.takesIntegers = takesIntegers
    self.parameters = parameters
  }

  var entry: OperatorEntry {
    .init(name, versions) { (node) throws(ModelError) in try UnaryMath(node, self) }
  }
}

/// All functions of one floating-point operand (ONNX operators of the same names).
let unaryFunctions: [UnaryFunction] = [
  .init("Acos", [7, 22], zoo_unary_acos), .init("Acosh", [9, 22], zoo_unary_acosh),
  .init("Asin", [7, 22], zoo_unary_asin), .init("Asinh", [9, 22], zoo_unary_asinh),
  .init("Atan", [7, 22], zoo_unary_atan), .init("Atanh", [9, 22], zoo_unary_atanh),
  .init("Ceil", [1, 6, 13], zoo_unary_ceil),
  .init("Celu", [12, 28], zoo_unary_celu) { (node) throws(ModelError) in
    (try node.float("alpha", default: 1), 0)
  },
  .init("Cos", [7, 22], zoo_unary_cos), .init("Cosh", [9, 22], zoo_unary_cosh),
  .init("Elu", [1, 6, 22], zoo_unary_elu) { (node) throws(ModelError) in
    (try node.float("alpha", default: 1), 0)
  },
  .init("Erf", [9, 13], zoo_unary_erf, takesIntegers: true),
  .init("Exp", [1, 6, 13], zoo_unary_exp),
  .init("Floor", [1, 6, 13], zoo_unary_floor),
  .init("HardSigmoid", [1, 6, 22], zoo_unary_hard_sigmoid) { (node) throws(ModelError) in
    (try node.float("alpha", default: 0.2), try node.float("beta", default: 0.5))
  },
  .init("HardSwish", [14, 22], zoo_unary_hard_swish),
  .init("LeakyRelu", [1, 6, 16], zoo_unary_leaky_relu) { (node) throws(ModelError) in
    (try node.float("alpha", default: 0.01), 0)
  },
  .init("Log", [1, 6, 13], zoo_unary_log), .init("Mish", [18, 22], zoo_unary_mish),
  .init("Reciprocal", [1, 6, 13], zoo_unary_reciprocal),
  .init("Round", [11, 22], zoo_unary_round),
  .init("Selu", [1, 6, 22], zoo_unary_selu) { (node) throws(ModelError) in
    let alpha: Float = node.opset < 6 ? 1.6732 : 1.67326319
    let gamma: Float = node.opset < 6 ? 1.0507 : 1.05070102
    return (try node.float("alpha", default: alpha), try node.float("gamma", default: gamma))
  },
  .init("Shrink", [9], zoo_unary_shrink, takesIntegers: true) { (node) throws(ModelError) in
    (try node.float("lambd", default: 0.5), try node.float("bias", default: 0))
  },
  .init("Sigmoid", [1, 6, 13], zoo_unary_sigmoid),
  .init("Sin", [7, 22], zoo_unary_sin), .init("Sinh", [9, 22], zoo_unary_sinh),
  .init("Softplus", [1, 22], zoo_unary_softplus), .init("Softsign", [1, 22], zoo_unary_softsign),
  .init("Sqrt", [1, 6, 13], zoo_unary_sqrt),
  .init("Swish", [24], zoo_unary_swish) { (node) throws(ModelError) in
    (try node.float("alpha", default: 1), 0)
  },
  .init("Tan", [7, 22], zoo_unary_tan), .init("Tanh", [1, 6, 13], zoo_unary_tanh),
  .init("ThresholdedRelu", [10, 22], zoo_unary_thresholded_relu) { (node) throws(ModelError) in
    (try node.float("alpha", default: 1), 0)
  },
]

/// `Gelu` with its two formulas (ONNX opset 20), and the runtime's own names for it.
let geluOperators: [OperatorEntry] = [
  .init("Gelu", [20]) { (node) throws(ModelError) in
    let kind = try node.choice("approximate", of: ["none", "tanh"], default: "none")
    let kernel = kind == "none" ? zoo_unary_gelu : zoo_unary_gelu_tanh
    return try UnaryMath(node, UnaryFunction("Gelu", [20], kernel))
  },
  .init("Gelu", domain: "com.microsoft", [1]) { (node) throws(ModelError) in
    try UnaryMath(node, UnaryFunction("Gelu", [1], zoo_unary_gelu))
  },
]
