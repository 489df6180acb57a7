import CKernels
import LibC
import ModelFormat

/// `MoE` and `QMoE`: each token through the few of many small networks that a router chooses.
///
///     y = Σ over the k best experts e: weight(e) · (fc2_e · activation(fc1_e · x + b1_e) + b2_e)
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `input` | `[tokens, hidden]` or `[batch, time, hidden]` | `f32`; `QMoE` also `f16` |
/// | input  | `router_probs` | `[tokens, experts]`: scores, of which softmax makes weights | type of `input` |
/// | input  | `fc1_experts_weights`, `fc2_experts_weights` | `[experts, rows, columns]`; `QMoE`: packed codes | `f32`; `u8` |
/// | input  | their biases, optional | `[experts, rows]` | type of `input` |
/// | input  | `QMoE`: their scales, and zero points, optional | `[experts, rows]`, or one per block of a row | type of `input`; packed codes |
/// | input  | `QMoE`: `router_weights`, optional | `[tokens, experts]`: weights to take in the place of softmax | type of `input` |
/// | output | `output` | of `input` | type of `input` |
/// | attr   | `k`, `normalize_routing_weights`, `activation_type`, `expert_weight_bits`, `block_size` | | |
/// | attr   | `activation_alpha`, `activation_beta`, `swiglu_limit`, `swiglu_fusion` | | see ``ExpertActivation`` |
///
/// Softmax takes all experts; with `normalize_routing_weights`, and always in `QMoE`, only those that are chosen. Source:
/// ONNX Runtime's contributed operators, version 1; Shazeer et al., 2017.
struct MixtureOfExperts: TensorOperator {
  let isQuantized: Bool
  let count: Int
  let normalizes: Bool
  let activation: ExpertActivation
  let bits: [Int]
  let block: Int

  init(_ node: NodeReader, isQuantized: Bool) throws(ModelError) {
    try node.require(
      inputs: isQuantized ? 7...15 : 5...8,
      optional: isQuantized ? [4] : [3])
    self.isQuantized = isQuantized
    count = try node.int("k", default: 1)
    normalizes = try node.bool("normalize_routing_weights", default: false)
    activation = try ExpertActivation(node)
    let width = try node.int("expert_weight_bits", default: 4)
    bits = [
      try node.int("fc1_expert_weight_bits", default: width),
      try node.int("fc2_expert_weight_bits", default: width),
    ]
    block = try node.int("block_size", default: 0)
    _ = try node.choice("quant_type", of: ["int"], default: "int")
    guard count > 0, bits.allSatisfy({ [2, 4, 8].contains($0) }), block == 0 || block % 16 == 0,
      block >= 0, try node.int("use_sparse_mixer", default: 0) == 0
    else {
      throw ModelError(
        .invalidAttribute, "k \(count), bits \(bits), block_size \(block)",
        expected: "one expert or more, 2, 4 or 8 bits, blocks of 16·n, and no sparse mixer")
    }
    for index in (isQuantized ? [8, 9, 10, 13] : [6, 7]) where node.hasInput(index) {
      throw ModelError(
        .unsupportedOperator, "input \(index), of a third layer", expected: "two layers")
    }
  }

  /// Numbers of the inputs of a layer.
  private struct Layer: Sendable {
    var weights: Int
    var scales: Int?
    var bias: Int
    var zeros: Int?
    var bits = 32
  }

  private var layers: [Layer] {
    isQuantized
      ? [
        Layer(weights: 2, scales: 3, bias: 4, zeros: 11, bits: bits[0]),
        Layer(weights: 5, scales: 6, bias: 7, zeros: 12, bits: bits[1]),
      ] : [Layer(weights: 2, bias: 3), Layer(weights: 4, bias: 5)]
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: isQuantized ? [.f32, .f16] : [.f32])
    if let shape = x.shape, !(2...3).contains(shape.rank) {
      throw ModelError(
        .shapeMismatch, "an input \(shape)", expected: "[tokens, hidden] or [batch, time, hidden]")
    }
    _ = try inputs.tensor(1, of: [x.element])
    for layer in layers {
      _ = try inputs.tensor(layer.weights, of: [isQuantized ? .u8 : .f32])
      if let scales = layer.scales { _ = try inputs.tensor(scales, of: [x.element]) }
      if inputs.has(layer.bias) { _ = try inputs.tensor(layer.bias, of: [x.element]) }
      if let zeros = layer.zeros, inputs.has(zeros) { _ = try inputs.tensor(zeros, of: [.u8]) }
    }
    if isQuantized, inputs.has(14) { _ = try inputs.tensor(14, of: [x.element]) }
    return [.tensor(x)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    if HalfStaging.isNeeded(io) {
      return try HalfStaging.kernel(io) { (io) throws(ModelError) in try lower(io) }
    }
    let hidden = try io.input(0).shape.last ?? 1
    let router = try io.input(1).shape
    let tokens = hidden == 0 ? 0 : try io.input(0).count / hidden
    guard router.count == 2, router[0] == tokens, router[1] >= count else {
      throw ModelError(
        .shapeMismatch, "router_probs \(router)",
        expected: "[\(tokens), experts], at least \(count)")
    }
    let first = try ExpertProduct(io, layers[0], experts: router[1], columns: hidden, block: block)
    let inner = activation.isGated ? first.rows / 2 : first.rows
    let second = try ExpertProduct(io, layers[1], experts: router[1], columns: inner, block: block)
    guard second.rows == hidden, !activation.isGated || first.rows % 2 == 0 else {
      throw ModelError(
        .shapeMismatch, "\(second.rows) rows of the second layer", expected: "\(hidden)")
    }
    let run = ExpertRun(
      tokens: tokens, hidden: hidden, experts: router[1], count: count, normalizes: normalizes,
      isQuantized: isQuantized, activation: activation, first: first, second: second,
      weights: isQuantized && io.has(14) ? 14 : nil)
    return Kernel("experts", scratchBytes: run.scratchBytes) { (context) throws(ModelError) in
      try run(context)
    }
  }

