/// Every rule of differentiation: one line each, by family. What is in neither list has no gradient here.
package enum GradientTable {
  package static let rules: [GradientRule] = [
    unaryRules, binaryRules, selectionRules, matrixRules, convolutionRules, poolingRules,
    reductionRules, normalizationRules, movementRules, indexingRules, lossRules, signalRules,
    controlRules,
  ].flatMap { $0 }

  /// Operators whose outputs do not change with small changes of their inputs: their gradient is zero, or they give no
  /// numbers of that kind.
  static let constants: Set<String> = [
    "And", "ArgMax", "ArgMin", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor", "Ceil",
    "Constant", "ConstantOfShape", "Equal", "EyeLike", "Floor", "Greater", "GreaterOrEqual",
    "Hardmax", "IsInf", "IsNaN", "Less", "LessOrEqual", "NonMaxSuppression", "NonZero", "Not",
    "OneHot", "Or", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial", "Range",
    "Round", "Shape", "Sign", "Size", "Xor",
  ]

  private static let byName: [String: GradientRule] = Dictionary(
    uniqueKeysWithValues: rules.map { (key($0.opType, $0.domain), $0) })

  private static func key(_ opType: String, _ domain: String) -> String { "\(domain)/\(opType)" }

  static func rule(_ node: Node) -> GradientRule? {
    byName[key(node.opType, Model.canonical(node.domain))]
  }

  static func isConstant(_ node: Node) -> Bool {
    Model.canonical(node.domain).isEmpty && constants.contains(node.opType)
  }
}
