/// `DFT`: the discrete Fourier transform along one axis, or its inverse.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `input` | `[…, n, …, 1]` (real) or `[…, n, …, 2]` (complex) | `f16`, `bf16`, `f32`, `f64` |
/// | input  | `dft_length`, optional | one element: cut or filled with zeros to that length | `i32`, `i64` |
/// | input  | `axis` (since opset 20), optional | one element, default −2, not the last axis | `i64` |
/// | output | `output` | `[…, length, …, 2]` | type of `input` |
/// | attr   | `inverse` | | default 0 |
/// | attr   | `onesided` | | default 0; 1: `⌊length/2⌋ + 1` bins of a real signal, and of them a real signal |
/// | attr   | `axis` (before opset 20) | | default 1 |
///
/// The inverse is divided by the length. Of one-sided bins, the length is `2·(n − 1)` unless it is given. Complex
/// signals are transformed in their own type (`f16` and `bf16` in f32), real ones in f64. Source: ONNX `DFT`, opsets 17
/// and 20.
struct DFT: FloatOperator {
  private let isInverse: Bool
  private let isOneSided: Bool
  /// `nil` if it is an input.
  private let axis: Int?

  init(_ node: NodeReader) throws(ModelError) {
    let takesAxis = node.opset >= 20
    try node.require(inputs: 1...(takesAxis ? 3 : 2))
    isInverse = try node.bool("inverse", default: false)
    isOneSided = try node.bool("onesided", default: false)
    axis = takesAxis ? (node.hasInput(2) ? nil : -2) : try node.int("axis", default: 1)
  }

  private func resolved(_ axis: Int, _ rank: Int) throws(ModelError) -> Int {
    let place = try Shape.normalize(axis, rank: rank)
    guard rank >= 2, place < rank - 1 else {
      throw ModelError(
        .outOfRange, "axis \(axis) of a tensor of rank \(rank)",
        expected: "any but the last, which holds real and imaginary parts")
    }
    return place
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let input = try inputs.tensor(0, of: ElementType.floats)
    if inputs.has(1) { _ = try inputs.tensor(1, of: [.i32, .i64]) }
    if inputs.has(2) { _ = try inputs.tensor(2, of: [.i32, .i64]) }
    guard var shape = input.shape else { return [.tensor(input)] }
    let (rank, isReal) = (shape.rank, shape.dimensions.last == .fixed(1))
    guard rank >= 2, shape[rank - 1].canBe(1) || shape[rank - 1].canBe(2) else {
      throw ModelError(
        .shapeMismatch, "a signal \(shape)", expected: "[…, 1] (real) or […, 2] (complex)")
    }
    if isOneSided, isInverse == isReal, shape[rank - 1].value != nil {
      throw ModelError(
        .shapeMismatch, "a signal \(shape)",
        expected: isInverse ? "complex bins, […, 2]" : "a real signal, […, 1]")
    }
    shape[rank - 1] = isOneSided && isInverse ? 1 : 2
    guard let axis = axis ?? inputs.integers(2)?.first else {
      for place in 0..<rank - 1 { shape[place] = .unknown }
      return [.tensor(input.element, shape)]
    }
    let place = try resolved(axis, rank)
    let length = length(shape[place], inputs)
    guard (length.value ?? 1) >= 1 else {
      throw ModelError(.outOfRange, "a transform of length \(length)", expected: "1 or more")
    }
    shape[place] = isOneSided && !isInverse ? length / 2 + 1 : length
    return [.tensor(input.element, shape)]
  }

  private func length(_ extent: Dimension, _ inputs: Operands) -> Dimension {
    guard inputs.has(1) else {
      guard isOneSided, isInverse else { return extent }
      return extent.value.map { .fixed(max(0, 2 * ($0 - 1))) } ?? (extent - 1) * 2
    }
    return inputs.extents(1)?.first ?? .unknown
  }

  func lower<T: FloatElement>(_ io: NodeIO, as type: T.Type) throws(ModelError) -> Kernel {
    // Real signals are transformed in f64: two share one transform, and a small one must not drown in the other's
    // rounding.
    let isComplex = try io.input(0).shape.last == 2 && !(isOneSided && isInverse)
    return isComplex ? try kernel(io, type, type) : try kernel(io, type, Double.self)
  }

  private func kernel<T: FloatElement, C: FloatElement>(
    _ io: NodeIO, _ type: T.Type, _ computed: C.Type
  ) throws(ModelError) -> Kernel {
    let (x, y) = (try io.input(0).shape, try io.output().shape)
    guard let axis = axis ?? io.integers(2)?.first else { return .deferred }
    let place = try resolved(axis, x.count)
    let bins = isOneSided && !isInverse
    let given = io.has(1) ? io.integers(1)?.first : bins ? x[place] : y[place]
    guard let length = given else { return .deferred }
    let from = AxisLayout(Array(x.dropLast()), along: place)
    let to = AxisLayout(Array(y.dropLast()), along: place)
    let (parts, outParts, inner) = (x[x.count - 1], y[y.count - 1], from.inner)
    let lines = try FourierLines<C>(
      length, count: from.outer * inner, isReal: parts == 1 && !isInverse, isInverse: isInverse,
      threads: io.threads)
    let isHalf = isOneSided && isInverse
    let taken = min(from.axis, isHalf ? length / 2 + 1 : length)
    return Kernel("dft_\(C.elementType)", scratchBytes: lines.scratchBytes) { context in
      let input = context.input(0, as: T.self)
      let output = context.output(as: T.self)
      lines.run(context) { index, line, asImaginary in
        let base = index / inner * from.axis * inner + index % inner
        for k in 0..<length {
          let at = (base + k * inner) * parts
          let real = k < taken ? C(input[at]) : 0
          if lines.isReal {
            if asImaginary { line[k].imaginary = real } else { line[k].real = real }
          } else {
            let imaginary = k < taken && parts == 2 ? C(input[at + 1]) : 0
            line[k] = FourierNumber(real, imaginary)
          }
        }
        guard isHalf, length > 0 else { return }
        for k in length / 2 + 1..<max(length, length / 2 + 1) {
          line[k] = line[length - k].conjugate
        }
      } store: { index, line in
        let base = index / inner * to.axis * inner + index % inner
        for k in 0..<to.axis {
          let at = (base + k * inner) * outParts
          output[at] = T(line[k].real)
          if outParts == 2 { output[at + 1] = T(line[k].imaginary) }
        }
      }
    }
  }
}
