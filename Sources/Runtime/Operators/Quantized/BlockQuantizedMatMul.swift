import CKernels
import ModelFormat

/// `BlockQuantizedMatMul` of domain `zoo`: rows times a matrix of 4-bit integers, which stay 4-bit in memory, and what
/// follows it.
///
///     Y[i, j] = activation(Σₚ A[i, p] · (B[p, j] − zero[b, j]) · scale[b, j] + bias[j] + residual[i, j])   b = ⌊p / block⌋
///
/// |        | name      | shape       | element types |
/// |--------|-----------|-------------|---------------|
/// | input  | `A`       | `[…, k]`    | `f32`         |
/// | input  | `B`       | `[k, n]`, constant | `u4`, `i4` |
/// | input  | `scale`   | `[⌈k / block⌉, n]`, constant | `f32` |
/// | input  | `zero`    | shape of `scale`, constant; optional | type of `B` |
/// | input 5, 6 | `bias`, `residual` | `[n]`, shape of `Y`; optional | `f32` |
/// | output | `Y`       | `[…, n]`    | `f32`         |
/// | attr   | `block_size` | even     |               |
///
/// Other attributes: ``FusedActivation``. `BlockProductFusion` makes it.
struct BlockQuantizedMatMul: TensorOperator {
  private let block: Int
  private let activation: zoo_activation

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 3...7)
    block = try node.int("block_size")
    activation = try FusedActivation.decode(node)
    guard block > 0, block % 2 == 0 else {
      throw ModelError(.invalidAttribute, "block_size is \(block)", expected: "an even number")
    }
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let a = try inputs.tensor(0, of: [.f32])
    let b = try inputs.tensor(1, of: [.u4, .i4])
    _ = try inputs.tensor(2, of: [.f32])
    if inputs.has(3) { _ = try inputs.tensor(3, of: [b.element]) }
    return [.tensor(.f32, try MatrixExtents.shape(a.shape, b.shape))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let (shape, matrix) = (try io.input(0).shape, try io.input(1).shape)
    let isa = zoo_cpu_isa()
    let block = block
    let scales = try io.input(2)
    let zeros = io.has(3) ? try io.input(3).value : nil
    guard matrix.count == 2, scales.shape == [(matrix[0] + block - 1) / block, matrix[1]],
      let scaleValues = scales.value, !io.has(3) || zeros?.shape == scales.shape,
      let packed = try io.packed(
        1, "q4_\(block)\(io.weightName(2))\(io.weightName(3))", replaces: true,
        { (codes) throws(ModelError) in try Self.pack(codes, scaleValues, zeros, block, isa) })
    else {
      throw ModelError(
        .shapeMismatch, "weights \(matrix) with scales \(scales.shape)",
        expected: "constants with a scale for each block of \(block) rows")
    }
    let (rows, k, n) = (Int64(shape.dropLast().reduce(1, *)), Int64(matrix[0]), Int64(matrix[1]))
    let (hasBias, hasResidual, activation) = (io.has(5), io.has(6), activation)
    return Kernel(
      "q4gemm_\(String(cString: zoo_isa_name(isa)))", reuses: hasResidual ? [0: 6] : [:]
    ) { (context) throws(ModelError) in
      var epilogue = zoo_epilogue()
      epilogue.activation = activation
      if hasBias { epilogue.bias = context.input(5) }
      if hasResidual { epilogue.residual = context.input(6) }
      epilogue.residual_ld = n
      try packed.withBytes { (weights) throws(ModelError) in
        zoo_q4_gemm_run(
          isa, rows, n, k, Int64(block), context.input(0), k, weights.baseAddress, context.output(),
          n, &epilogue, Int32(context.threads))
      }
    }
  }

  private static func pack(
    _ codes: Tensor, _ scales: Tensor, _ zeros: Tensor?, _ block: Int, _ isa: zoo_isa
  ) throws(ModelError) -> Tensor {
    let (k, n) = (Int64(codes.shape[0]), Int64(codes.shape[1]))
    let zeroCodes = zeros ?? codes
    return try Tensor(.u8, shape: [zoo_q4_packed_bytes(isa, k, n, Int64(block))]) {
      (to) throws(ModelError) in
      try codes.withBytes { (codeBytes) throws(ModelError) in
        try zeroCodes.withBytes { (zeroBytes) throws(ModelError) in
          try scales.withElements(of: Float.self) { (scales) throws(ModelError) in
            var weights = zoo_q4_weights()
            (weights.k, weights.n, weights.block) = (k, n, Int64(block))
            weights.codes = codeBytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            (weights.row, weights.column) = (n, 1)
            weights.is_signed = codes.elementType == .i4 ? 1 : 0
            weights.scales = scales.baseAddress
            (weights.scale_row, weights.scale_column) = (n, 1)
            if zeros != nil {
              weights.zeros = zeroBytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            }
            (weights.zero_row, weights.zero_column) = (n, 1)
            zoo_q4_pack(isa, &weights, to.baseAddress)
          }
        }
      }
    }
  }
}