  /// One layer of all experts: a product with `[rows, columns]` and a bias.
  private struct ExpertProduct: Sendable {
    let isa = zoo_cpu_isa()
    let layer: Layer
    let rows: Int
    let columns: Int
    private let block: Int
    private let packed: Tensor?
    private let matrixBytes: Int
    private let hasBias: Bool
    private let hasZeros: Bool
    let scratchBytes: Int

    init(
      _ io: NodeIO, _ layer: Layer, experts: Int, columns: Int, block: Int
    ) throws(ModelError) {
      let shape = try io.input(layer.weights).shape
      let isPacked = layer.scales != nil
      guard shape.count == 3, shape[0] == experts,
        shape[2] == (isPacked ? columns * layer.bits / 8 : columns),
        !isPacked || (columns % 16 == 0 && (block == 0 || columns % block == 0))
      else {
        throw ModelError(
          .shapeMismatch, "weights \(shape) for \(experts) experts and \(columns) columns",
          expected: "[experts, rows, columns], columns being multiples of blocks and of 16")
      }
      (self.layer, rows, self.columns) = (layer, shape[1], columns)
      self.block = block == 0 ? columns : block
      hasBias = io.has(layer.bias)
      hasZeros = layer.zeros.map { io.has($0) } ?? false
      let (isa, rows) = (isa, shape[1])
      let blocks = columns == 0 ? 0 : columns / max(1, self.block)
      if let scales = layer.scales, try io.input(scales).count != experts * rows * blocks {
        throw ModelError(
          .shapeMismatch, "scales \(try io.input(scales).shape)",
          expected: "\(experts * rows * blocks) elements")
      }
      if hasZeros, let zeros = layer.zeros {
        let perRow = block == 0 ? 0 : (blocks * layer.bits + 7) / 8
        let expected =
          block == 0 ? experts * ((rows * layer.bits + 7) / 8) : experts * rows * perRow
        guard block != 0 || layer.bits == 8, try io.input(zeros).count == expected else {
          throw ModelError(
            .shapeMismatch, "zero points \(try io.input(zeros).shape)",
            expected: "one for each block of each row")
        }
      }
      if hasBias, try io.input(layer.bias).count != experts * rows {
        throw ModelError(
          .shapeMismatch, "biases \(try io.input(layer.bias).shape)",
          expected: "[\(experts), \(rows)]")
      }
      let bytes = (zoo_gemm_f32_packed_bytes(isa, Int64(columns), Int64(rows)) + 63) / 64 * 64
      matrixBytes = bytes
      packed =
        isPacked
        ? nil
        : try io.packed(layer.weights, "experts") { (weight) throws(ModelError) in
          try Tensor(.u8, shape: [experts * bytes]) { (to) throws(ModelError) in
            try weight.withElements(of: Float.self) { (from) throws(ModelError) in
              guard let from = from.baseAddress, let to = to.baseAddress else { return }
              for expert in 0..<experts {
                zoo_gemm_f32_pack(
                  isa, Int64(columns), Int64(rows), from + expert * rows * columns,
                  Int64(columns), 1, 1, to + expert * bytes)
              }
            }
          }
        }
      scratchBytes =
        isPacked
        ? zoo_block_product_bytes(isa, Int64(rows), Int64(columns), Int32(io.threads))
        : packed == nil ? bytes : 64
    }

