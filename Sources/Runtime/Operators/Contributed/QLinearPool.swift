import ModelFormat

/// `QLinearAveragePool`, `QLinearGlobalAveragePool` and `QLinearReduceMean`: means of 8-bit numbers, rounded to 8 bits.
///
/// | inputs | shape | element types |
/// |--------|-------|---------------|
/// | `X` | `[n, c, …]`, with `channels_last` `[n, …, c]` | `u8`, `i8` |
/// | `x_scale`, `x_zero_point`, `y_scale`, `y_zero_point` | one element; zero points optional where ONNX Runtime says so | `f32`, type of `X` |
///
/// The other attributes are those of `AveragePool` and `ReduceMean`. Source: ONNX Runtime's contributed operators, version 1.
struct QLinearPool: ComposedOperator {
  private enum Kind {
    case windows(Pool)
    case global
    case axes([Int], keeps: Bool)
  }

  private let kind: Kind
  private let isChannelsLast: Bool

  init(average node: NodeReader) throws(ModelError) {
    try node.require(inputs: 4...5, optional: [2])
    let pool = Node(
      "AveragePool", inputs: [node.node.inputs[0]], outputs: node.node.outputs,
      attributes: node.node.attributes)
    kind = .windows(try Pool(average: NodeReader(pool, opset: 22)))
    isChannelsLast = try node.bool("channels_last", default: false)
  }

  init(global node: NodeReader) throws(ModelError) {
    try node.require(inputs: 5...5)
    kind = .global
    isChannelsLast = try node.bool("channels_last", default: false)
  }

  init(mean node: NodeReader) throws(ModelError) {
    try node.require(inputs: 4...5, optional: [2])
    kind = .axes(
      try node.ints("axes", default: []), keeps: try node.bool("keepdims", default: true))
    isChannelsLast = false
  }

  func compose(_ parts: inout Composition) throws(ModelError) -> [Composition.Value?] {
    let x = try parts.input(0, of: QuantizedProduct.elements)
    try parts.requireScale(1, 2, of: x.element)
    try parts.requireScale(3, 4, of: x.element)
    let scale = try parts.input(1)
    let y: Composition.Value
    switch kind {
    case .global: return [try global(&parts, x)]
    case .windows(let pool):
      let real = try parts.dequantized(x, scale, parts.optional(2))
      let planar = isChannelsLast ? try parts.channelsFirst(real) : real
      let pooled = try parts.apply(pool, planar)
      y = isChannelsLast ? try parts.channelsLast(pooled) : pooled
    case .axes(let axes, let keeps):
      let real = try parts.dequantized(x, scale, parts.optional(2))
      y = try parts(
        "ReduceMean", real, axes.isEmpty ? nil : try parts.integers(axes),
        attributes: ["keepdims": .int(keeps ? 1 : 0)])
    }
    return [
      try parts.quantizedAfterShift(y, try parts.input(3), parts.optional(4), as: x.element)
    ]
  }

  /// Sums of whole numbers are exact, so that ties stay ties.
  private func global(
    _ parts: inout Composition, _ x: Composition.Value
  ) throws(ModelError) -> Composition.Value {
    guard let rank = x.rank else { return x }
    guard rank >= 3 else {
      throw ModelError(.shapeMismatch, "a tensor \(x.type)", expected: "rank 3 or more")
    }
    let axes = isChannelsLast ? Array(1..<rank - 1) : Array(2..<rank)
    let whole = try parts.dequantized(x, try parts.scalar(Float(1)), parts.optional(2))
    let sum = try parts("ReduceSum", whole, try parts.integers(axes))
    let count = axes.reduce(1) { $0 * (x.shape?[$1].value ?? 1) }
    let divisor = try parts("Mul", try parts.input(3), try parts.scalar(Float(count)))
    let scale = try parts("Div", try parts.input(1), divisor)
    let one = try parts.scalar(Float(1))
    return try parts.quantized(
      try parts("Mul", sum, scale), one, parts.optional(4), as: x.element)
  }
}

extension Composition {
  /// `[n, …, c]` as `[n, c, …]`.
  mutating func channelsFirst(_ x: Value) throws(ModelError) -> Value {
    guard let rank = x.rank, rank > 2 else { return x }
    return try transposed(x, [0, Int64(rank - 1)] + (1..<Int64(rank - 1)))
  }

  /// `[n, c, …]` as `[n, …, c]`.
  mutating func channelsLast(_ x: Value) throws(ModelError) -> Value {
    guard let rank = x.rank, rank > 2 else { return x }
    return try transposed(x, [0] + (2..<Int64(rank)) + [1])
  }
}
