import ModelFormat

/// `QLinearLeakyRelu` and `QLinearSigmoid`: functions of each 8-bit element, rounded to 8 bits.
///
/// | inputs | shape | element types |
/// |--------|-------|---------------|
/// | `X` | any | `u8`, `i8` |
/// | `X_scale`, `X_zero_point`, `Y_scale`, `Y_zero_point` | one element; zero points optional | `f32`, type of `X` |
///
/// Attribute `alpha` (default 0.01) is the slope of `LeakyRelu`. Source: ONNX Runtime's contributed operators, version 1.
struct QLinearUnary: ComposedOperator {
  let function: String
  let attributes: KeyValuePairs<String, AttributeValue>

  init(leakyRelu node: NodeReader) throws(ModelError) {
    try node.require(inputs: 4...5, optional: [2])
    function = "LeakyRelu"
    attributes = ["alpha": .float(try node.float("alpha", default: 0.01))]
  }

  init(sigmoid node: NodeReader) throws(ModelError) {
    try node.require(inputs: 4...5, optional: [2])
    function = "Sigmoid"
    attributes = [:]
  }

  func compose(_ parts: inout Composition) throws(ModelError) -> [Composition.Value?] {
    let x = try parts.input(0, of: QuantizedProduct.elements)
    try parts.requireScale(1, 2, of: x.element)
    try parts.requireScale(3, 4, of: x.element)
    let real = try parts.dequantized(x, try parts.input(1), parts.optional(2))
    let y = try parts.call(function, [real], attributes)
    return [try parts.quantized(y, try parts.input(3), parts.optional(4), as: x.element)]
  }
}

/// `QLinearSoftmax`: softmax of 8-bit numbers, rounded to 8 bits.
///
///     y = saturate(round(softmax(x · x_scale) · ⌊1 / y_scale⌋) + y_zero)
///
/// | inputs | shape | element types |
/// |--------|-------|---------------|
/// | `X` | any | `u8`, `i8` |
/// | `X_scale`, `x_zero_point`, `y_scale`, `y_zero_point` | one element | `f32`, type of `X` |
///
/// Attributes `axis` and `opset`: of which version of ``Softmax`` the axis is meant. Source: ONNX Runtime's contributed
/// operator, version 1.
struct QLinearSoftmax: ComposedOperator {
  let axis: Int
  let joinsTrailingAxes: Bool

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 5...5, optional: [2])
    joinsTrailingAxes = try node.int("opset") < 13
    axis = try node.int("axis", default: joinsTrailingAxes ? 1 : -1)
  }

  func compose(_ parts: inout Composition) throws(ModelError) -> [Composition.Value?] {
    let x = try parts.input(0, of: QuantizedProduct.elements)
    try parts.requireScale(1, 2, of: x.element)
    try parts.requireScale(3, 4, of: x.element)
    var real = try parts.dequantized(x, try parts.input(1), parts.optional(2))
    if joinsTrailingAxes {
      let flat = try parts("Flatten", real, attributes: ["axis": .int(Int64(axis))])
      let weights = try parts("Softmax", flat, attributes: ["axis": .int(-1)])
      real = try parts("Reshape", weights, try parts("Shape", x))
    } else {
      real = try parts("Softmax", real, attributes: ["axis": .int(Int64(axis))])
    }
    let steps = try parts("Floor", try parts("Reciprocal", try parts.input(3)))
    let scaled = try parts("Mul", real, steps)
    let one = try parts.scalar(Float(1))
    return [try parts.quantized(scaled, one, parts.optional(4), as: x.element)]
  }
}
