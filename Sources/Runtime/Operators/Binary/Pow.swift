import CKernels

/// `Pow` and `Mod`.
///
///     Pow: y = aᵇ          Mod: y = a − ⌊a / b⌋ b, or C's remainder with `fmod`
///
/// |        | name   | shape | element types |
/// |--------|--------|-------|---------------|
/// | input  | `a`    | any   | floats, integers of 8 to 64 bits |
/// | input  | `b`    | broadcast with `a` | `Pow`: any of these; `Mod`: type of `a` |
/// | output | `y`    | both, broadcast | type of `a` |
/// | attr   | `fmod` |       | `Mod`: default 0 |
///
/// An integer raised to a float is computed in f64 and truncated. Source: ONNX `Pow`, opsets 1, 7, 12, 13, 15;
/// `Mod`, opsets 10, 13.
struct Pow: TensorOperator {
  let op: zoo_binary
  let legacyAxis: LegacyAxis

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...2)
    op = zoo_binary_pow
    legacyAxis = try LegacyAxis(node)
  }

  init(mod node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...2)
    op = try node.bool("fmod", default: false) ? zoo_binary_fmod : zoo_binary_mod
    legacyAxis = .none
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let a = try inputs.tensor(0, of: ElementType.numbers)
    let b = try inputs.tensor(1, of: op == zoo_binary_pow ? ElementType.numbers : [a.element])
    return [
      .tensor(a.element, try Shape.broadcast([a.shape, legacyAxis.align(b.shape, below: a.shape)]))
    ]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let a = try io.input(0)
    let b = try io.input(1)
    let shape = legacyAxis.align(b.shape, below: a.shape)
    if let simple = constantPower(a, b) {
      return UnaryMath.kernel(simple, a: 0, b: 0, a.element, count: a.count)
    }
    let (x, z) = (try a.element.requireScalar(), try b.element.requireScalar())
    return BinaryLoop(
      op: op, compute: computeType(a.element, b.element, x), inputs: [x, z], output: x,
      broadcast: Broadcast([a.shape, shape], to: try io.output().shape)
    ).kernel(reusing: x == z ? BinaryLoop.reusable(io) : [:])
  }

  /// A type that holds both operands: whether an exponent is odd decides over a sign. What whole numbers are cut to
  /// afterwards does not depend on the width in which their powers were computed.
  private func computeType(_ a: ElementType, _ b: ElementType, _ own: zoo_scalar) -> zoo_scalar {
    if a.isFloatingPoint {
      return b.bitWidth < 32 || b == .f32 ? a.computeScalar(own) : zoo_f64
    }
    if b.isFloatingPoint { return zoo_f64 }
    if a == b || b.bitWidth < a.bitWidth { return own }
    return b.isUnsignedInteger ? zoo_u64 : zoo_i64
  }

  /// Powers that are exact in fewer steps.
  private func constantPower(_ a: NodeIO.Operand, _ b: NodeIO.Operand) -> zoo_unary? {
    guard op == zoo_binary_pow, a.element.isFloatingPoint, b.count == 1, b.rank <= a.rank,
      let value = b.value, let kind = b.element.scalar
    else { return nil }
    let exponent: Double? = try? value.withBytes { bytes in
      var exponent = 0.0
      if let base = bytes.baseAddress { zoo_cast(base, kind, &exponent, zoo_f64, 1) }
      return exponent
    }
    return switch exponent {
    case 2: zoo_unary_square
    case -1: zoo_unary_reciprocal
    default: nil
    }
  }
}
