/// `GRU`: gated recurrent unit.
///
///     z = f(X W_zᵀ + H R_zᵀ + b_z)      r = f(X W_rᵀ + H R_rᵀ + b_r)
///     n = g(X W_hᵀ + (r ⊙ H) R_hᵀ + b_h)                       linear_before_reset = 0
///     n = g(X W_hᵀ + r ⊙ (H R_hᵀ + Rb_h) + Wb_h)               linear_before_reset ≠ 0
///     H' = (1 − z) ⊙ n + z ⊙ H
///
/// Operands and types are those of ``RecurrentLayer``; gates are in the order z, r, h.
/// Source: ONNX `GRU`, opsets 1 to 22; Cho et al., 2014.
struct GRU: TensorOperator {
  let layer: RecurrentLayer
  let isLinearBeforeReset: Bool

  init(_ node: NodeReader) throws(ModelError) {
    layer = try RecurrentLayer(node, gates: 3, states: 1, activations: [.sigmoid, .tanh])
    isLinearBeforeReset = try node.bool("linear_before_reset", default: false)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    try layer.outputTypes(inputs)
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    if HalfStaging.isNeeded(io) { return try HalfStaging.kernel(io, lower) }
    let cells = (0..<layer.directions).map { direction in
      Cell(
        gate: layer.activations[direction * 2], candidate: layer.activations[direction * 2 + 1],
        clip: layer.clip, isLinearBeforeReset: isLinearBeforeReset)
    }
    return try RecurrentRun(layer, io, cells: cells).kernel("gru")
  }

  struct Cell: RecurrentCell {
    let gate: RecurrentActivation
    let candidate: RecurrentActivation
    let clip: Float
    let isLinearBeforeReset: Bool

    func groups(_ hidden: Int) -> [Int] { [2 * hidden, hidden] }

    /// `Rb_h` is inside the reset if that comes after the product.
    func bias(
      _ b: UnsafePointer<Float>, _ extents: RecurrentExtents, into sum: UnsafeMutablePointer<Float>
    ) {
      for index in 0..<extents.width {
        let recurs = index < 2 * extents.hidden || !isLinearBeforeReset
        sum[index] = b[index] + (recurs ? b[extents.width + index] : 0)
      }
    }

    func step(_ step: borrowing RecurrentStep) {
      let (hidden, width) = (step.extents.hidden, step.extents.width)
      step.weights.multiply(
        step.matrices, direction: step.direction, group: 0, rows: step.extents.batch,
        UnsafePointer(step.h), into: step.gates, stride: width, accumulates: true, threads: 1)
      for row in step.active {
        let gates = step.gates + row * width
        for index in 0..<2 * hidden { gates[index] = gate(limited(gates[index])) }
        let reset = step.spare + row * hidden
        for index in 0..<hidden {
          let h = step.h[row * hidden + index]
          reset[index] = isLinearBeforeReset ? h : gates[hidden + index] * h
        }
      }
      let product = step.spare + step.extents.batch * hidden
      step.weights.multiply(
        step.matrices, direction: step.direction, group: 1, rows: step.extents.batch,
        UnsafePointer(step.spare), into: product, stride: hidden, threads: 1)
      for row in step.active { update(row, product + row * hidden, step) }
    }

    private func update(
      _ row: Int, _ product: UnsafeMutablePointer<Float>, _ step: borrowing RecurrentStep
    ) {
      let (hidden, width) = (step.extents.hidden, step.extents.width)
      let gates = step.gates + row * width
      for index in 0..<hidden {
        var recurrent = product[index]
        if isLinearBeforeReset {
          recurrent += step.bias.map { $0[width + 2 * hidden + index] } ?? 0
          recurrent *= gates[hidden + index]
        }
        let new = candidate(limited(gates[2 * hidden + index] + recurrent))
        let z = gates[index]
        let old = step.h[row * hidden + index]
        step.h[row * hidden + index] = (1 - z) * new + z * old
      }
    }

    private func limited(_ x: Float) -> Float { min(max(x, -clip), clip) }
  }
}
