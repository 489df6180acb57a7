import CKernels

/// `BatchNormalization`: each channel is normalised with given statistics or, in training, with its own.
///
///     y = (x − mean) / √(var + ε) · scale + shift
///     training: running = given · momentum + own · (1 − momentum)
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `x`  | `[batch, channels, …]` or `[batch]` | floats |
/// | input  | `scale`, `shift`, `mean`, `var` | `[channels]`; `[channels, …]` with `spatial` 0, before opset 9 | floats |
/// | output | `y`  | shape of `x` | type of `x` |
/// | output | running `mean`, `var` (training) | `[channels]` | type of the input `mean` |
/// | attr   | `epsilon`, `momentum`, `training_mode` | | defaults 10⁻⁵, 0.9, 0 |
///
/// Source: ONNX `BatchNormalization`, opsets 1, 6, 7, 9, 14, 15 (training with `is_test = 0` before opset 7).
struct BatchNormalization: TensorOperator {
  let epsilon: Float
  let momentum: Float
  let trains: Bool
  /// Statistics are of channels; without, of each position of a channel.
  let isSpatial: Bool

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 5...5, outputs: 1...5)
    epsilon = try node.float("epsilon", default: 1e-5)
    momentum = try node.float("momentum", default: 0.9)
    if node.opset < 7 {
      trains = try !node.bool("is_test", default: false)
    } else if node.opset < 14 {
      // Saved statistics are asked for only in training.
      trains = (1..<5).contains { node.hasOutput($0) }
    } else {
      trains = try node.bool("training_mode", default: false)
    }
    isSpatial = node.opset < 9 ? try node.bool("spatial", default: true) : true
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: ElementType.floats)
    for index in 1..<5 { _ = try inputs.tensor(index, of: ElementType.floats) }
    let mean = try inputs.tensor(3)
    let variance = try inputs.tensor(4)
    let all: [ValueType] = [
      .tensor(x), .tensor(mean), .tensor(variance), .tensor(mean), .tensor(variance),
    ]
    return Array(all.prefix(max(1, inputs.outputCount)))
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let x = try io.input(0)
    let own = isSpatial ? x.shape.dropFirst().prefix(1) : x.shape.dropFirst()
    let channels = own.reduce(1, *)
    for index in 1..<5 where try io.input(index).count != channels {
      throw ModelError(
        .shapeMismatch, "\(try io.input(index).count) parameters", expected: "\(channels)")
    }
    let call = Call(
      batch: x.shape.first ?? 1, channels: channels,
      spatial: isSpatial ? x.shape.dropFirst(2).reduce(1, *) : 1,
      epsilon: epsilon, momentum: momentum, trains: trains,
      wants: (0..<5).map { $0 < io.outputs.count && io.outputs[$0] != nil })
    let stage = try Stage(io, as: .f64, inputs: [1, 2, 3, 4], outputs: [1, 2, 3, 4])
    if x.element == .f64 {
      return Kernel("batch_norm_f64", scratchBytes: stage.scratchOffset + 16 * max(channels, 1)) {
        context in
        stage.load(context)
        call.run(context, stage, Double.self, context.input(0), context.output())
        stage.store(context)
      }
    }
    let data = try Stage(io, as: .f32, inputs: [0], outputs: [0])
    let half = !data.isEmpty
    let offset = stage.scratchOffset + 16 * max(channels, 1)
    let count = x.count
    let type = try x.element.requireScalar()
    return Kernel(
      "batch_norm_f32", scratchBytes: offset + 64 + (half ? 4 * count : 0), reuses: [0: 0]
    ) { context in
      stage.load(context)
      if half {
        let work = (context.scratch + (offset + 63) / 64 * 64).assumingMemoryBound(to: Float.self)
        zoo_cast(context.inputBytes(0), type, work, zoo_f32, count)
        call.run(context, stage, Float.self, UnsafePointer(work), work)
        zoo_cast(work, zoo_f32, context.outputBytes(), type, count)
      } else {
        call.run(context, stage, Float.self, context.input(0), context.output())
      }
      stage.store(context)
    }
  }

  private struct Call: Sendable {
    let batch, channels, spatial: Int
    let epsilon, momentum: Float
    let trains: Bool
    let wants: [Bool]

    func run<T: BinaryFloatingPoint>(
      _ context: borrowing KernelContext, _ stage: Stage, _ type: T.Type, _ x: UnsafePointer<T>,
      _ y: UnsafeMutablePointer<T>
    ) {
      let scale = stage.input(context, 1, as: Double.self)
      let shift = stage.input(context, 2, as: Double.self)
      let factors = stage.scratch(context, as: Double.self)
      for c in 0..<channels {
        let given = (
          stage.input(context, 3, as: Double.self)[c], stage.input(context, 4, as: Double.self)[c]
        )
        let used = trains ? statistics(x, c) : given
        factors[c] = scale[c] / (used.1 + Double(epsilon)).squareRoot()
        factors[channels + c] = shift[c] - used.0 * factors[c]
        let m = Double(momentum)
        let running = [given.0 * m + used.0 * (1 - m), given.1 * m + used.1 * (1 - m)]
        for output in 1..<5 where wants[output] {
          stage.output(context, output, as: Double.self)[c] =
            output < 3 ? running[output - 1] : output == 3 ? used.0 : used.1
        }
      }
      let (channels, spatial) = (channels, spatial)
      context.parallel(batch * channels, grain: max(1, Broadcast.grain / max(spatial, 1))) {
        range in
        for plane in range {
          let (a, b) = (T(factors[plane % channels]), T(factors[channels + plane % channels]))
          for i in plane * spatial..<(plane + 1) * spatial { y[i] = x[i] * a + b }
        }
      }
    }

    private func statistics<T: BinaryFloatingPoint>(
      _ x: UnsafePointer<T>, _ c: Int
    ) -> (Double, Double) {
      var total = 0.0
      var squares = 0.0
      for n in 0..<batch {
        for i in 0..<spatial { total += Double(x[(n * channels + c) * spatial + i]) }
      }
      let mean = total / Double(batch * spatial)
      for n in 0..<batch {
        for i in 0..<spatial {
          let d = Double(x[(n * channels + c) * spatial + i]) - mean
          squares += d * d
        }
      }
      return (mean, squares / Double(batch * spatial))
    }
  }
}
