import CKernels
import ModelFormat

/// `QLinearMatMul`: products of 8-bit matrices, rounded to 8 bits.
///
///     Y = saturate(round((A − a_zero) · (B − b_zero) · a_scale · b_scale / y_scale) + y_zero)
///
/// | inputs | shape | element types |
/// |--------|-------|---------------|
/// | `a`, `b` | `[…, m, k]`, `[…, k, n]` | `u8`, `i8`, floats of 8 bits |
/// | `a_scale`, `a_zero_point` | one element or `m` | `f32`, `f16`, `bf16`; type of `a` |
/// | `b_scale`, `b_zero_point` | one element or `n` | `f32`, `f16`, `bf16`; type of `b` |
/// | `y_scale`, `y_zero_point` | one element | `f32`, `f16`, `bf16`; type of `y` |
///
/// Ties round to even. Source: ONNX `QLinearMatMul`, opsets 10, 21.
struct QLinearMatMul: TensorOperator {
  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 8...8)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let a = try inputs.tensor(0, of: SmallFloatProduct.elements)
    _ = try inputs.tensor(1, of: QuantizedProduct.scales)
    _ = try inputs.tensor(2, of: [a.element])
    let b = try inputs.tensor(3, of: SmallFloatProduct.elements)
    _ = try inputs.tensor(4, of: QuantizedProduct.scales)
    _ = try inputs.tensor(5, of: [b.element])
    _ = try inputs.tensor(6, of: QuantizedProduct.scales)
    let y = try inputs.tensor(7, of: SmallFloatProduct.elements)
    return [.tensor(y.element, try MatrixExtents.shape(a.shape, b.shape))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    if HalfStaging.isNeeded(io) {
      return try HalfStaging.kernel(io) { (io) throws(ModelError) in try lower(io) }
    }
    for index in [0, 3, 7] where try io.input(index).element.isFloatingPoint {
      return try SmallFloatProduct(io).kernel
    }
    let product = try QuantizedProduct(io, a: 0, b: 3)
    let a = try QuantizedSide(
      io, isSigned: product.aIsSigned, scale: 1, zero: 2, lines: product.extents.m)
    let b = try QuantizedSide(
      io, isSigned: product.bIsSigned, scale: 4, zero: 5, lines: product.extents.n)
    let output = try QuantizedOutput(io, scale: 6, zero: 7)
    return Kernel(product.kernelName, scratchBytes: product.scratchBytes) {
      (context) throws(ModelError) in
      try product.run(
        context, aSide: a.side(context), bSide: b.side(context), target: output.target(context),
        size: 1)
    }
  }
}

/// The scale and zero point of an 8-bit output.
struct QuantizedOutput: Sendable {
  let scale: Int
  let zero: Int
  let isSigned: Bool

  init(_ io: NodeIO, scale: Int, zero: Int) throws(ModelError) {
    (self.scale, self.zero) = (scale, zero)
    isSigned = try io.input(zero).element == .i8
    for index in [scale, zero] {
      let shape = try io.input(index).shape
      guard shape.reduce(1, *) != 1 else { continue }
      throw ModelError(
        .shapeMismatch, "input \(index) is \(shape)", expected: "one element",
        remedy: "quantize the output per tensor")
    }
  }

  func target(_ context: borrowing KernelContext) -> zoo_qtarget {
    var target = zoo_qtarget()
    target.kind = isSigned ? ZOO_QOUT_S8 : ZOO_QOUT_U8
    target.scale = context.input(scale, as: Float.self)[0]
    target.zero =
      isSigned
      ? Int32(context.input(zero, as: Int8.self)[0]) : Int32(context.input(zero, as: UInt8.self)[0])
    return target
  }
}
