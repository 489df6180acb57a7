import CKernels

/// `LSTM`: long short-term memory.
///
///     i = f(X Wᵢᵀ + H Rᵢᵀ + Pᵢ ⊙ C + bᵢ)      o = f(X Wₒᵀ + H Rₒᵀ + Pₒ ⊙ C' + bₒ)
///     f = f(X W_fᵀ + H R_fᵀ + P_f ⊙ C + b_f)   C' = f ⊙ C + i ⊙ g(X W_cᵀ + H R_cᵀ + b_c)
///     H' = o ⊙ h(C')
///
/// Operands and types are those of ``RecurrentLayer``; gates are in the order i, o, f, c. With `input_forget`, f = 1 − i.
/// Source: ONNX `LSTM`, opsets 1 to 22; Hochreiter and Schmidhuber, 1997.
struct LSTM: TensorOperator {
  let layer: RecurrentLayer
  let couplesInputAndForget: Bool

  init(_ node: NodeReader) throws(ModelError) {
    layer = try RecurrentLayer(node, gates: 4, states: 2, activations: [.sigmoid, .tanh, .tanh])
    couplesInputAndForget = try node.bool("input_forget", default: false)
  }

  var leavesOutFirstOutput: Bool { true }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    try layer.outputTypes(inputs)
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    if HalfStaging.isNeeded(io) { return try HalfStaging.kernel(io, lower) }
    let cells = Cell.all(layer, couples: couplesInputAndForget)
    return try RecurrentRun(layer, io, cells: cells).kernel("lstm")
  }

  struct Cell: RecurrentCell {
    /// The cells of all directions.
    static func all(_ layer: RecurrentLayer, couples: Bool) -> [Cell] {
      (0..<layer.directions).map { direction in
        Cell(
          activations: Array(layer.activations[(direction * 3)..<(direction * 3 + 3)]),
          clip: layer.clip, couples: couples)
      }
    }

    let activations: [RecurrentActivation]
    let clip: Float
    let couples: Bool

    func groups(_ hidden: Int) -> [Int] { [4 * hidden] }

    func bias<T: FloatElement>(
      _ b: UnsafePointer<T>, _ extents: RecurrentExtents, into sum: UnsafeMutablePointer<T>
    ) {
      for index in 0..<extents.width { sum[index] = b[index] + b[extents.width + index] }
    }

    func step<T: FloatElement>(_ step: borrowing RecurrentStep<T>) {
      let (hidden, width) = (step.extents.hidden, step.extents.width)
      // Sequences that have ended take no part in the range of a quantized state.
      var state = UnsafePointer(step.h)
      if step.active.count < step.extents.batch {
        step.spare.update(repeating: 0, count: step.extents.batch * hidden)
        for row in step.active {
          (step.spare + row * hidden).update(from: step.h + row * hidden, count: hidden)
        }
        state = UnsafePointer(step.spare)
      }
      step.weights.multiply(
        step.matrices, direction: step.direction, rows: step.extents.batch, state,
        into: step.gates, stride: width, accumulates: true, threads: 1)
      let isDefault =
        activations == [.init(.sigmoid), .init(.tanh), .init(.tanh)]
      let kernel = zoo_vector_kernels_for(zoo_cpu_isa()).pointee.lstm_cell
      for row in step.active {
        let (gates, h, c) = (
          step.gates + row * width, step.h + row * hidden, step.c + row * hidden
        )
        if isDefault, T.self == Float.self {
          var cell = zoo_lstm_cell(
            gates: asFloats(gates), c: asFloats(c), peephole: step.peepholes.map { asFloats($0) },
            c_next: asFloats(c), h_next: asFloats(h), hidden: hidden, clip: clip,
            input_forget: couples ? 1 : 0)
          kernel(&cell)
        } else {
          update(gates, h, c, step.peepholes, hidden)
        }
      }
    }

    private func update<T: FloatElement>(
      _ gates: UnsafeMutablePointer<T>, _ h: UnsafeMutablePointer<T>,
      _ c: UnsafeMutablePointer<T>, _ peepholes: UnsafePointer<T>?, _ hidden: Int
    ) {
      func limited(_ x: T) -> T { min(max(x, T(-clip)), T(clip)) }
      for index in 0..<hidden {
        let old = c[index]
        func gate(_ number: Int, _ peephole: Int, _ state: T) -> T {
          let p = peepholes.map { $0[peephole * hidden + index] * state } ?? 0
          return activations[0](limited(gates[number * hidden + index] + p))
        }
        let i = gate(0, 0, old)
        let f = couples ? 1 - i : gate(2, 2, old)
        let new = f * old + i * activations[1](limited(gates[3 * hidden + index]))
        c[index] = new
        h[index] = gate(1, 1, new) * activations[2](new)
      }
    }
  }
}
