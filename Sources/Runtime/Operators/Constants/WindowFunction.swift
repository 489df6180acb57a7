import LibC

/// `HannWindow`, `HammingWindow`, `BlackmanWindow`: sums of cosines over a window.
///
///     y[n] = a₀ − a₁·cos(2πn/N) + a₂·cos(4πn/N)
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `size` | `[]` | `i32`, `i64` |
/// | output | `output` | `[size]` | `f32` (default) or other numbers: `output_datatype` |
/// | attr   | `periodic` | | 1 (default): N = size; 0: N = size − 1 |
///
/// Source: ONNX `HannWindow`, `HammingWindow`, `BlackmanWindow`, opset 17.
struct WindowFunction: ValueOperator {
  private let weights: [Double]
  private let isPeriodic: Bool
  private let element: ElementType

  private init(_ weights: [Double], _ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    self.weights = weights
    isPeriodic = try node.bool("periodic", default: true)
    element = node.has("output_datatype") ? try node.elementType("output_datatype") : .f32
    guard ElementType.numbers.contains(element) else {
      throw ModelError(.invalidAttribute, "a window of \(element)", expected: "a type of numbers")
    }
  }

  @Sendable static func hann(_ node: NodeReader) throws(ModelError) -> any Operator {
    try WindowFunction([0.5, 0.5, 0], node)
  }

  @Sendable static func hamming(_ node: NodeReader) throws(ModelError) -> any Operator {
    try WindowFunction([25.0 / 46, 21.0 / 46, 0], node)
  }

  @Sendable static func blackman(_ node: NodeReader) throws(ModelError) -> any Operator {
    try WindowFunction([0.42, 0.5, 0.08], node)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    _ = try inputs.tensor(0, of: [.i32, .i64])
    let size = inputs.extents(0)?.first ?? .unknown
    guard (size.value ?? 0) >= 0, (size.value ?? 0) <= 1 << 28 else {
      throw ModelError(.outOfRange, "a window of \(size) elements", expected: "0 ... \(1 << 28)")
    }
    return [.tensor(element, [size])]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    let size = try call.tensor(0).integers?.first ?? 0
    let period = Double(isPeriodic ? size : size - 1)
    let values = (0..<size).map { index -> Double in
      // A window of one element that is not periodic is 1.
      guard period > 0 else { return 1 }
      let angle = 2 * Double.pi * Double(index) / period
      return weights[0] - weights[1] * cos(angle) + weights[2] * cos(2 * angle)
    }
    // A peak just below 1 is 1 in f32, which matters when integers cut the fraction.
    let rounded = element.isInteger ? values.map { Double(Float($0)) } : values
    return [.tensor(try Tensor(element, doubles: rounded, shape: [size]))]
  }
}
