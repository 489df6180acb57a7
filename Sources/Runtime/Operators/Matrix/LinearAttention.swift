import LibC

/// `LinearAttention`: attention by a matrix that every step of time decays, corrects and adds to.
///
///     S ← exp(decay) · S                       (gated)
///     v ← β · (v − Sᵀk)                        (delta)
///     S ← S + k ⊗ v;   output = scale · Sᵀq
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `query` | `[batch, time, q_num_heads · dₖ]` | `f16`, `bf16`, `f32` |
/// | input  | `key`, `value` | `[batch, time, kv_num_heads · dₖ]`, `[batch, time, kv_num_heads · dᵥ]` | of `query` |
/// | input  | `past_state`, optional | `[batch, kv_num_heads, dₖ, dᵥ]`, default 0 | any of them |
/// | input  | `decay` (gated) | `[batch, time, kv_num_heads · dₖ]` or `[batch, time, kv_num_heads]` | of `query` |
/// | input  | `beta` (delta) | `[batch, time, kv_num_heads]` or `[batch, time, 1]` | of `query` |
/// | output | `output` | `[batch, time, q_num_heads · dᵥ]` | of `query` |
/// | output | `present_state` | `[batch, kv_num_heads, dₖ, dᵥ]` | of `past_state`, or of `query` |
/// | attr   | `update_rule` | | `gated_delta` (default), `linear`, `gated`, `delta` |
/// | attr   | `scale`, `q_num_heads`, `kv_num_heads` | | scale 0 (default): 1 / √dₖ |
///
/// Several query heads may share one state. `chunk_size` is a hint that changes no result. Source: ONNX
/// `LinearAttention`, opset 27.
struct LinearAttention: FloatOperator {
  private let queryHeads: Int
  private let stateHeads: Int
  private let scale: Float
  private let isGated: Bool
  private let isDelta: Bool
  private let isContributed: Bool

  init(_ node: NodeReader) throws(ModelError) { try self.init(node, isContributed: false) }

  /// The operator of `com.microsoft`: also with fewer heads of queries than of states, whose outputs have as many as the
  /// states then, and with keys of fewer heads, each of which several states share.
  init(contributed node: NodeReader) throws(ModelError) {
    try node.refuseStateWindow()
    try self.init(node, isContributed: true)
  }

