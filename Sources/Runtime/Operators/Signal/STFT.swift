/// `STFT`: the Fourier transforms of a signal's frames.
///
///     y[b, f, k] = Σₙ signal[b, f·step + n] · window[n] · e^(−2πi·kn/N)
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `signal` | `[batch, length]`, `[batch, length, 1]` or, complex, `[batch, length, 2]` | `f16`, `bf16`, `f32`, `f64` |
/// | input  | `frame_step` | one element ≥ 1 | `i32`, `i64` |
/// | input  | `window`, optional | `[N]`, default 1 | type of `signal` |
/// | input  | `frame_length`, optional | one element, N, default that of `window`, then of `signal` | `i32`, `i64` |
/// | output | `output` | `[batch, (length − N) / step + 1, bins, 2]` | type of `signal` |
/// | attr   | `onesided` | | default 1: `⌊N/2⌋ + 1` bins; 0: N bins |
///
/// Computed in f64. Source: ONNX `STFT`, opset 17.
struct STFT: FloatOperator {
  private let isOneSided: Bool

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...4)
    isOneSided = try node.bool("onesided", default: true)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let signal = try inputs.tensor(0, of: ElementType.floats)
    _ = try inputs.tensor(1, of: [.i32, .i64])
    let window = inputs.has(2) ? try inputs.tensor(2, of: [signal.element]).shape : nil
    if inputs.has(3) { _ = try inputs.tensor(3, of: [.i32, .i64]) }
    guard let shape = signal.shape else {
      return [.tensor(signal.element, [.unknown, .unknown, .unknown, 2])]
    }
    guard (2...3).contains(shape.rank), shape.rank == 2 || shape[2].canBe(1) || shape[2].canBe(2)
    else {
      throw ModelError(
        .shapeMismatch, "a signal \(shape)", expected: "[batch, length, 1] or [batch, length, 2]")
    }
    let length = try frameLength(inputs, window, shape[1])
    let step = inputs.extents(1)?.first ?? .unknown
    guard (step.value ?? 1) >= 1 else {
      throw ModelError(.outOfRange, "a step of \(step) between frames", expected: "1 or more")
    }
    let frames = (shape[1] - length) / step + 1
    guard (frames.value ?? 1) >= 1 else {
      throw ModelError(
        .shapeMismatch, "frames of \(length) in a signal \(shape)",
        expected: "a signal at least as long as one frame")
    }
    return [.tensor(signal.element, [shape[0], frames, isOneSided ? length / 2 + 1 : length, 2])]
  }

  private func frameLength(
    _ inputs: Operands, _ window: Shape?, _ signal: Dimension
  ) throws(ModelError) -> Dimension {
    if let window, window.rank != 1 {
      throw ModelError(.shapeMismatch, "a window \(window)", expected: "[length of a frame]")
    }
    guard inputs.has(3) else { return inputs.has(2) ? window?[0] ?? .unknown : signal }
    let length = inputs.extents(3)?.first ?? .unknown
    guard (length.value ?? 1) >= 1, length.canBe(window?[0] ?? length) else {
      throw ModelError(
        .shapeMismatch, "frames of \(length) with a window \(window ?? [length])",
        expected: "1 or more elements, as many as the window")
    }
    return length
  }

  func lower<T: FloatElement>(_ io: NodeIO, as type: T.Type) throws(ModelError) -> Kernel {
    let (x, y) = (try io.input(0).shape, try io.output().shape)
    let longest = io.has(2) ? try io.input(2).count : x[1]
    guard let step = io.integers(1)?.first,
      let length = io.has(3) ? io.integers(3)?.first : longest
    else { return .deferred }
    let (frames, bins) = (y[1], y[2])
    let parts = x.count == 3 ? x[2] : 1
    let lines = try FourierLines<Double>(
      length, count: x[0] * frames, isReal: parts == 1, threads: io.threads)
    let hasWindow = io.has(2)
    let samples = x[1]
    return Kernel("stft_f64", scratchBytes: lines.scratchBytes) { context in
      let signal = context.input(0, as: T.self)
      let window = hasWindow ? context.input(2, as: T.self) : nil
      let output = context.output(as: T.self)
      lines.run(context) { index, line, asImaginary in
        let start = signal + (index / frames * samples + index % frames * step) * parts
        for n in 0..<length {
          let weight = Double(window?[n] ?? 1)
          let real = Double(start[n * parts]) * weight
          if parts == 2 {
            line[n] = FourierNumber(real, Double(start[n * 2 + 1]) * weight)
          } else if asImaginary {
            line[n].imaginary = real
          } else {
            line[n].real = real
          }
        }
      } store: { index, line in
        let to = output + index * bins * 2
        for k in 0..<bins {
          to[2 * k] = T(line[k].real)
          to[2 * k + 1] = T(line[k].imaginary)
        }
      }
    }
  }
}
