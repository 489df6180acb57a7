import CKernels
import ModelFormat

/// `MatMulBnb4`: the product with weights of 4-bit floats, in blocks that share a scale.
///
///     Y = A · Bᵀ;   B[i, p] = value(code) · absmax[(i·K + p) / block_size]        without `transB` Y = A · B
///
/// |        | name     | shape | element types |
/// |--------|----------|-------|---------------|
/// | input  | `A`      | `[…, K]`, without `transB` `[…, N]` | `f32`, `f16` |
/// | input  | `B`      | `[⌈N·K / 2⌉]`: codes of `[N, K]`, high bits first | `u8` |
/// | input  | `absmax` | `[⌈N·K / block_size⌉]` | type of `A` |
/// | output | `Y`      | `[…, N]`, without `transB` `[…, K]` | type of `A` |
/// | attr   | `K`, `N`, `block_size`, `transB` (default 1) | | |
/// | attr   | `quant_type` | | 0: the values of FP4, 1: those of NF4 |
///
/// Sources: ONNX Runtime's contributed operator, version 1; Dettmers et al., "QLoRA", 2023.
struct MatMulBnb4: TensorOperator {
  let k: Int
  let n: Int
  let block: Int
  let isNormal: Bool
  let transposes: Bool

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 3...3)
    k = try node.int("K")
    n = try node.int("N")
    block = try node.int("block_size")
    let type = try node.int("quant_type")
    isNormal = type == 1
    transposes = try node.bool("transB", default: true)
    guard k > 0, n > 0, k < 1 << 31, n < 1 << 31, block >= 16, block & (block - 1) == 0,
      (0...1).contains(type)
    else {
      throw ModelError(
        .invalidAttribute, "K \(k), N \(n), block_size \(block), quant_type \(type)",
        expected: "extents from 1 on, a power of two from 16 on, and type 0 or 1")
    }
  }

  /// The 16 values of NF4: quantiles of a normal distribution.
  private static let normal: [Float] = [
    -1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
    -0.18477343022823334, -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725,
    0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
    0.7229568362236023, 1,
  ]

  /// The 16 values of FP4: a sign, two bits of exponent and one of mantissa, divided by 12.
  private static let float: [Float] = [
    0, 0.00520833333333333, 0.66666666666666667, 1, 0.33333333333333333, 0.5,
    0.16666666666666667, 0.25,
  ].withNegatives

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let a = try inputs.tensor(0, of: [.f32, .f16])
    _ = try inputs.tensor(1, of: [.u8])
    _ = try inputs.tensor(2, of: [a.element])
    let (from, to) = transposes ? (k, n) : (n, k)
    return [.tensor(a.element, try MatMulNBits.shape(a.shape, from, to))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    if HalfStaging.isNeeded(io) {
      return try HalfStaging.kernel(io) { (io) throws(ModelError) in try lower(io) }
    }
    for (index, expected) in [(1, (n * k + 1) / 2), (2, (n * k + block - 1) / block)]
    where try io.input(index).count != expected {
      throw ModelError(
        .shapeMismatch, "input \(index) is \(try io.input(index).shape)",
        expected: "\(expected) elements")
    }
    let isa = zoo_cpu_isa()
    let op = self
    let rows = try io.input(0).count / (transposes ? k : n)
    let (wide, deep) = (Int64(k), Int64(n))
    // Not transposed, all rows are unpacked and packed for the product at once.
    let unpacked = (n * k * 4 + 63) / 64 * 64
    let bytes =
      transposes
      ? zoo_block_product_bytes(isa, deep, wide, Int32(io.threads))
      : unpacked + zoo_gemm_f32_packed_bytes(isa, deep, wide)
    return Kernel("gemm_bnb4", scratchBytes: bytes) { context in
      (op.isNormal ? Self.normal : Self.float).withUnsafeBufferPointer { table in
        var weights = zoo_block_weights()
        weights.codes = context.input(1)
        weights.scales = context.input(2)
        weights.table = table.baseAddress
        weights.bits = 4
        (weights.n, weights.k, weights.block) = (deep, wide, Int64(op.block))
        let (a, c) = (context.input(0, as: Float.self), context.output(0, as: Float.self))
        if op.transposes {
          zoo_block_product(
            isa, &weights, Int64(rows), a, nil, c, context.scratch, Int32(context.threads))
        } else {
          let matrix = context.scratch.assumingMemoryBound(to: Float.self)
          zoo_block_rows(isa, &weights, 0, deep, matrix)
          zoo_gemm_f32_pack(isa, deep, wide, matrix, wide, 0, 1, context.scratch + unpacked)
          zoo_gemm_f32_run(
            isa, Int64(rows), wide, deep, a, deep, 0, context.scratch + unpacked, c, wide, nil,
            Int32(context.threads))
        }
      }
    }
  }
}

extension [Float] {
  /// The values, then the same with the other sign.
  fileprivate var withNegatives: [Float] { self + map { -$0 } }
}
