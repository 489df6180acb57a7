import CKernels
import ModelFormat

/// `MatMulInteger`: exact products of stacks of 8-bit matrices.
///
///     Y = (A − a_zero_point) · (B − b_zero_point)
///
/// |        | name           | shape                    | element types |
/// |--------|----------------|--------------------------|---------------|
/// | input  | `A`            | `[…, m, k]`              | `u8`, `i8`    |
/// | input  | `B`            | `[…, k, n]`              | `u8`, `i8`    |
/// | input  | `a_zero_point` | one element or `m`; optional | type of `A` |
/// | input  | `b_zero_point` | one element or `n`; optional | type of `B` |
/// | output | `Y`            | `[…, m, n]`              | `i32`         |
///
/// Sums wrap modulo 2³². Source: ONNX `MatMulInteger`, opset 10.
struct MatMulInteger: TensorOperator {
  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...4)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let a = try inputs.tensor(0, of: QuantizedProduct.elements)
    let b = try inputs.tensor(1, of: QuantizedProduct.elements)
    if inputs.has(2) { _ = try inputs.tensor(2, of: [a.element]) }
    if inputs.has(3) { _ = try inputs.tensor(3, of: [b.element]) }
    return [.tensor(.i32, try MatrixExtents.shape(a.shape, b.shape))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let product = try QuantizedProduct(io, a: 0, b: 1)
    let a = try QuantizedSide(
      io, isSigned: product.aIsSigned, scale: nil, zero: 2, lines: product.extents.m)
    let b = try QuantizedSide(
      io, isSigned: product.bIsSigned, scale: nil, zero: 3, lines: product.extents.n)
    return Kernel(product.kernelName, scratchBytes: product.scratchBytes) {
      (context) throws(ModelError) in
      var target = zoo_qtarget()
      target.kind = ZOO_QOUT_S32
      try product.run(
        context, aSide: a.side(context), bSide: b.side(context), target: target, size: 4)
    }
  }
}
