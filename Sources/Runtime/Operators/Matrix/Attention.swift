/// `Attention`: each query's mean of the values, weighted by how well the keys match it.
///
///     s = softcap(q·kᵀ · scale) + bias;  y = softmax(s) · v
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `Q`, `K`, `V` | `[batch, heads, time, size]`, or `[batch, time, heads·size]` | `f32`, `f64`, `f16`, `bf16` |
/// | input  | `attn_mask`, optional | broadcast to `[batch, heads, queries, keys]`; missing keys are masked | `bool` or numbers |
/// | input  | `past_key`, `past_value`, optional | `[batch, heads, past, size]` | |
/// | input  | `nonpad_kv_seqlen`, optional | `[batch]`: keys that count, since opset 24 | `i64` |
/// | output | `Y`  | as `Q`, with the size of `V` | type of `Q` |
/// | output | `present_key`, `present_value`, optional | past and new ones together | |
/// | output | `qk_matmul_output`, optional | `[batch, heads, queries, keys]`, of the stage `qk_matmul_output_mode` | |
/// | attr   | `is_causal`, `scale`, `softcap`, `q_num_heads`, `kv_num_heads`, `softmax_precision` | | |
///
/// `V` may be of another type than `Q` and `K`. Several query heads may share one head of keys and values. A query with no key at all gives 0. Source: ONNX
/// `Attention`, opsets 23 to 25.
struct Attention: TensorOperator {
  private let isCausal: Bool
  private let scale: Double?
  private let softcap: Double
  private let queryHeads: Int?
  private let keyHeads: Int?
  private let mode: Int
  private let window: (left: Int, right: Int)

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 3...7, outputs: 1...4)
    isCausal = try node.bool("is_causal", default: false)
    scale = node.has("scale") ? Double(try node.float("scale")) : nil
    softcap = Double(try node.float("softcap", default: 0))
    queryHeads = node.has("q_num_heads") ? try node.int("q_num_heads") : nil
    keyHeads = node.has("kv_num_heads") ? try node.int("kv_num_heads") : nil
    mode = try node.int("qk_matmul_output_mode", default: 0)
    window = (
      try node.int("left_window_size", default: -1), try node.int("right_window_size", default: -1)
    )
    guard (0...3).contains(mode), (queryHeads ?? 1) > 0, (keyHeads ?? 1) > 0 else {
      throw ModelError(
        .invalidAttribute, "mode \(mode) with \(queryHeads ?? 1) and \(keyHeads ?? 1) heads",
        expected: "a mode 0 ... 3 and heads ≥ 1")
    }
  }

  /// `[batch, heads, time, size]` of an operand.
  private func split(_ shape: Shape, heads: Int?) throws(ModelError) -> [Dimension] {
    if shape.rank == 4 { return shape.dimensions }
    guard shape.rank == 3, let heads, (shape[2].value ?? 0) % heads == 0 else {
      throw ModelError(
        .shapeMismatch, "a tensor \(shape) with \(heads ?? 0) heads",
        expected: "rank 4, or rank 3 with a number of heads")
    }
    return [shape[0], .fixed(heads), shape[1], shape[2] / .fixed(heads)]
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let types: Set<ElementType> = [.f32, .f64, .f16, .bf16]
    let (q, k, v) = (
      try inputs.tensor(0, of: types), try inputs.tensor(1, of: types),
      try inputs.tensor(2, of: types)
    )
    guard let qShape = q.shape, let kShape = k.shape, let vShape = v.shape else {
      return [
        .tensor(q.element, nil), .tensor(k.element, nil), .tensor(v.element, nil),
        .tensor(q.element, nil),
      ]
    }
    let queries = try split(qShape, heads: queryHeads)
    var keys = try split(kShape, heads: keyHeads)
    var values = try split(vShape, heads: keyHeads)
    let heads = (queries[1].value, keys[1].value)
    guard queries[3].canBe(keys[3]), keys[2].canBe(values[2]), keys[1].canBe(values[1]),
      queries[0].canBe(keys[0]), queries[0].canBe(values[0]),
      (heads.0 ?? 0) % max(1, heads.1 ?? 1) == 0
    else {
      throw ModelError(
        .shapeMismatch, "queries \(qShape), keys \(kShape), values \(vShape)",
        expected:
          "one batch, equal sizes, as many keys as values, and heads that divide the queries'")
    }
    try checkOptional(inputs, batch: queries[0])
    if let past = try inputs.optionalTensor(4) {
      let more = past.shape?[2] ?? .unknown
      keys[2] = keys[2] + more
      values[2] = values[2] + more
    }
    let output: Shape =
      qShape.rank == 4
      ? [queries[0], queries[1], queries[2], values[3]]
      : [queries[0], queries[2], queries[1] * values[3]]
    return [
      .tensor(q.element, output), .tensor(k.element, Shape(keys)),
      .tensor(v.element, Shape(values)),
      .tensor(q.element, [queries[0], queries[1], queries[2], keys[2]]),
    ]
  }

  /// What the extents of queries, keys and values do not tell yet is checked when all are numbers.
  private func checkOptional(_ inputs: Operands, batch: Dimension) throws(ModelError) {
    for index in 4...5 {
      guard let shape = try inputs.optionalTensor(index)?.shape, shape.rank != 4 else { continue }
      throw ModelError(
        .shapeMismatch, "a past \(shape)", expected: "[batch, heads, past, size]")
    }
    guard inputs.has(6), let lengths = try inputs.tensor(6, of: [.i64]).shape,
      !lengths.canBe([batch])
    else { return }
    throw ModelError(.shapeMismatch, "'nonpad_kv_seqlen' \(lengths)", expected: "[\(batch)]")
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    if try MixedAttention.isNeeded(io) { return try MixedAttention(attention: self).lower(io) }
    if HalfStaging.isNeeded(io) {
      return try HalfStaging.kernel(io) { (io) throws(ModelError) in try lower(io) }
    }
    func extents(_ index: Int, _ heads: Int?) throws(ModelError) -> [Int] {
      try split(Shape(io.input(index).shape), heads: heads).compactMap(\.value)
    }
    let (q, k, v) = (
      try extents(0, queryHeads), try extents(1, keyHeads), try extents(2, keyHeads)
    )
    let past = io.has(4) ? try io.input(4).shape[2] : 0
    let job = AttentionJob(
      q: q, k: k, v: v, past: past, isCausal: isCausal,
      scale: scale ?? 1 / Double(max(1, q[3])).squareRoot(), softcap: softcap, mode: mode,
      window: window, rank: try io.input(0).rank,
      maskShape: io.has(3) ? try io.input(3).shape : nil,
      maskIsBool: io.has(3) ? try io.input(3).element == .bool : false, hasLengths: io.has(6),
      wanted: (0..<4).map { $0 < io.outputs.count && io.outputs[$0] != nil })
    try job.check(io)
    if try io.input(0).element == .f64 { return job.kernel({ (x: Double) in x }, { $0 }) }
    return job.fusedKernel() ?? job.kernel({ (x: Float) in Double(x) }, { Float($0) })
  }
}
