import CKernels

/// The activation that a fused node of domain `zoo` carries: attributes `activation` (a name from the list below),
/// `activation_a` and `activation_b` (its parameters).
enum FusedActivation {
  static let names = [
    "none", "relu", "leaky-relu", "clip", "sigmoid", "tanh", "gelu", "gelu-tanh", "silu",
    "hard-sigmoid", "hard-swish",
  ]

  static let none = zoo_activation(kind: ZOO_ACTIVATION_NONE, a: 0, b: 0)

  static func decode(_ node: NodeReader) throws(ModelError) -> zoo_activation {
    let name = try node.choice("activation", of: names, default: "none")
    let kind = zoo_activation_kind(UInt32(names.firstIndex(of: name) ?? 0))
    return zoo_activation(
      kind: kind, a: try node.float("activation_a", default: 0),
      b: try node.float("activation_b", default: 0))
  }

  static func attributes(_ name: String, _ a: Float = 0, _ b: Float = 0) -> [Attribute] {
    [
      Attribute("activation", .string(name)), Attribute("activation_a", .float(a)),
      Attribute("activation_b", .float(b)),
    ]
  }
}

extension Operands {
  /// Checks an operand that is added to a result, if input `index` is there.
  ///
  /// - Throws: `.elementTypeMismatch`, `.shapeMismatch`
  func requireAddend(
    _ index: Int, _ name: String, _ element: ElementType, _ shape: Shape?
  ) throws(ModelError) {
    guard has(index), let found = try tensor(index, of: [element]).shape, let shape,
      !found.canBe(shape)
    else { return }
    throw ModelError(.shapeMismatch, "\(name) \(found)", expected: "\(shape)")
  }
}

extension NodeIO {
  /// Checks that a residual, if input `index` is one, has the output's shape: passes know it as symbols only.
  ///
  /// - Throws: `.shapeMismatch`
  func requireResidual(_ index: Int) throws(ModelError) {
    guard has(index), try input(index).shape != output().shape else { return }
    throw ModelError(
      .shapeMismatch, "a residual \(try input(index).shape)",
      expected: "\(try output().shape), as the output")
  }
}
