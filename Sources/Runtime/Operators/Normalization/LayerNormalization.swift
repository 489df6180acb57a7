import CKernels

/// `LayerNormalization`, `RMSNormalization`, and the fused forms that add a residual first.
///
///     s = x + skip + bias          y = (s − mean s) / √(var s + ε) · scale + shift
///     RMS:                         y = s / √(mean s² + ε) · scale
///
/// over all axes from `axis` on.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `x`  | any, rank r ≥ 1 | floats |
/// | input  | `scale`, `shift` | broadcast to the normalised axes | floats; `shift` optional |
/// | output | `y`  | shape of `x` | type of `x` |
/// | output | `mean`, `inverse deviation` | extents 1 from `axis` on | `f32` (stash type) |
/// | attr   | `axis`, `epsilon`, `stash_type` | | defaults −1, 10⁻⁵, `f32` |
///
/// Sources: ONNX `LayerNormalization`, opset 17, `RMSNormalization`, opset 23; ONNX Runtime's contrib operators
/// `SkipLayerNormalization` and `SkipSimplifiedLayerNormalization` (inputs x, skip, scale, [shift,] [bias]).
struct LayerNormalization: TensorOperator {
  let axis: Int
  let epsilon: Float
  let isRootMeanSquare: Bool
  let hasSkip: Bool

  init(_ node: NodeReader, rms: Bool, skip: Bool = false) throws(ModelError) {
    try node.require(inputs: skip ? 3...5 : rms ? 2...2 : 2...3, outputs: 1...(skip ? 4 : 3))
    axis = try node.int("axis", default: -1)
    epsilon = try node.float("epsilon", default: skip ? 1e-12 : 1e-5)
    isRootMeanSquare = rms
    hasSkip = skip
  }

  /// Where the operands after `x` stand among the inputs.
  private var scaleIndex: Int { hasSkip ? 2 : 1 }
  private var shiftIndex: Int? { isRootMeanSquare ? nil : scaleIndex + 1 }
  private var biasIndex: Int? { hasSkip ? (isRootMeanSquare ? 3 : 4) : nil }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: ElementType.floats)
    for index in 1..<max(inputs.count, 2) where inputs.has(index) {
      _ = try inputs.tensor(index, of: hasSkip ? [x.element] : ElementType.floats)
    }
    var statistics = x.shape
    if let shape = x.shape {
      let first = try shape.axis(axis)
      for axis in first..<shape.rank { statistics?[axis] = 1 }
    }
    let narrow: ValueType = .tensor(.f32, statistics)
    let types: [ValueType] = [.tensor(x), narrow, narrow, .tensor(x)]
    return Array(types.prefix(max(1, inputs.outputCount)))
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let x = try io.input(0)
    let first = try Shape.normalize(axis, rank: x.rank)
    let layout = AxisLayout(x.shape, from: first)
    // The parameters are spread over the normalised axes once, if they are smaller than these.
    let normalized = Array(x.shape[first...])
    let operands = [scaleIndex, shiftIndex, biasIndex].map { index in
      index.flatMap { io.has($0) ? $0 : nil }
    }
    var spreads: [Broadcast?] = [nil, nil, nil]
    for (slot, index) in operands.enumerated() {
      guard let index else { continue }
      let shape = try io.input(index).shape
      guard try Shape.broadcast([Shape(shape), Shape(normalized)]) == Shape(normalized) else {
        throw ModelError(
          .shapeMismatch, "a parameter of shape \(shape)", expected: "one that fits \(normalized)")
      }
      if shape.reduce(1, *) != layout.axis { spreads[slot] = Broadcast([shape], to: normalized) }
    }
    let skipRows = hasSkip ? try self.skipRows(try io.input(1).shape, x.shape) : 1
    let compute = x.element.computeType
    let stage = try Stage(io, as: compute)
    let call = NormCall(
      layout: layout, operands: operands, spreads: spreads, stage: stage, epsilon: epsilon,
      isRootMeanSquare: isRootMeanSquare, hasSkip: hasSkip, skipRows: skipRows,
      meanOutput: isRootMeanSquare && !hasSkip ? nil : 1,
      inverseOutput: isRootMeanSquare && !hasSkip ? 1 : 2,
      wants: (0..<4).map { $0 < io.outputs.count && io.outputs[$0] != nil })
    let element = compute == .f64 ? 8 : 4
    return Kernel(
      "layer_norm_\(compute)", scratchBytes: stage.scratchOffset + 3 * (layout.axis * element + 64)
    ) { context in
      stage.load(context)
      if compute == .f64 { call.wide(context) } else { call.narrow(context) }
      stage.store(context)
    }
  }
}

