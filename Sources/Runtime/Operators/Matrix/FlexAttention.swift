import ModelFormat

/// `FlexAttention`: attention whose scores and weights pass through subgraphs.
///
///     s = score_mod(q·kᵀ · scale);   y = prob_mod(softmax(s)) · v
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `Q`  | `[batch, heads, queries, size]` | `f16`, `bf16`, `f32`, `f64` |
/// | input  | `K`, `V` | `[batch, key heads, keys, size]`, `[batch, key heads, keys, value size]` | type of `Q` |
/// | output | `Y`  | `[batch, heads, queries, value size]` | type of `Q` |
/// | attr   | `score_mod`, `prob_mod` | `[batch, heads, queries, keys]` → the same | graphs |
/// | attr   | `scale`, `softmax_precision` | | default 1 / √size; the type of scores, default `f32`, `f64` for `f64` |
///
/// Neighbouring query heads share one head of keys and values. Source: ONNX `FlexAttention` of `ai.onnx.preview`,
/// opset 1.
struct FlexAttention: ValueOperator {
  private let scale: Float?
  private let precision: ElementType?
  private let scoreGraph: GraphID?
  private let weightGraph: GraphID?

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 3...3)
    scale = node.has("scale") ? try node.float("scale") : nil
    precision = node.has("softmax_precision") ? try node.elementType("softmax_precision") : nil
    scoreGraph = node.has("score_mod") ? try node.graph("score_mod") : nil
    weightGraph = node.has("prob_mod") ? try node.graph("prob_mod") : nil
    if let precision, !ElementType.floats.contains(precision) {
      throw ModelError(
        .invalidAttribute, "scores of \(precision)", expected: "f16, bf16, f32 or f64")
    }
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let query = try inputs.tensor(0, of: ElementType.floats)
    let key = try inputs.tensor(1, of: [query.element]).shape
    let value = try inputs.tensor(2, of: [query.element]).shape
    guard let q = query.shape, let k = key, let v = value else {
      return [.tensor(query.element, nil)]
    }
    guard q.rank == 4, k.rank == 4, v.rank == 4, q[0].canBe(k[0]), q[0].canBe(v[0]),
      k[1].canBe(v[1]), k[2].canBe(v[2]), q[3].canBe(k[3]),
      (q[1].value ?? 0) % max(1, k[1].value ?? 1) == 0
    else {
      throw ModelError(
        .shapeMismatch, "queries \(q), keys \(k), values \(v)",
        expected: "[batch, heads, time, size] each, the heads a multiple of the keys'")
    }
    return [.tensor(query.element, [q[0], q[1], q[2], v[3]])]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    let (q, k, v) = (try call.tensor(0), try call.tensor(1), try call.tensor(2))
    let type = precision ?? q.elementType.computeType
    let (shape, keys) = (q.shape, k.shape)
    // The query heads of one key head are rows of one matrix.
    let rows = shape[1] / max(1, keys[1]) * shape[2]
    let stacked = [shape[0], keys[1], rows]
    let scoreShape = [shape[0], shape[1], shape[2], keys[2]]
    let scores = try scores(q.reshaped(to: stacked + [shape[3]]), k, call)
    let changed = try modified(
      scores.reshaped(to: scoreShape).converted(to: type), scoreGraph, "score_mod", call)
    let softmax = try run(Softmax(.plain, axis: -1), [changed], call)
    let weights = try modified(softmax, weightGraph, "prob_mod", call)
    let result = try product(
      weights.reshaped(to: stacked + [keys[2]]), v.converted(to: type), transposesB: false,
      alpha: 1, call)
    return [
      .tensor(
        try result.reshaped(to: [shape[0], shape[1], shape[2], v.shape[3]])
          .converted(to: q.elementType))
    ]
  }

  /// `a · bᵀ · scale`, whose last factor is as exact as the operands.
  private func scores(
    _ a: Tensor, _ b: Tensor, _ call: ValueCall
  ) throws(ModelError) -> Tensor {
    let size = max(1, a.shape.last ?? 1)
    guard a.elementType == .f64 else {
      let factor = scale ?? 1 / Float(size).squareRoot()
      return try product(a, b, transposesB: true, alpha: factor, call)
    }
    let factor = scale.map(Double.init) ?? 1 / Double(size).squareRoot()
    let scaled = try a.array(of: Double.self).map { $0 * factor }
    return try product(
      Tensor(scaled, shape: a.shape), b, transposesB: true, alpha: 1, call)
  }

  private func run(
    _ op: any Operator, _ inputs: [Tensor], _ call: ValueCall
  ) throws(ModelError) -> Tensor {
    let outputs = try OperatorCall.evaluate(
      op, inputs.map(Value.tensor), outputCount: 1, threads: call.threads)
    guard let tensor = outputs.first?.tensor else {
      throw ModelError(.arityMismatch, "an operator without an output", expected: "a tensor")
    }
    return tensor
  }

  private func product(
    _ a: Tensor, _ b: Tensor, transposesB: Bool, alpha: Float, _ call: ValueCall
  ) throws(ModelError) -> Tensor {
    try run(MatMul(transposesB: transposesB, alpha: alpha), [a, b], call)
  }

  /// What a subgraph makes of a tensor; the tensor itself without one.
  private func modified(
    _ tensor: Tensor, _ graph: GraphID?, _ name: String, _ call: ValueCall
  ) throws(ModelError) -> Tensor {
    guard let graph else { return tensor }
    let outputs = try call.run(graph, [.tensor(tensor)])
    guard outputs.count == 1, let changed = outputs[0].tensor, changed.type == tensor.type else {
      throw ModelError(
        .shapeMismatch, "'\(name)' makes \(outputs.map(\.type)) of \(tensor.type)",
        expected: "one tensor of the same type")
    }
    return changed
  }
}
