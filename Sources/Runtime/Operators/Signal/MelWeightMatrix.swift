import LibC

/// `MelWeightMatrix`: the weights by which bins of a spectrum become bands that are evenly spaced for the ear.
///
///     mel(f) = 2595·log₁₀(1 + f/700)
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `num_mel_bins`, `dft_length`, `sample_rate` | `[]` | `i32`, `i64` |
/// | input  | `lower_edge_hertz`, `upper_edge_hertz` | `[]` | `f16`, `bf16`, `f32`, `f64` |
/// | output | `output` | `[⌊dft_length/2⌋ + 1, num_mel_bins]` | `output_datatype`: numbers, default `f32` |
///
/// Each column is a triangle of height 1 between three neighbouring edges. Source: ONNX `MelWeightMatrix`, opset 17.
struct MelWeightMatrix: ValueOperator {
  private let element: ElementType

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 5...5)
    element = node.has("output_datatype") ? try node.elementType("output_datatype") : .f32
    guard ElementType.numbers.contains(element) else {
      throw ModelError(.invalidAttribute, "a matrix of \(element)", expected: "numbers")
    }
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    for index in 0..<3 {
      _ = try inputs.tensor(index, of: [.i32, .i64])
      guard let value = inputs.integers(index)?.first else { continue }
      guard value >= (index == 2 ? 1 : 0), value <= 1 << 28 else {
        throw ModelError(
          .outOfRange, "input \(index) is \(value)",
          expected: "a number of bins or of hertz, at most \(1 << 28)")
      }
    }
    for index in 3..<5 { _ = try inputs.tensor(index, of: ElementType.floats) }
    let bands = inputs.extents(0)?.first ?? .unknown
    let length = inputs.extents(1)?.first ?? .unknown
    return [.tensor(element, [length / 2 + 1, bands])]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    let counts = try (0..<3).map { (index) throws(ModelError) in
      try call.tensor(index).integers?.first ?? 0
    }
    let edges = try (3..<5).map { (index) throws(ModelError) in
      try call.tensor(index).doubles().first ?? 0
    }
    let (bands, bins) = (counts[0], counts[1] / 2 + 1)
    // Computed in f64, whatever the result is of.
    try TensorMemory.require(.f64, shape: [bins, bands + 2])
    let (low, high) = (2595 * log10(1 + edges[0] / 700), 2595 * log10(1 + edges[1] / 700))
    let points = try (0..<bands + 2).map { (band) throws(ModelError) in
      let mel = low + (high - low) / Double(bands + 2) * Double(band)
      let hertz = 700 * (pow(10, mel / 2595) - 1)
      let bin = (Double(counts[1] + 1) * hertz / Double(counts[2])).rounded(.down)
      guard bin >= 0, bin < Double(bins) else {
        throw ModelError(
          .outOfRange, "an edge of \(hertz) Hz",
          expected: "0 ... half the sample rate of \(counts[2]) Hz")
      }
      return Int(bin)
    }
    var weights = [Double](repeating: 0, count: bins * bands)
    for band in 0..<bands {
      let (left, centre, right) = (points[band], points[band + 1], points[band + 2])
      if left == centre { weights[centre * bands + band] = 1 }
      for bin in left...centre where left < centre {
        weights[bin * bands + band] = Double(bin - left) / Double(centre - left)
      }
      for bin in centre..<max(right, centre) {
        weights[bin * bands + band] = Double(right - bin) / Double(right - centre)
      }
    }
    return [.tensor(try Tensor(element, doubles: weights, shape: [bins, bands]))]
  }
}
