import CKernels
import ModelFormat

/// `QLinearConv`: convolution of 8-bit numbers, rounded to 8 bits.
///
///     y = saturate(round((Σ (x − x_zero) · (w − w_zero) + B) · x_scale · w_scale / y_scale) + y_zero)
///
/// | inputs | shape | element types |
/// |--------|-------|---------------|
/// | `x`, `w` | `[n, c, …]`, `[m, c / group, …]` | `u8`, `i8` |
/// | `x_scale`, `x_zero_point` | one element | `f32`, type of `x` |
/// | `w_scale`, `w_zero_point` | one element or `m` | `f32`, type of `w` |
/// | `y_scale`, `y_zero_point` | one element | `f32`, type of `y` (`u8`, `i8`) |
/// | `B`, optional | `[m]` | `i32`, in units of x_scale · w_scale |
///
/// Ties round to even; padding reads `x_zero_point`. Attributes: ``ConvGeometry``. Source: ONNX `QLinearConv`, opset 10.
struct QLinearConv: TensorOperator {
  let geometry: ConvGeometry

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 8...9)
    geometry = try ConvGeometry(node)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: QuantizedProduct.elements)
    _ = try inputs.tensor(1, of: [.f32])
    _ = try inputs.tensor(2, of: [x.element])
    let w = try inputs.tensor(3, of: QuantizedProduct.elements)
    _ = try inputs.tensor(4, of: [.f32])
    _ = try inputs.tensor(5, of: [w.element])
    _ = try inputs.tensor(6, of: [.f32])
    let y = try inputs.tensor(7, of: QuantizedProduct.elements)
    if inputs.has(8) {
      let bias = try inputs.tensor(8, of: [.i32]).shape
      if let bias, let w = w.shape, bias.rank != 1 || !bias[0].canBe(w[0]) {
        throw ModelError(.shapeMismatch, "B is \(bias)", expected: "[\(w[0])]")
      }
    }
    return [.tensor(y.element, try geometry.outputShape(x.shape, w.shape))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let convolution = try QuantizedConvolution(io, geometry, weights: 3)
    let x = try QuantizedSide(
      io, isSigned: try io.input(0).element == .i8, scale: 1, zero: 2, lines: 1)
    let w = try QuantizedSide(
      io, isSigned: convolution.weightsAreSigned, scale: 4, zero: 5, lines: try io.input(3).shape[0]
    )
    let output = try QuantizedOutput(io, scale: 6, zero: 7)
    let hasBias = io.has(8)
    return Kernel(convolution.kernelName, scratchBytes: convolution.scratchBytes) {
      (context) throws(ModelError) in
      var target = output.target(context)
      if hasBias { target.bias = context.input(8) }
      try convolution.run(
        context, xSide: x.side(context), wSide: w.side(context), target: target)
    }
  }
}
