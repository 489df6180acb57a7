import CKernels
import ModelFormat

/// `QGemm`: the product of two 8-bit matrices plus a third, as real numbers or rounded to 8 bits.
///
///     Y = alpha · a_scale · b_scale · (op(A − a_zero) · op(B − b_zero) + C)
///
/// | inputs | shape | element types |
/// |--------|-------|---------------|
/// | `A`, `a_scale`, `a_zero_point` | `[m, k]`, with `transA` `[k, m]`; one element | `u8`, `i8`; `f32` |
/// | `B`, `b_scale`, `b_zero_point` | `[k, n]`, with `transB` `[n, k]`; one element or `n` | `u8`, `i8`; `f32` |
/// | `C`, optional | broadcast to `[m, n]` | `i32` |
/// | `y_scale`, `y_zero_point`, optional | one element | `f32`, type of `A` |
///
/// `Y` is `f32` without the last two, which go together. Ties round to even. Source: ONNX Runtime's contributed operator, version 1.
struct QGemm: ComposedOperator {
  let transposesA: Bool
  let transposesB: Bool
  let alpha: Float

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 6...9)
    transposesA = try node.bool("transA", default: false)
    transposesB = try node.bool("transB", default: false)
    alpha = try node.float("alpha", default: 1)
  }

  func compose(_ parts: inout Composition) throws(ModelError) -> [Composition.Value?] {
    var a = try parts.input(0, of: QuantizedProduct.elements, rank: 2)
    let b = try parts.input(3, of: QuantizedProduct.elements, rank: 2)
    if transposesA { a = try parts.transposed(a, [1, 0]) }
    var scale = try parts.input(1, of: [.f32])
    if alpha != 1 { scale = try parts("Mul", scale, try parts.scalar(alpha)) }
    let c = try parts.optional(6, of: [.i32])
    let hasZero = parts.optional(8) != nil
    guard hasZero == (parts.optional(7) != nil) else {
      throw ModelError(
        .missingInput, "one of a result's scale and zero point",
        expected: "both for 8 bits, or neither for real numbers")
    }
    let isRow = c == nil || c?.shape.map { $0.rank >= 1 && $0.count == $0[$0.rank - 1] } == true
    let columns = b.shape?[transposesB ? 0 : 1]
    let fits = c?.shape.map { shape in columns.map { shape.count == $0 } ?? true } ?? true
    let product = ScaledQuantizedProduct(transposesB: transposesB)
    let fast: [Composition.Value?] = [
      a, scale, try parts.input(2), b, try parts.input(4), try parts.input(5),
    ]
    if isRow, fits {
      let rest = hasZero ? [c, try parts.input(7), try parts.input(8)] : [c]
      return [try parts.apply(product, fast + rest, wants: [true])[0]]
    }
    return [try general(&parts, a, b, scale)]
  }

  /// With a `C` that is no row.
  private func general(
    _ parts: inout Composition, _ a: Composition.Value, _ b: Composition.Value,
    _ scale: Composition.Value
  ) throws(ModelError) -> Composition.Value {
    let right = transposesB ? try parts.transposed(b, [1, 0]) : b
    let sum = try parts(
      "Add", try parts("MatMulInteger", a, right, try parts.input(2), try parts.input(5)),
      try parts.input(6, of: [.i32]))
    let factor = try parts("Mul", scale, try parts.input(4))
    let real = try parts.cast(sum, .f32)
    guard parts.optional(8) != nil else { return try parts("Mul", real, factor) }
    let ratio = try parts("Div", factor, try parts.input(7))
    return try parts.quantized(
      try parts("Mul", real, ratio), try parts.scalar(Float(1)), parts.optional(8),
      as: try parts.input(0).element)
  }
}

/// The product of ``QGemm`` whose `C` is a row: inputs in its order.
struct ScaledQuantizedProduct: TensorOperator {
  let transposesB: Bool

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let a = try inputs.tensor(0, of: QuantizedProduct.elements)
    let b = try inputs.tensor(3, of: QuantizedProduct.elements)
    _ = try inputs.tensor(2, of: [a.element])
    _ = try inputs.tensor(5, of: [b.element])
    if inputs.has(6) { _ = try inputs.tensor(6, of: [.i32]) }
    if inputs.has(8) {
      _ = try (inputs.tensor(7, of: [.f32]), inputs.tensor(8, of: [a.element]))
    }
    let shape = try MatrixExtents.shape(a.shape, b.shape, transposesB: transposesB)
    return [.tensor(inputs.has(8) ? a.element : .f32, shape)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let product = try QuantizedProduct(io, a: 0, b: 3, transposesB: transposesB)
    let a = try QuantizedSide(io, isSigned: product.aIsSigned, scale: 1, zero: 2, lines: 1)
    let b = try QuantizedSide(
      io, isSigned: product.bIsSigned, scale: 4, zero: 5, lines: product.extents.n)
    let hasBias = io.has(6)
    let element = try io.output().element
    return Kernel(product.kernelName, scratchBytes: product.scratchBytes) {
      (context) throws(ModelError) in
      var target = zoo_qtarget()
      target.kind = element == .f32 ? ZOO_QOUT_F32 : element == .i8 ? ZOO_QOUT_S8 : ZOO_QOUT_U8
      if element != .f32 {
        target.scale = context.input(7, as: Float.self)[0]
        target.zero =
          element == .i8
          ? Int32(context.input(8, as: Int8.self)[0])
          : Int32(context.input(8, as: UInt8.self)[0])
      }
      if hasBias { target.bias = context.input(6) }
      try product.run(
        context, aSide: a.side(context), bSide: b.side(context), target: target,
        size: element == .f32 ? 4 : 1)
    }
  }
}