extension LayerNormalization {
  /// Rows of a skip, which are used again for each batch if they are fewer than those of `x`.
  private func skipRows(_ skip: [Int], _ x: [Int]) throws(ModelError) -> Int {
    let trailing = Array(x.suffix(skip.count))
    let isShared = x.count > 1 && (skip == Array(x.dropFirst()) || skip == [1] + x.dropFirst())
    guard skip == trailing && skip.count == x.count || isShared else {
      throw ModelError(
        .shapeMismatch, "a skip \(skip)", expected: "\(x), or the same without its first axis")
    }
    return max(1, skip.dropLast().reduce(1, *))
  }
}

/// One lowered layer norm.
private struct NormCall: Sendable {
  let layout: AxisLayout
  /// Scale, shift and bias: their inputs' numbers.
  let operands: [Int?]
  let spreads: [Broadcast?]
  let stage: Stage
  let epsilon: Float
  let isRootMeanSquare: Bool
  let hasSkip: Bool
  let skipRows: Int
  let meanOutput: Int?
  let inverseOutput: Int
  let wants: [Bool]

  private func parameter<T>(
    _ context: borrowing KernelContext, _ slot: Int, _ type: T.Type
  ) -> UnsafePointer<T>? {
    guard let index = operands[slot] else { return nil }
    let source = stage.input(context, index, as: T.self)
    guard let spread = spreads[slot] else { return source }
    let offset = slot * (layout.axis * MemoryLayout<T>.stride + 63) / 64 * 64
    let bytes = UnsafeMutableRawPointer(stage.scratch(context, as: UInt8.self)) + offset
    let target = bytes.assumingMemoryBound(to: T.self)
    spread.forEachRow(0..<spread.rowCount) { row, offsets in
      for i in 0..<spread.inner {
        target[row * spread.inner + i] = source[offsets[0] + i * spread.innerStrides[0]]
      }
    }
    return UnsafePointer(target)
  }

  func narrow(_ context: borrowing KernelContext) {
    let n = layout.axis
    let x = stage.input(context, 0, as: Float.self)
    let skip = hasSkip ? stage.input(context, 1, as: Float.self) : nil
    let scale = parameter(context, 0, Float.self)
    let shift = parameter(context, 1, Float.self)
    let bias = parameter(context, 2, Float.self)
    let y = stage.output(context, 0, as: Float.self)
    let mean = meanOutput.flatMap { wants[$0] ? stage.output(context, $0, as: Float.self) : nil }
    let inverse = wants[inverseOutput] ? stage.output(context, inverseOutput, as: Float.self) : nil
    let sum = wants[3] ? stage.output(context, 3, as: Float.self) : nil
    let kernels = zoo_vector_kernels_for(zoo_cpu_isa()).pointee
    context.parallel(layout.outer, grain: max(1, Broadcast.grain / 4 / max(n, 1))) { rows in
      // A piece ends where a shared skip begins again.
      var first = rows.lowerBound
      while first < rows.upperBound {
        let piece = hasSkip ? skipRows - first % skipRows : rows.count
        let count = min(rows.upperBound - first, piece)
        var call = zoo_row_norm()
        call.x = x + first * n
        call.skip = skip.map { $0 + first % skipRows * n }
        call.bias = bias
        call.sum = sum.map { $0 + first * n }
        call.scale = scale
        call.shift = shift
        call.y = y + first * n
        call.mean = mean.map { $0 + first }
        call.inverse_deviation = inverse.map { $0 + first }
        call.rows = count
        call.columns = n
        call.epsilon = epsilon
        call.root_mean_square = isRootMeanSquare ? 1 : 0
        kernels.row_norm(&call)
        first += count
      }
    }
  }

  func wide(_ context: borrowing KernelContext) {
    let n = layout.axis
    let x = stage.input(context, 0, as: Double.self)
    let skip = hasSkip ? stage.input(context, 1, as: Double.self) : nil
    let scale = parameter(context, 0, Double.self)
    let shift = parameter(context, 1, Double.self)
    let bias = parameter(context, 2, Double.self)
    let y = stage.output(context, 0, as: Double.self)
    for r in 0..<layout.outer {
      let base = r % skipRows * n
      let row = (0..<n).map { x[r * n + $0] + (skip?[base + $0] ?? 0) + (bias?[$0] ?? 0) }
      let mean = isRootMeanSquare ? 0 : row.reduce(0, +) / Double(n)
      let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(n)
      let inverse = 1 / (variance + Double(epsilon)).squareRoot()
      for i in 0..<n {
        y[r * n + i] = (row[i] - mean) * inverse * (scale?[i] ?? 1) + (shift?[i] ?? 0)
      }
      if let meanOutput, wants[meanOutput] {
        stage.output(context, meanOutput, as: Double.self)[r] = mean
      }
      if wants[inverseOutput] { stage.output(context, inverseOutput, as: Double.self)[r] = inverse }
      if wants[3] {
        for i in 0..<n { stage.output(context, 3, as: Double.self)[r * n + i] = row[i] }
      }
    }
  }
}
