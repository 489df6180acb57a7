import CKernels

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

  var leavesOutFirstOutput: Bool { true }

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
    func bias<T: FloatElement>(
      _ b: UnsafePointer<T>, _ extents: RecurrentExtents, into sum: UnsafeMutablePointer<T>
    ) {
      for index in 0..<extents.width {
        let recurs = index < 2 * extents.hidden || !isLinearBeforeReset
        sum[index] = b[index] + (recurs ? b[extents.width + index] : 0)
      }
    }

    func step<T: FloatElement>(_ step: borrowing RecurrentStep<T>) {
      let (hidden, width) = (step.extents.hidden, step.extents.width)
      step.weights.multiply(
        step.matrices, direction: step.direction, group: 0, rows: step.extents.batch,
        UnsafePointer(step.h), into: step.gates, stride: width, accumulates: true, threads: 1)
      for row in step.active { reset(row, step) }
      let product = step.spare + step.extents.batch * hidden
      step.weights.multiply(
        step.matrices, direction: step.direction, group: 1, rows: step.extents.batch,
        UnsafePointer(step.spare), into: product, stride: hidden, threads: 1)
      for row in step.active { update(row, product + row * hidden, step) }
    }

    private var isDefault: Bool { gate == .init(.sigmoid) && candidate == .init(.tanh) }

    /// Activates the gates of one row, and leaves what the last product takes in `spare`.
    private func reset<T: FloatElement>(_ row: Int, _ step: borrowing RecurrentStep<T>) {
      let (hidden, width) = (step.extents.hidden, step.extents.width)
      let (gates, h) = (step.gates + row * width, step.h + row * hidden)
      let isa = zoo_cpu_isa()
      let isSingle = T.self == Float.self
      if isDefault, isSingle {
        let (gates, count) = (asFloats(gates), 2 * hidden)
        if clip < .infinity {
          zoo_unary_f32_kernel(isa, zoo_unary_clip)(gates, gates, count, -clip, clip)
        }
        zoo_unary_f32_kernel(isa, zoo_unary_sigmoid)(gates, gates, count, 0, 0)
      } else {
        for index in 0..<2 * hidden { gates[index] = gate(limited(gates[index])) }
      }
      let reset = step.spare + row * hidden
      if isLinearBeforeReset {
        reset.update(from: h, count: hidden)
      } else {
        let kernel = zoo_binary_kernel_for(isa, zoo_binary_mul, isSingle ? zoo_f32 : zoo_f64)
        kernel?(gates + hidden, 1, h, 1, reset, hidden)
      }
    }

    private func update<T: FloatElement>(
      _ row: Int, _ product: UnsafeMutablePointer<T>, _ step: borrowing RecurrentStep<T>
    ) {
      let (hidden, width) = (step.extents.hidden, step.extents.width)
      let (gates, h) = (step.gates + row * width, step.h + row * hidden)
      if isLinearBeforeReset {
        for index in 0..<hidden {
          let bias = step.bias.map { $0[width + 2 * hidden + index] } ?? 0
          product[index] = (product[index] + bias) * gates[hidden + index]
        }
      }
      if isDefault, T.self == Float.self {
        var cell = zoo_gru_cell(
          z: asFloats(gates), candidate: asFloats(gates + 2 * hidden),
          recurrent: asFloats(product), h: asFloats(h), h_next: asFloats(h), hidden: hidden,
          clip: clip)
        zoo_vector_kernels_for(zoo_cpu_isa()).pointee.gru_cell(&cell)
        return
      }
      for index in 0..<hidden {
        let new = candidate(limited(gates[2 * hidden + index] + product[index]))
        h[index] = (1 - gates[index]) * new + gates[index] * h[index]
      }
    }

    private func limited<T: FloatElement>(_ x: T) -> T { min(max(x, T(-clip)), T(clip)) }
  }
}