  private init(_ node: NodeReader, isContributed: Bool) throws(ModelError) {
    try node.require(inputs: 3...6, outputs: 1...2)
    self.isContributed = isContributed
    queryHeads = try node.int("q_num_heads")
    stateHeads = try node.int("kv_num_heads")
    scale = try node.float("scale", default: 0)
    let rule = try node.choice(
      "update_rule", of: ["linear", "gated", "delta", "gated_delta"], default: "gated_delta")
    isGated = rule.hasPrefix("gated")
    isDelta = rule.hasSuffix("delta")
    guard stateHeads > 0, queryHeads > 0,
      queryHeads % stateHeads == 0 || (isContributed && stateHeads % queryHeads == 0)
    else {
      throw ModelError(
        .invalidAttribute, "\(queryHeads) query heads and \(stateHeads) key heads",
        expected: "a multiple of the key heads")
    }
    for (index, name, isWanted) in [(4, "decay", isGated), (5, "beta", isDelta)]
    where node.hasInput(index) != isWanted {
      throw ModelError(
        isWanted ? .missingInput : .arityMismatch,
        "rule '\(rule)' \(isWanted ? "without" : "with") input '\(name)'",
        expected: isWanted ? "that input" : "none")
    }
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let query = try inputs.tensor(0, of: ElementType.floats)
    let key = try inputs.tensor(1, of: [query.element])
    let value = try inputs.tensor(2, of: [query.element])
    for index in 4...5 where inputs.has(index) {
      _ = try inputs.tensor(index, of: [query.element])
    }
    // Nothing else brings f64 into what is computed in f32.
    let states = query.element == .f64 ? [.f64] : ElementType.floats.subtracting([.f64])
    let past = inputs.has(3) ? try inputs.tensor(3, of: states) : nil
    let state = past?.element ?? query.element
    guard let q = query.shape, let k = key.shape, let v = value.shape else {
      return [.tensor(query.element, nil), .tensor(state, nil)]
    }
    guard q.rank == 3, k.rank == 3, v.rank == 3,
      (q[2].value ?? 0) % queryHeads == 0, (v[2].value ?? 0) % stateHeads == 0,
      takesKeys(k[2], size: q[2] / .fixed(queryHeads)),
      [0, 1].allSatisfy({ q[$0].canBe(k[$0]) && q[$0].canBe(v[$0]) })
    else {
      throw ModelError(
        .shapeMismatch, "a query \(q), a key \(k) and a value \(v)",
        expected: "[batch, time, heads · size] with \(queryHeads) and \(stateHeads) heads")
    }
    let size = (key: q[2] / .fixed(queryHeads), value: v[2] / .fixed(stateHeads))
    let stateShape: Shape = [q[0], .fixed(stateHeads), size.key, size.value]
    try check(inputs, 3, [stateShape])
    let heads = Dimension.fixed(stateHeads)
    try check(inputs, 4, [[q[0], q[1], heads], [q[0], q[1], heads * size.key]])
    try check(inputs, 5, [[q[0], q[1], heads], [q[0], q[1], 1]])
    return [
      .tensor(query.element, [q[0], q[1], .fixed(max(queryHeads, stateHeads)) * size.value]),
      .tensor(state, stateShape),
    ]
  }

  private func takesKeys(_ width: Dimension, size: Dimension) -> Bool {
    guard isContributed, let width = width.value, let size = size.value, size > 0 else {
      return (size * .fixed(stateHeads)).canBe(width)
    }
    return width > 0 && width % size == 0 && stateHeads % (width / size) == 0
  }

  private func check(
    _ inputs: Operands, _ index: Int, _ allowed: [Shape]
  ) throws(ModelError) {
    guard let shape = try inputs.optionalTensor(index)?.shape else { return }
    guard allowed.contains(where: shape.canBe) else {
      throw ModelError(
        .shapeMismatch, "input \(index) is \(shape)",
        expected: allowed.map(\.description).joined(separator: " or "))
    }
  }

  func lower<T: FloatElement>(_ io: NodeIO, as type: T.Type) throws(ModelError) -> Kernel {
    let (q, k, v) = (try io.input(0).shape, try io.input(1).shape, try io.input(2).shape)
    let keySize = q[2] / queryHeads
    let job = Job(
      batch: q[0], time: q[1], queryHeads: queryHeads, stateHeads: stateHeads,
      keyHeads: keySize > 0 ? k[2] / keySize : stateHeads, keySize: keySize,
      valueSize: v[2] / stateHeads,
      scale: scale == 0 ? 1 / Float(max(1, q[2] / queryHeads)).squareRoot() : scale,
      decays: io.has(4) ? try io.input(4).shape[2] : 0,
      rates: io.has(5) ? try io.input(5).shape[2] : 0)
    let hasPast = io.has(3)
    let wanted = (0..<2).map { $0 < io.outputs.count && io.outputs[$0] != nil }
    let states = job.batch * stateHeads * job.stateSize
    let outputs = wanted[0] ? 0 : job.batch * job.time * job.outputHeads * job.valueSize
    let size = MemoryLayout<T>.stride
    return Kernel(
      "linear_attention_\(T.elementType)",
      scratchBytes: size * (outputs + (wanted[1] ? 0 : states) + job.batch * v[2])
    ) { context in
      let spare = context.scratch.assumingMemoryBound(to: T.self)
      let output = wanted[0] ? context.output(0, as: T.self) : spare
      let state = wanted[1] ? context.output(1, as: T.self) : spare + outputs
      let change = spare + outputs + (wanted[1] ? 0 : states)
      if hasPast {
        state.update(from: context.input(3, as: T.self), count: states)
      } else {
        state.update(repeating: 0, count: states)
      }
      let memory = Memory<T>(
        query: context.input(0), key: context.input(1), value: context.input(2),
        decay: job.decays > 0 ? context.input(4) : nil,
        rate: job.rates > 0 ? context.input(5) : nil, output: output, state: state, change: change)
      context.parallel(job.batch * job.stateHeads, grain: job.grain) { range in
        for head in range { job.run(memory, head / job.stateHeads, head % job.stateHeads) }
      }
    }
  }

