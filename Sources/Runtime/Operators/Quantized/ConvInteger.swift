import CKernels
import ModelFormat

/// `ConvInteger`: exact convolution of 8-bit numbers.
///
/// |        | name           | shape                 | element types |
/// |--------|----------------|-----------------------|---------------|
/// | input  | `x`            | `[n, c, …]`, 1 to 3 spatial axes | `u8`, `i8` |
/// | input  | `w`            | `[m, c / group, …]`   | `u8`, `i8`    |
/// | input  | `x_zero_point` | one element; optional | type of `x`   |
/// | input  | `w_zero_point` | one element or `m`; optional | type of `w` |
/// | output | `y`            | `[n, m, …]`           | `i32`         |
///
/// Padding reads `x_zero_point`. Attributes: ``ConvGeometry``. Source: ONNX `ConvInteger`, opset 10.
struct ConvInteger: TensorOperator {
  let geometry: ConvGeometry

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...4)
    geometry = try ConvGeometry(node)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: QuantizedProduct.elements)
    let w = try inputs.tensor(1, of: QuantizedProduct.elements)
    if inputs.has(2) { _ = try inputs.tensor(2, of: [x.element]) }
    if inputs.has(3) { _ = try inputs.tensor(3, of: [w.element]) }
    return [.tensor(.i32, try geometry.outputShape(x.shape, w.shape))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let convolution = try QuantizedConvolution(io, geometry, weights: 1)
    let x = try QuantizedSide(
      io, isSigned: try io.input(0).element == .i8, scale: nil, zero: 2, lines: 1)
    let w = try QuantizedSide(
      io, isSigned: convolution.weightsAreSigned, scale: nil, zero: 3,
      lines: try io.input(1).shape[0])
    return Kernel(convolution.kernelName, scratchBytes: convolution.scratchBytes) {
      (context) throws(ModelError) in
      var target = zoo_qtarget()
      target.kind = ZOO_QOUT_S32
      try convolution.run(
        context, xSide: x.side(context), wSide: w.side(context), target: target)
    }
  }
}
