import ModelFormat

/// `GatedAdd` of `com.microsoft`: a tensor, and another one by a weight for each row.
///
///     output = X + Y · gate
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `X`, `Y` | `[…, c]` | `f32`, `f16`, `bf16` |
/// | input  | `gate` | `[…, 1]` | type of `X` |
/// | output | `output` | of `X` | type of `X` |
///
/// The product is rounded to the element type. Source: ONNX Runtime's contributed operator, version 1.
struct GatedAdd: ComposedOperator {
  init(_ node: NodeReader) throws(ModelError) { try node.require(inputs: 3...3) }

  func compose(_ parts: inout Composition) throws(ModelError) -> [Composition.Value?] {
    let x = try parts.input(0, of: StreamAxes.elements)
    let y = try parts.input(1, of: [x.element])
    let gate = try parts.input(2, of: [x.element])
    if let shape = x.shape {
      var row = shape
      if shape.rank > 0 { row.dimensions[shape.rank - 1] = 1 }
      guard shape.rank > 0, y.shape?.canBe(shape) ?? true, gate.shape?.canBe(row) ?? true else {
        throw ModelError(
          .shapeMismatch, "\(x.type), \(y.type) and a gate \(gate.type)",
          expected: "two tensors […, c] and a gate […, 1]")
      }
    }
    return [try parts("Add", x, try parts("Mul", y, gate))]
  }
}

/// `LinearAttentionGate` of `com.microsoft`: the gates of ``LinearAttention`` from their projections.
///
///     decay = decay_scale · softplus(a + dt_bias);  beta = sigmoid(b)
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `a`  | `[batch, time, heads]` | `f32`, `f16`, `bf16` |
/// | input  | `dt_bias`, `decay_scale` | `[heads]` | `f32` |
/// | input  | `b`, optional | of `a` | type of `a` |
/// | output | `decay`, `beta` | of `a` | type of `a` |
///
/// Computed in `f32`. Source: ONNX Runtime's contributed operator, version 1.
struct LinearAttentionGate: ComposedOperator {
  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 3...4, outputs: 1...2)
    guard !node.hasOutput(1) || node.hasInput(3) else {
      throw ModelError(.missingInput, "input 3 is left out", expected: "what 'beta' is made of")
    }
  }

  func compose(_ parts: inout Composition) throws(ModelError) -> [Composition.Value?] {
    let a = try parts.input(0, of: StreamAxes.elements, rank: 3)
    let bias = try parts.input(1, of: [.f32], rank: 1)
    let scale = try parts.input(2, of: [.f32], rank: 1)
    let b = try parts.optional(3, of: [a.element])
    for vector in [bias, scale] {
      guard let heads = a.shape?[2], let count = vector.shape?[0], !count.canBe(heads) else {
        continue
      }
      throw ModelError(
        .shapeMismatch, "\(count) numbers for \(heads) heads", expected: "[\(heads)]")
    }
    if let b, let shape = b.shape, let other = a.shape, !shape.canBe(other) {
      throw ModelError(.shapeMismatch, "input 3 is \(shape)", expected: "\(other)")
    }
    let sum = try parts("Add", try parts.cast(a, .f32), bias)
    let decay = try parts("Mul", try parts("Softplus", sum), scale)
    let beta = try b.map { (b) throws(ModelError) in
      try parts.cast(try parts("Sigmoid", try parts.cast(b, .f32)), a.element)
    }
    return [try parts.cast(decay, a.element), beta]
  }
}
