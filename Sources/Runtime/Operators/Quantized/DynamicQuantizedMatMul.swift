import CKernels
import ModelFormat

/// `DynamicQuantizedMatMul` of domain `zoo`: the product of quantized rows and a quantized matrix, as real numbers.
///
///     Y[i, j] = (Σₚ (A[i, p] − zero[i]) · B[p, j]) · scale[i] · b_scale[j] + bias[j]
///
/// |        | name      | shape       | element types |
/// |--------|-----------|-------------|---------------|
/// | input  | `A`       | `[…, k]`    | `u8`          |
/// | input  | `scale`   | `[…, 1]`    | `f32`         |
/// | input  | `zero`    | `[…, 1]`    | `u8`          |
/// | input  | `B`       | `[k, n]`    | `i8`          |
/// | input  | `b_scale` | `[n]`       | `f32`         |
/// | input  | `bias`    | `[n]`; optional | `f32`     |
/// | output | `Y`       | `[…, n]`    | `f32`         |
///
/// The sums are exact. `DynamicProductFusion` makes it.
struct DynamicQuantizedMatMul: TensorOperator {
  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 5...6)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let a = try inputs.tensor(0, of: [.u8])
    _ = try inputs.tensor(1, of: [.f32])
    _ = try inputs.tensor(2, of: [.u8])
    let b = try inputs.tensor(3, of: [.i8])
    _ = try inputs.tensor(4, of: [.f32])
    _ = try inputs.optionalTensor(5)
    return [.tensor(.f32, try MatrixExtents.shape(a.shape, b.shape))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let (shape, matrix) = (try io.input(0).shape, try io.input(3).shape)
    let rows = shape.dropLast().reduce(1, *)
    let hasBias = io.has(5)
    let biases = hasBias ? try io.input(5).count : matrix.last
    guard matrix.count == 2, try io.input(1).count == rows, try io.input(2).count == rows,
      try io.input(4).count == matrix[1], biases == matrix[1]
    else {
      throw ModelError(
        .shapeMismatch, "\(shape) × \(matrix) with scales that fit neither",
        expected: "a scale and a zero point per row, and a scale per column")
    }
    let product = try QuantizedProduct(io, a: 0, b: 3)
    return Kernel(product.kernelName, scratchBytes: product.scratchBytes) {
      (context) throws(ModelError) in
      if let packed = product.packed {
        try packed.withBytes { (bytes) throws(ModelError) in
          Self.multiply(context, product, rows, matrix, bytes.baseAddress, hasBias)
        }
      } else {
        let (k, n) = (Int64(matrix[0]), Int64(matrix[1]))
        zoo_qgemm_pack(product.isa, k, n, context.inputBytes(3), n, 0, 1, context.scratch)
        Self.multiply(context, product, rows, matrix, context.scratch, hasBias)
      }
    }
  }

  /// All rows at once, whatever axes they are spread over: each has its own scale.
  private static func multiply(
    _ context: borrowing KernelContext, _ product: QuantizedProduct, _ rows: Int, _ matrix: [Int],
    _ packed: UnsafeRawPointer?, _ hasBias: Bool
  ) {
    var left = zoo_qside()
    left.scale = context.input(1)
    left.scale_per_line = 1
    left.zero = context.inputBytes(2)
    left.zero_per_line = 1
    var right = zoo_qside()
    right.is_signed = 1
    right.scale = context.input(4)
    right.scale_per_line = 1
    var target = zoo_qtarget()
    target.kind = ZOO_QOUT_F32
    if hasBias { target.epilogue.bias = context.input(5) }
    let (k, n) = (Int64(matrix[0]), Int64(matrix[1]))
    zoo_qgemm_run(
      product.isa, Int64(rows), n, k, context.inputBytes(0), k, left, packed, right,
      context.outputBytes(0), n, &target, Int32(context.threads))
  }
}
