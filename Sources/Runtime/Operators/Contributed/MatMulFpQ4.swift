import CKernels
import ModelFormat

/// `MatMulFpQ4` of `com.microsoft`: the product with a matrix of 4-bit numbers in blocks that lie one after the other.
///
///     Y = A · B;   B[k, n] = scale · (code − zero)
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `A`  | `[…, K]` | `f32` |
/// | input  | `B`  | `[bytes]`: column by column, its blocks | `u8` |
/// | input  | `B_shape` | `[2]`: K, N | `i64` |
/// | output | `Y`  | `[…, N]` | `f32` |
/// | attr   | `blk_quant_type` | 0: blocks whose zero is 8; 1 (default): blocks with a zero of their own | |
///
/// A block of 32 numbers is its scale (`f32`), its zero (a byte, type 1), and 16 bytes, whose low bits are the first 16
/// numbers. Source: ONNX Runtime's contributed operator, version 1.
struct MatMulFpQ4: TensorOperator {
  private let block = 32
  private let hasZeros: Bool

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 3...3)
    let type = try node.int("blk_quant_type", default: 1)
    guard type == 0 || type == 1 else {
      throw ModelError(.invalidAttribute, "blk_quant_type is \(type)", expected: "0 or 1")
    }
    hasZeros = type == 1
  }

  private var blockBytes: Int { 4 + (hasZeros ? 1 : 0) + block / 2 }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let a = try inputs.tensor(0, of: [.f32])
    let bytes = try inputs.tensor(1, of: [.u8]).shape
    _ = try inputs.tensor(2, of: [.i64])
    guard let extents = inputs.integers(2) else { return [.tensor(.f32, nil)] }
    guard extents.count == 2, extents.allSatisfy({ (1...1 << 28).contains($0) }) else {
      throw ModelError(.shapeMismatch, "a matrix \(extents)", expected: "[K, N]")
    }
    let expected = extents[1] * ((extents[0] + block - 1) / block) * blockBytes
    if let bytes, !bytes.canBe([.fixed(expected)]) {
      throw ModelError(
        .shapeMismatch, "codes \(bytes) for a matrix \(extents)", expected: "[\(expected)]")
    }
    return [.tensor(.f32, try MatMulNBits.shape(a.shape, extents[0], extents[1]))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    guard let extents = io.integers(2) else { return .deferred }
    let (k, n) = (extents[0], extents[1])
    let rows = try io.input(0).count / k
    let isa = zoo_cpu_isa()
    let unpacked = (n * k * 4 + 63) / 64 * 64
    let bytes = unpacked + zoo_gemm_f32_packed_bytes(isa, Int64(k), Int64(n))
    let op = self
    return Kernel("gemm_fp_q4", scratchBytes: bytes) { context in
      let matrix = context.scratch.assumingMemoryBound(to: Float.self)
      op.unpack(context.inputBytes(1), k, n, matrix)
      // Columns lie one after the other: the right matrix is transposed.
      zoo_gemm_f32_pack(
        isa, Int64(k), Int64(n), matrix, Int64(k), 1, 1, context.scratch + unpacked)
      zoo_gemm_f32_run(
        isa, Int64(rows), Int64(n), Int64(k), context.input(0), Int64(k), 0,
        context.scratch + unpacked, context.output(), Int64(n), nil, Int32(context.threads))
    }
  }

  /// Column by column.
  private func unpack(
    _ blob: UnsafeRawPointer, _ k: Int, _ n: Int, _ to: UnsafeMutablePointer<Float>
  ) {
    var from = blob
    for column in 0..<n {
      for first in stride(from: 0, to: k, by: block) {
        let scale = from.loadUnaligned(as: Float.self)
        let zero = hasZeros ? Float(from.load(fromByteOffset: 4, as: UInt8.self)) : 8
        let codes = from + (hasZeros ? 5 : 4)
        for place in 0..<min(block, k - first) {
          let byte = codes.load(fromByteOffset: place % 16, as: UInt8.self)
          let code = place < 16 ? byte & 15 : byte >> 4
          to[column * k + first + place] = scale * (Float(code) - zero)
        }
        from += blockBytes
      }
    }
  }
}
