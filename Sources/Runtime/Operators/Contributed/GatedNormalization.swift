import ModelFormat

/// `GatedRMSNorm` and `BranchwiseRMSNorm` of `com.microsoft`: each group of neighbours divided by its root mean square.
///
///     GatedRMSNorm:       y = x / √(mean(x²) + ε) · scale · a(gate);  a(z) = z · sigmoid(z), or sigmoid(z)
///     BranchwiseRMSNorm:  y = x / √(mean(x²) + ε) · scale
///
/// |        | name   | shape | element types |
/// |--------|--------|-------|---------------|
/// | input  | `X`    | `[…, h·c]`, or for branches `[…, b, c]` or `[…, b·c]` | `f32`, `f16`, `bf16` |
/// | input  | `scale` | `[c]`; for branches also `[b, c]` or `[b·c]`, and optional | type of `X`; for branches any of them |
/// | input  | `gate` (`GatedRMSNorm`) | of `X` | type of `X` |
/// | output | `Y`    | of `X` | type of `X` |
/// | attr   | `epsilon` | | default 1e-5 |
/// | attr   | `activation` (`GatedRMSNorm`) | | `silu` (default), `swish`, `sigmoid` |
/// | attr   | `num_branches` (`BranchwiseRMSNorm`) | | 0 (default): `X` has an axis for them |
///
/// Computed in `f32`. Source: ONNX Runtime's contributed operators, version 1.
struct GatedNormalization: ComposedOperator {
  private enum Form {
    case gated(isSigmoid: Bool)
    case branches(Int)
  }

  private let form: Form
  private let epsilon: Float

  init(gated node: NodeReader) throws(ModelError) {
    try node.require(inputs: 3...3)
    let name = try node.choice("activation", of: ["silu", "swish", "sigmoid"], default: "silu")
    form = .gated(isSigmoid: name == "sigmoid")
    epsilon = try node.float("epsilon", default: 1e-5)
  }

  init(branches node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...2)
    let count = try node.int("num_branches", default: 0)
    guard count >= 0 else {
      throw ModelError(.invalidAttribute, "num_branches is \(count)", expected: "0 or more")
    }
    form = .branches(count)
    epsilon = try node.float("epsilon", default: 1e-5)
  }

  func compose(_ parts: inout Composition) throws(ModelError) -> [Composition.Value?] {
    let x = try parts.input(0, of: StreamAxes.elements)
    switch form {
    case .gated(let isSigmoid): return [try gated(&parts, x, isSigmoid)]
    case .branches(let count): return [try branches(&parts, x, count)]
    }
  }

  private func gated(
    _ parts: inout Composition, _ x: Composition.Value, _ isSigmoid: Bool
  ) throws(ModelError) -> Composition.Value {
    let scale = try parts.input(1, of: [x.element], rank: 1)
    let gate = try parts.input(2, of: [x.element])
    if let shape = x.shape, let other = gate.shape, !shape.canBe(other) {
      throw ModelError(.shapeMismatch, "a gate \(other)", expected: "\(shape)")
    }
    guard let extents = x.shape?.extents, let size = scale.shape?.extents?[0] else { return x }
    guard let last = extents.last, size > 0, last % size == 0 else {
      throw ModelError(
        .shapeMismatch, "\(size) scales for \(x.type)",
        expected: "a divisor of the last extent")
    }
    let rows = try parts("Reshape", try parts.cast(x, .f32), try parts.integers([-1, size]))
    let normal = try parts.rootMeanSquare(rows, try parts.cast(scale, .f32), epsilon)
    let y = try parts("Reshape", normal, try parts.integers(extents))
    let z = try parts.cast(gate, .f32)
    let factor = try parts("Sigmoid", z)
    let weight = isSigmoid ? factor : try parts("Mul", z, factor)
    return try parts.cast(try parts("Mul", y, weight), x.element)
  }

  private func branches(
    _ parts: inout Composition, _ x: Composition.Value, _ count: Int
  ) throws(ModelError) -> Composition.Value {
    let scale = try parts.optional(1, of: StreamAxes.elements)
    guard let axes = try StreamAxes(x, branches: count) else { return x }
    let wide = try parts("Reshape", try parts.cast(x, .f32), try parts.integers(axes.grouped))
    let ones = parts.constant(
      try Tensor([Float](repeating: 1, count: axes.size), shape: [axes.size]))
    var y = try parts.rootMeanSquare(wide, ones, epsilon)
    if let scale {
      guard let rows = try rows(of: scale, axes) else { return x }
      let factor = try parts(
        "Reshape", try parts.cast(scale, .f32), try parts.integers([rows, axes.size]))
      y = try parts("Mul", y, factor)
    }
    return try parts.cast(try parts("Reshape", y, try parts.integers(axes.extents)), x.element)
  }

  /// How many branches have scales of their own: all or 1; `nil` while the extents of `scale` are open.
  private func rows(of scale: Composition.Value, _ axes: StreamAxes) throws(ModelError) -> Int? {
    guard let shape = scale.shape else { return nil }
    let shapes = [[axes.size], [axes.count, axes.size], [axes.count * axes.size]]
    guard shapes.contains(where: { shape.canBe(Shape($0)) }) else {
      throw ModelError(
        .shapeMismatch, "a scale \(scale.type)",
        expected: shapes.map { "\($0)" }.joined(separator: " or "))
    }
    return shape.extents.map { $0 == [axes.size] ? 1 : axes.count }
  }
}

extension Composition {
  /// Rows over their root mean squares, times `scale`, a list as long as a row.
  mutating func rootMeanSquare(
    _ rows: Value, _ scale: Value, _ epsilon: Float
  ) throws(ModelError) -> Value {
    try self(
      "RMSNormalization", rows, scale,
      attributes: ["axis": .int(-1), "epsilon": .float(epsilon)])
  }
}