  private struct Memory<T> {
    let query, key, value: UnsafePointer<T>
    let decay, rate: UnsafePointer<T>?
    let output, state: UnsafeMutablePointer<T>
    /// `[batch · heads, value size]`: what one step adds.
    let change: UnsafeMutablePointer<T>
  }

  private struct Job: Sendable {
    let batch, time, queryHeads, stateHeads, keyHeads, keySize, valueSize: Int
    let scale: Float
    /// Extents of the last axis; 0 where there is none.
    let decays, rates: Int

    var outputHeads: Int { max(queryHeads, stateHeads) }
    var stateSize: Int { keySize * valueSize }
    var grain: Int { max(1, 8192 / max(1, time * stateSize)) }

    /// All steps of one state.
    func run<T: FloatElement>(_ memory: Memory<T>, _ b: Int, _ h: Int) {
      let state = memory.state + (b * stateHeads + h) * stateSize
      let change = memory.change + (b * stateHeads + h) * valueSize
      let group = outputHeads / stateHeads
      for t in 0..<time {
        let row = b * time + t
        let key = memory.key + (row * keyHeads + h * keyHeads / stateHeads) * keySize
        if let decay = memory.decay { fade(state, decay + row * decays, h) }
        change.update(from: memory.value + (row * stateHeads + h) * valueSize, count: valueSize)
        if let rate = memory.rate {
          let beta = rate[row * rates + (rates == 1 ? 0 : h)]
          add(state, key, to: change, times: -1)
          for m in 0..<valueSize { change[m] *= beta }
        }
        for d in 0..<keySize {
          let (line, factor) = (state + d * valueSize, key[d])
          for m in 0..<valueSize { line[m] += factor * change[m] }
        }
        for head in h * group..<(h + 1) * group {
          let output = memory.output + (row * outputHeads + head) * valueSize
          let query = row * queryHeads + head * queryHeads / outputHeads
          output.update(repeating: 0, count: valueSize)
          add(state, memory.query + query * keySize, to: output, times: T(scale))
        }
      }
    }

    private func fade<T: FloatElement>(
      _ state: UnsafeMutablePointer<T>, _ decay: UnsafePointer<T>, _ h: Int
    ) {
      let isPerKey = decays != stateHeads
      for d in 0..<keySize {
        let factor = T(exp(Double(decay[isPerKey ? h * keySize + d : h])))
        for m in d * valueSize..<(d + 1) * valueSize { state[m] *= factor }
      }
    }

    /// Adds `times · Sᵀ·vector`.
    private func add<T: FloatElement>(
      _ state: UnsafePointer<T>, _ vector: UnsafePointer<T>, to sum: UnsafeMutablePointer<T>,
      times: T
    ) {
      for d in 0..<keySize {
        let (line, factor) = (state + d * valueSize, vector[d] * times)
        for m in 0..<valueSize { sum[m] += factor * line[m] }
      }
    }
  }
}

extension NodeReader {
  /// - Throws: `.invalidAttribute` if the node asks for the states after several steps.
  func refuseStateWindow() throws(ModelError) {
    let window = try int("state_window", default: 0)
    guard window != 0 else { return }
    throw ModelError(.invalidAttribute, "state_window is \(window)", expected: "0")
  }
}
