import ModelFormat

/// `EngramGate` of `com.microsoft`: a value that every stream takes as far as its key fits its query.
///
///     s = Σ norm(key) · norm(query) / √h;   gate = sigmoid(sign(s) · √max(|s|, 1e-6));   output = gate · value
///     gated_value_normed = norm(output)
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `key`, `query` | `[batch, time, streams, h]` | `f32`, `f16`, `bf16` |
/// | input  | `value` | `[batch, time, h]` | type of `key` |
/// | input  | `key_norm_scale`, `query_norm_scale`, `conv_norm_scale` (optional) | `[streams, h]` | type of `key` |
/// | output | `output`, `gated_value_normed` | of `key` | type of `key` |
/// | attr   | `epsilon` | | default 1e-5 |
///
/// `norm(x) = x / √(mean(x²) + ε) · scale`. Computed in `f32`. Source: ONNX Runtime's contributed operator, version 1.
struct EngramGate: ComposedOperator {
  private let epsilon: Float

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 5...6, outputs: 1...2)
    epsilon = try node.float("epsilon", default: 1e-5)
    guard !node.hasOutput(1) || node.hasInput(5) else {
      throw ModelError(
        .missingInput, "input 5 is left out", expected: "the scale of 'gated_value_normed'")
    }
  }

  func compose(_ parts: inout Composition) throws(ModelError) -> [Composition.Value?] {
    let key = try parts.input(0, of: StreamAxes.elements, rank: 4)
    let query = try parts.input(1, of: [key.element], rank: 4)
    let value = try parts.input(2, of: [key.element], rank: 3)
    if let k = key.shape, let q = query.shape, let v = value.shape {
      guard q.canBe(k), v.canBe([k[0], k[1], k[3]]) else {
        throw ModelError(
          .shapeMismatch, "a key \(k), a query \(q) and a value \(v)",
          expected: "[batch, time, streams, h] twice, and [batch, time, h]")
      }
    }
    guard let size = key.shape?[3].value else { return [key, key] }
    let keys = try normalized(&parts, try parts.cast(key, .f32), 3, size)
    let queries = try normalized(&parts, try parts.cast(query, .f32), 4, size)
    let axes = try parts.integers([3])
    let dot = try parts("ReduceSum", try parts("Mul", keys, queries), axes)
    let score = try parts("Div", dot, try parts.scalar(Float(size).squareRoot()))
    let length = try parts("Max", try parts("Abs", score), try parts.scalar(Float(1e-6)))
    let root = try parts("Mul", try parts("Sign", score), try parts("Sqrt", length))
    let row = try parts("Unsqueeze", try parts.cast(value, .f32), try parts.integers([2]))
    let gated = try parts("Mul", try parts("Sigmoid", root), row)
    let output = try parts.cast(gated, key.element)
    guard parts.wants(1), parts.optional(5) != nil else { return [output, nil] }
    let normed = try normalized(&parts, try parts.cast(output, .f32), 5, size)
    return [output, try parts.cast(normed, key.element)]
  }

  private func normalized(
    _ parts: inout Composition, _ x: Composition.Value, _ scale: Int, _ size: Int
  ) throws(ModelError) -> Composition.Value {
    let factors = try parts.input(scale, of: [try parts.input(0).element], rank: 2)
    if let shape = factors.shape, let all = x.shape, !shape.canBe([all[2], all[3]]) {
      throw ModelError(
        .shapeMismatch, "input \(scale) is \(shape)", expected: "[\(all[2]), \(all[3])]")
    }
    let ones = parts.constant(try Tensor([Float](repeating: 1, count: size), shape: [size]))
    let normal = try parts.rootMeanSquare(x, ones, epsilon)
    return try parts("Mul", normal, try parts.cast(factors, .f32))
  }
}
