import CKernels
import ModelFormat

/// `DynamicQuantizedMatMul` of domain `zoo`: the product of rows that were quantized on the way and a quantized matrix, as
/// real numbers, and what follows it.
///
///     Y[i, j] = activation((Σₚ (A[i, p] − zero[i]) · (B[p, j] − b_zero[j])) · scale[i] · b_scale[j] + bias[j] + residual[i, j])
///
/// |        | name      | shape       | element types |
/// |--------|-----------|-------------|---------------|
/// | input  | `A`       | `[…, k]`    | `u8`          |
/// | input  | `scale`   | `[…, 1]`, or one element | `f32` |
/// | input  | `zero`    | shape of `scale` | `u8`     |
/// | input  | `B`       | `[k, n]`    | `i8`, `u8`    |
/// | input  | `b_scale` | `[n]`, or one element | `f32` |
/// | input  | `bias`    | `[n]`; optional | `f32`     |
/// | input  | `residual` | shape of `Y`; optional | `f32` |
/// | input  | `b_zero`  | shape of `b_scale`; optional | type of `B` |
/// | output | `Y`       | `[…, n]`    | `f32`         |
///
/// The sums are exact. Attributes: ``FusedActivation``. `DynamicProductFusion` makes it.
struct DynamicQuantizedMatMul: TensorOperator {
  private let activation: zoo_activation

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 5...8)
    activation = try FusedActivation.decode(node)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let a = try inputs.tensor(0, of: [.u8])
    _ = try inputs.tensor(1, of: [.f32])
    _ = try inputs.tensor(2, of: [.u8])
    let b = try inputs.tensor(3, of: QuantizedProduct.elements)
    _ = try inputs.tensor(4, of: [.f32])
    for index in [5, 6] where inputs.has(index) { _ = try inputs.tensor(index, of: [.f32]) }
    if inputs.has(7) { _ = try inputs.tensor(7, of: [b.element]) }
    return [.tensor(.f32, try MatrixExtents.shape(a.shape, b.shape))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let (shape, matrix) = (try io.input(0).shape, try io.input(3).shape)
    let rows = shape.dropLast().reduce(1, *)
    guard matrix.count == 2 else {
      throw ModelError(.shapeMismatch, "weights \(matrix)", expected: "a matrix")
    }
    let counts = [5: matrix[1], 6: try io.output().count]
    for (index, count) in counts where io.has(index) {
      let given = try io.input(index)
      guard given.count != count else { continue }
      throw ModelError(
        .shapeMismatch, "input \(index) is \(given.shape)", expected: "\(count) elements")
    }
    let left = try QuantizedSide(io, isSigned: false, scale: 1, zero: 2, lines: rows)
    let isSigned = try io.input(3).element == .i8
    let right = try QuantizedSide(io, isSigned: isSigned, scale: 4, zero: 7, lines: matrix[1])
    let (k, n) = (Int64(matrix[0]), Int64(matrix[1]))
    let isa = zoo_cpu_isa()
    var layout = ScratchLayout()
    let weights = try PackedOperand(
      io, 3, "qgemm", zoo_qgemm_packed_bytes(isa, k, n), &layout
    ) { (from, to) in
      zoo_qgemm_pack(isa, k, n, from, n, 0, isSigned ? 1 : 0, to)
    }
    let (hasBias, hasResidual, activation) = (io.has(5), io.has(6), activation)
    return Kernel(
      "qgemm_\(String(cString: zoo_isa_name(isa)))", scratchBytes: layout.bytes,
      reuses: hasResidual ? [0: 6] : [:]
    ) { (context) throws(ModelError) in
      var target = zoo_qtarget()
      target.kind = ZOO_QOUT_F32
      target.epilogue.activation = activation
      if hasBias { target.epilogue.bias = context.input(5) }
      if hasResidual { target.epilogue.residual = context.input(6) }
      target.epilogue.residual_ld = n
      let (a, b) = (left.side(context), right.side(context))
      try weights.withBytes(context) { packed in
        zoo_qgemm_run(
          isa, Int64(rows), n, k, context.inputBytes(0), k, a, packed, b, context.outputBytes(0), n,
          &target, Int32(context.threads))
      }
    }
  }
}