    func run(
      _ context: borrowing KernelContext, expert: Int, count: Int, _ x: UnsafePointer<Float>,
      _ y: UnsafeMutablePointer<Float>, scratch: UnsafeMutableRawPointer
    ) throws(ModelError) {
      let bias =
        hasBias ? context.input(layer.bias, as: Float.self) + expert * rows : nil
      let threads = Int32(context.threads)
      if let scales = layer.scales {
        let blocks = columns / block
        var weights = zoo_block_weights()
        weights.codes = context.input(layer.weights) + expert * rows * columns * layer.bits / 8
        weights.scales = context.input(scales, as: Float.self) + expert * rows * blocks
        if hasZeros, let zeros = layer.zeros {
          weights.zeros = context.input(zeros) + expert * rows * ((blocks * layer.bits + 7) / 8)
        }
        weights.bits = Int32(layer.bits)
        (weights.n, weights.k, weights.block) = (Int64(rows), Int64(columns), Int64(block))
        zoo_block_product(isa, &weights, Int64(count), x, bias, y, scratch, threads)
        return
      }
      var epilogue = zoo_epilogue()
      epilogue.bias = bias
      let (n, k) = (Int64(rows), Int64(columns))
      if let packed {
        try packed.withBytes { (bytes) throws(ModelError) in
          zoo_gemm_f32_run(
            isa, Int64(count), n, k, x, k, 0, bytes.baseAddress.map { $0 + expert * matrixBytes },
            y, n, &epilogue, threads)
        }
        return
      }
      let matrix = context.input(layer.weights, as: Float.self) + expert * rows * columns
      zoo_gemm_f32_pack(isa, k, n, matrix, k, 1, 1, scratch)
      zoo_gemm_f32_run(isa, Int64(count), n, k, x, k, 0, scratch, y, n, &epilogue, threads)
    }
  }

  /// All experts for one set of extents.
  private struct ExpertRun: Sendable {
    let tokens: Int
    let hidden: Int
    let experts: Int
    let count: Int
    let normalizes: Bool
    let isQuantized: Bool
    let activation: ExpertActivation
    let first: ExpertProduct
    let second: ExpertProduct
    /// The input that has the weights of experts.
    let weights: Int?

    private var floats: Int { tokens * (2 * hidden + first.rows + second.columns) }
    private var tail: Int { (floats * 4 + 63) / 64 * 64 }
    var scratchBytes: Int { tail + max(first.scratchBytes, second.scratchBytes) + 64 }

    func callAsFunction(_ context: borrowing KernelContext) throws(ModelError) {
      let chosen = route(context.input(1), weights.map { context.input($0) })
      let rows = context.scratch.assumingMemoryBound(to: Float.self)
      let inner = rows + tokens * hidden
      let active = inner + tokens * first.rows
      let result = active + tokens * second.columns
      let scratch = context.scratch + tail
      let (x, y) = (context.input(0, as: Float.self), context.output(0, as: Float.self))
      y.update(repeating: 0, count: tokens * hidden)
      for expert in 0..<experts where !chosen[expert].isEmpty {
        let routes = chosen[expert]
        for (row, route) in routes.enumerated() {
          (rows + row * hidden).update(from: x + route.token * hidden, count: hidden)
        }
        try first.run(
          context, expert: expert, count: routes.count, rows, inner, scratch: scratch)
        for row in routes.indices {
          activation(inner + row * first.rows, active + row * second.columns, second.columns)
        }
        try second.run(
          context, expert: expert, count: routes.count, active, result, scratch: scratch)
        for (row, route) in routes.enumerated() {
          let (to, from) = (y + route.token * hidden, result + row * hidden)
          for i in 0..<hidden { to[i] += route.weight * from[i] }
        }
      }
    }

    /// For each expert its tokens, and its weight for each.
    private func route(
      _ scores: UnsafePointer<Float>, _ given: UnsafePointer<Float>?
    ) -> [[(token: Int, weight: Float)]] {
      var routes = [[(token: Int, weight: Float)]](repeating: [], count: experts)
      for token in 0..<tokens {
        let row = UnsafeBufferPointer(start: scores + token * experts, count: experts)
        let best = row.indices.sorted { (row[$0], $0) > (row[$1], $1) }.prefix(count)
        let top = best.first.map { row[$0] } ?? 0
        let total = row.reduce(Float(0)) { $0 + exp($1 - top) }
        var weights = best.map { expert in
          given.map { $0[token * experts + expert] }
            ?? exp(row[expert] - top) / total
        }
        if normalizes || (isQuantized && given == nil) {
          let sum = weights.reduce(0, +)
          if sum > 0 { weights = weights.map { $0 / sum } }
        }
        for (expert, weight) in zip(best, weights) where weight != 0 {
          routes[expert].append((token, weight))
        }
      }
      return routes
    }
  }
}
