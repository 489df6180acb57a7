import LibC

/// `CausalConvWithState`: each channel convolved along time with its own kernel, looking at the past only.
///
///     p = past_state ‖ input;   y[t] = activation(bias + Σⱼ weight[j] · p[t + j])
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `input` | `[batch, channels, length]` | `f16`, `bf16`, `f32`, `f64` |
/// | input  | `weight` | `[channels, 1, k]` | type of `input` |
/// | input  | `bias`, optional | `[channels]` | type of `input` |
/// | input  | `past_state`, optional | `[batch, channels, k − 1]`, default 0 | type of `input` |
/// | output | `output` | of `input` | type of `input` |
/// | output | `present_state` | `[batch, channels, k − 1]`: the end of `p` | type of `input` |
/// | attr   | `activation` | | `none` (default), `silu`, `swish` |
///
/// Source: ONNX `CausalConvWithState`, opset 27.
struct CausalConvWithState: FloatOperator {
  private let appliesSilu: Bool
  /// The distance in time between neighbouring taps.
  private let dilation: Int

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...4, outputs: 1...2)
    let name = try node.choice("activation", of: ["none", "silu", "swish"], default: "none")
    appliesSilu = name != "none"
    dilation = 1
  }

  /// The operator of `com.microsoft`, whose inputs are as here: also with `dilation`.
  init(contributed node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...4, outputs: 1...2)
    let name = try node.choice("activation", of: ["none", "silu", "swish"], default: "none")
    appliesSilu = name != "none"
    dilation = try node.int("dilation", default: 1)
    guard (1...1 << 20).contains(dilation) else {
      throw ModelError(.invalidAttribute, "dilation is \(dilation)", expected: "1 or more")
    }
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let input = try inputs.tensor(0, of: ElementType.floats)
    let weight = try inputs.tensor(1, of: [input.element])
    let bias = inputs.has(2) ? try inputs.tensor(2, of: [input.element]).shape : nil
    let past = inputs.has(3) ? try inputs.tensor(3, of: [input.element]).shape : nil
    guard let x = input.shape, let w = weight.shape else {
      return [.tensor(input.element, nil), .tensor(input.element, nil)]
    }
    guard x.rank == 3, w.rank == 3, w[0].canBe(x[1]), w[1].canBe(1), w[2] != .fixed(0) else {
      throw ModelError(
        .shapeMismatch, "weights \(w) for an input \(x)",
        expected: "[channels, 1, k] for [batch, channels, length]")
    }
    let state: Shape = [x[0], x[1], (w[2] - 1) * .fixed(dilation)]
    if let past, !past.canBe(state) {
      throw ModelError(.shapeMismatch, "a past state \(past)", expected: "\(state)")
    }
    if let bias, !bias.canBe([x[1]]) {
      throw ModelError(.shapeMismatch, "a bias \(bias)", expected: "[\(x[1])]")
    }
    return [.tensor(input), .tensor(input.element, state)]
  }

  func lower<T: FloatElement>(_ io: NodeIO, as type: T.Type) throws(ModelError) -> Kernel {
    let (x, w) = (try io.input(0).shape, try io.input(1).shape)
    let (channels, length, taps) = (x[1], x[2], w[2])
    let (hasBias, hasPast) = (io.has(2), io.has(3))
    let wanted = (0..<2).map { $0 < io.outputs.count && io.outputs[$0] != nil }
    let appliesSilu = appliesSilu
    // Each row is laid out behind its past, so that no tap has to ask where it is.
    let rows = x[0] * channels
    let (span, step) = ((taps - 1) * dilation, dilation)
    let width = length + span
    return Kernel(
      "causal_conv_\(T.elementType)", scratchBytes: rows * width * MemoryLayout<T>.stride
    ) { context in
      let input = context.input(0, as: T.self)
      let weight = context.input(1, as: T.self)
      let bias = hasBias ? context.input(2, as: T.self) : nil
      let past = hasPast ? context.input(3, as: T.self) : nil
      let output = wanted[0] ? context.output(0, as: T.self) : nil
      let state = wanted[1] ? context.output(1, as: T.self) : nil
      let padded = context.scratch.assumingMemoryBound(to: T.self)
      context.parallel(rows, grain: max(1, 16384 / max(1, length * taps))) { range in
        for row in range {
          let line = padded + row * width
          if let past {
            line.update(from: past + row * span, count: span)
          } else {
            line.update(repeating: 0, count: span)
          }
          (line + span).update(from: input + row * length, count: length)
          state.map { ($0 + row * span).update(from: line + length, count: span) }
          guard let output else { continue }
          let (y, kernel) = (output + row * length, weight + row % channels * taps)
          y.update(repeating: bias?[row % channels] ?? 0, count: length)
          for tap in 0..<taps {
            let factor = kernel[tap]
            for t in 0..<length { y[t] += factor * line[t + tap * step] }
          }
          if appliesSilu {
            for t in 0..<length { y[t] = y[t] / T(1 + exp(-Double(y[t]))) }
          }
        }
      }
    }
  }
}
