/// `RNN`: H' = f(X Wᵀ + H Rᵀ + Wb + Rb).
///
/// Operands and types are those of ``RecurrentLayer``. Source: ONNX `RNN`, opsets 1 to 22.
struct RNN: TensorOperator {
  let layer: RecurrentLayer

  init(_ node: NodeReader) throws(ModelError) {
    layer = try RecurrentLayer(node, gates: 1, states: 1, activations: [.tanh])
  }

  var leavesOutFirstOutput: Bool { true }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    try layer.outputTypes(inputs)
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    if HalfStaging.isNeeded(io) { return try HalfStaging.kernel(io, lower) }
    let cells = layer.activations.map { Cell(activation: $0, clip: layer.clip) }
    return try RecurrentRun(layer, io, cells: cells).kernel("rnn")
  }

  struct Cell: RecurrentCell {
    let activation: RecurrentActivation
    let clip: Float

    func groups(_ hidden: Int) -> [Int] { [hidden] }

    func bias<T: FloatElement>(
      _ b: UnsafePointer<T>, _ extents: RecurrentExtents, into sum: UnsafeMutablePointer<T>
    ) {
      for index in 0..<extents.width { sum[index] = b[index] + b[extents.width + index] }
    }

    func step<T: FloatElement>(_ step: borrowing RecurrentStep<T>) {
      let hidden = step.extents.hidden
      step.weights.multiply(
        step.matrices, direction: step.direction, rows: step.extents.batch, UnsafePointer(step.h),
        into: step.gates, stride: hidden, accumulates: true, threads: 1)
      for row in step.active {
        for index in row * hidden..<(row + 1) * hidden {
          step.h[index] = activation(min(max(step.gates[index], T(-clip)), T(clip)))
        }
      }
    }
  }
}
