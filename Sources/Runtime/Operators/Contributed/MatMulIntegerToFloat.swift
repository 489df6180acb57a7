import CKernels
import ModelFormat

/// `MatMulIntegerToFloat`: products of stacks of 8-bit matrices as real numbers.
///
///     Y = (A − a_zero) · (B − b_zero) · a_scale · b_scale + bias
///
/// |        | name           | shape                    | element types |
/// |--------|----------------|--------------------------|---------------|
/// | input  | `A`, `B`       | `[…, m, k]`, `[…, k, n]` | `u8`, `i8`    |
/// | input  | `a_scale`, `b_scale` | one element, or `m`; or `n` | `f32` |
/// | input  | `a_zero_point`, `b_zero_point`, optional | as the scales | type of `A`, of `B` |
/// | input  | `bias`, optional | `[n]`                  | `f32`         |
/// | output | `Y`            | `[…, m, n]`              | `f32`         |
///
/// Source: ONNX Runtime's contributed operator, version 1.
struct MatMulIntegerToFloat: TensorOperator {
  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 4...7)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let a = try inputs.tensor(0, of: QuantizedProduct.elements)
    let b = try inputs.tensor(1, of: QuantizedProduct.elements)
    for index in [2, 3] { _ = try inputs.tensor(index, of: [.f32]) }
    if inputs.has(4) { _ = try inputs.tensor(4, of: [a.element]) }
    if inputs.has(5) { _ = try inputs.tensor(5, of: [b.element]) }
    if inputs.has(6) { _ = try inputs.tensor(6, of: [.f32]) }
    return [.tensor(.f32, try MatrixExtents.shape(a.shape, b.shape))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let product = try QuantizedProduct(io, a: 0, b: 1)
    let a = try QuantizedSide(
      io, isSigned: product.aIsSigned, scale: 2, zero: 4, lines: product.extents.m)
    let b = try QuantizedSide(
      io, isSigned: product.bIsSigned, scale: 3, zero: 5, lines: product.extents.n)
    let hasBias = io.has(6)
    if hasBias, try io.input(6).count != product.extents.n {
      throw ModelError(
        .shapeMismatch, "a bias \(try io.input(6).shape)", expected: "[\(product.extents.n)]")
    }
    return Kernel(product.kernelName, scratchBytes: product.scratchBytes) {
      (context) throws(ModelError) in
      var target = zoo_qtarget()
      target.kind = ZOO_QOUT_F32
      if hasBias { target.epilogue.bias = context.input(6) }
      try product.run(
        context, aSide: a.side(context), bSide: b.side(context), target: target, size: 4)
    }
  }
}

/// `DynamicQuantizeMatMul`: the product of a matrix, quantized by its own range, and a matrix of 8-bit numbers.
///
/// |        | name      | shape                    | element types |
/// |--------|-----------|--------------------------|---------------|
/// | input  | `A`       | `[…, m, k]`              | `f32`         |
/// | input  | `B`       | `[…, k, n]`              | `u8`, `i8`    |
/// | input  | `b_scale`, `b_zero_point` | one element or `n`; zero point optional | `f32`, type of `B` |
/// | input  | `bias`, optional | `[n]`             | `f32`         |
/// | output | `Y`       | `[…, m, n]`              | `f32`         |
///
/// `A` becomes `u8` as ``DynamicQuantizeLinear`` says. Source: ONNX Runtime's contributed operator, version 1.
struct DynamicQuantizeMatMul: ComposedOperator {
  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 3...5)
  }

  func compose(_ parts: inout Composition) throws(ModelError) -> [Composition.Value?] {
    let a = try parts.call(
      "DynamicQuantizeLinear", [try parts.input(0, of: [.f32])], [:], wants: [true, true, true])
    return [
      try parts.call(
        "MatMulIntegerToFloat", domain: "com.microsoft",
        [
          a[0], try parts.input(1), a[1], try parts.input(2), a[2], parts.optional(3),
          parts.optional(4),
        ])
    ]
  }
}

/// `MatMulInteger16`: exact products of stacks of 16-bit matrices; sums wrap modulo 2³².
///
/// | inputs | shape | element types |
/// |--------|-------|---------------|
/// | `A`, `B` | `[…, m, k]`, `[…, k, n]` | `i16`; the result has `i32` |
///
/// Source: ONNX Runtime's contributed operator, version 1.
struct MatMulInteger16: ComposedOperator {
  init(_ node: NodeReader) throws(ModelError) { try node.require(inputs: 2...2) }

  func compose(_ parts: inout Composition) throws(ModelError) -> [Composition.Value?] {
    let a = try parts.cast(try parts.input(0, of: [.i16]), .i32)
    let b = try parts.cast(try parts.input(1, of: [.i16]), .i32)
    return [try parts("MatMul", a, b)]
  }
}
