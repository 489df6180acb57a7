import CKernels
import ModelFormat

/// `MatMulNBits`: the product with weights of 2, 4 or 8 bits, in blocks that share a scale and a zero point.
///
///     Y = A · Bᵀ + bias;   B[i, p] = (code[i, p] − zero[i, p / block_size]) · scale[i, p / block_size]
///
/// |        | name     | shape | element types |
/// |--------|----------|-------|---------------|
/// | input  | `A`      | `[…, K]` | `f32`, `f16` |
/// | input  | `B`      | `[N, blocks, block_size·bits / 8]`: codes, low bits first | `u8` |
/// | input  | `scales` | `[N, blocks]` | type of `A` |
/// | input  | `zero_points`, optional | `[N, blocks]`, or codes in `[N, ⌈blocks·bits / 8⌉]`; default 2^(bits − 1) | type of `A`, `u8` |
/// | input  | `g_idx`, optional | `[K]`: the block of each column | `i32` |
/// | input  | `bias`, optional | `[N]` | type of `A` |
/// | output | `Y`      | `[…, N]` | type of `A` |
/// | attr   | `K`, `N`, `bits`, `block_size` | | `accuracy_level` asks for no less than it says: computed in `f32` |
///
/// The weights stay as they are; pieces are unpacked while they are multiplied. Source: ONNX Runtime's contributed
/// operator, version 1.
struct MatMulNBits: TensorOperator {
  let k: Int
  let n: Int
  let bits: Int
  let block: Int

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 3...6)
    k = try node.int("K")
    n = try node.int("N")
    bits = try node.int("bits", default: 4)
    block = try node.int("block_size")
    guard k > 0, n > 0, [2, 4, 8].contains(bits), block >= 16, block & (block - 1) == 0,
      block <= 1 << 20, k < 1 << 31, n < 1 << 31
    else {
      throw ModelError(
        .invalidAttribute, "K \(k), N \(n), bits \(bits), block_size \(block)",
        expected: "extents from 1 on, 2, 4 or 8 bits, and a power of two from 16 on")
    }
    guard try node.int("weight_prepacked", default: 0) == 0 else {
      throw ModelError(
        .invalidAttribute, "attribute 'weight_prepacked' is set", expected: "0",
        remedy: "export the model without the layout of another processor")
    }
  }

  private var blocks: Int { (k + block - 1) / block }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let a = try inputs.tensor(0, of: [.f32, .f16])
    _ = try inputs.tensor(1, of: [.u8])
    _ = try inputs.tensor(2, of: [a.element])
    if inputs.has(3) { _ = try inputs.tensor(3, of: [.u8, a.element]) }
    if inputs.has(4) { _ = try inputs.tensor(4, of: [.i32]) }
    if inputs.has(5) { _ = try inputs.tensor(5, of: [a.element]) }
    return [.tensor(a.element, try Self.shape(a.shape, k, n))]
  }

  /// `[…, columns]` for a left side `[…, k]`.
  static func shape(_ a: Shape?, _ k: Int, _ columns: Int) throws(ModelError) -> Shape? {
    guard var shape = a else { return nil }
    guard let last = shape.dimensions.last, last.canBe(.fixed(k)) else {
      throw ModelError(.shapeMismatch, "A is \(shape)", expected: "[…, \(k)]")
    }
    shape[shape.rank - 1] = .fixed(columns)
    return shape
  }

  private func check(_ io: NodeIO) throws(ModelError) {
    let zeros = io.has(3) ? try io.input(3) : nil
    let zeroCount =
      zeros?.element == .u8 ? n * ((blocks * bits + 7) / 8) : n * blocks
    for (index, expected) in [
      (1, n * blocks * (block * bits / 8)), (2, n * blocks), (3, zeroCount), (4, k), (5, n),
    ] where io.has(index) {
      let given = try io.input(index)
      // What groups do not fill of the last block may be there.
      guard given.count == expected || (index == 4 && given.count == blocks * block) else {
        throw ModelError(
          .shapeMismatch, "input \(index) is \(given.shape)", expected: "\(expected) elements")
      }
    }
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    if HalfStaging.isNeeded(io) {
      return try HalfStaging.kernel(io) { (io) throws(ModelError) in try lower(io) }
    }
    try check(io)
    let isa = zoo_cpu_isa()
    let rows = try io.input(0).count / k
    let hasCodes = io.has(3) ? try io.input(3).element == .u8 : false
    let has = (0..<6).map { io.has($0) }
    let op = self
    let bytes = zoo_block_product_bytes(isa, Int64(n), Int64(k), Int32(io.threads))
    return Kernel("gemm_u\(bits)_\(String(cString: zoo_isa_name(isa)))", scratchBytes: bytes) {
      (context) throws(ModelError) in
      var weights = zoo_block_weights()
      weights.codes = context.input(1)
      weights.scales = context.input(2)
      if has[3], hasCodes { weights.zeros = context.input(3) }
      if has[3], !hasCodes { weights.real_zeros = context.input(3) }
      if has[4] { weights.group = try op.groups(context) }
      weights.bits = Int32(op.bits)
      (weights.n, weights.k, weights.block) = (Int64(op.n), Int64(op.k), Int64(op.block))
      zoo_block_product(
        isa, &weights, Int64(rows), context.input(0), has[5] ? context.input(5) : nil,
        context.output(0), context.scratch, Int32(context.threads))
    }
  }

  private func groups(
    _ context: borrowing KernelContext
  ) throws(ModelError) -> UnsafePointer<Int32> {
    let groups = context.input(4, as: Int32.self)
    for column in 0..<k where groups[column] < 0 || Int(groups[column]) >= blocks {
      throw ModelError(
        .outOfRange, "g_idx[\(column)] is \(groups[column])", expected: "0 ... \(blocks - 1)")
    }
    return groups
  }
}
