import CKernels
import ModelFormat

/// Products of matrices for one set of extents: which kernel computes them, from which packed weights.
///
/// The operands are A at input `a` and B at input `b`; C is output 0.
struct MatrixProduct {
  var extents: MatrixExtents
  var transposesA = false
  var transposesB = false
  var alpha: Float = 1
  var activation = FusedActivation.none
  var a = 0
  var b = 1
  /// One element per column.
  var bias: Int?
  /// Elements as C.
  var residual: Int?

  /// A left side that is one stack of rows, so that all products with one B are one product.
  private var joined: MatrixExtents? {
    guard extents.bMatrices == 1, !transposesA || extents.aMatrices == 1 else { return nil }
    return extents
  }

  func kernel(_ io: NodeIO) throws(ModelError) -> Kernel {
    if let number = zoo_number(try io.input(a).element) { return plain(number) }
    let isa = zoo_cpu_isa()
    if let extents = joined, let packed = try packed(io, isa) {
      return weighted(extents, packed, isa)
    }
    return batched(isa)
  }

  private func packed(_ io: NodeIO, _ isa: zoo_isa) throws(ModelError) -> Tensor? {
    let (k, n) = (Int64(extents.k), Int64(extents.n))
    let layout = "gemm_f32_\(transposesB)_\(alpha)"
    let (ld, transposed): (Int64, Int32) = transposesB ? (k, 1) : (n, 0)
    let bytes = zoo_gemm_f32_packed_bytes(isa, k, n)
    guard try io.input(b).element == .f32 else {
      return try io.packed(b, layout, replaces: true) { (weight) throws(ModelError) in
        let weight = try HalfStaging.widened(weight)
        return try Tensor(.u8, shape: [bytes]) { (to) throws(ModelError) in
          try weight.withElements(of: Float.self) { (from) throws(ModelError) in
            zoo_gemm_f32_pack(isa, k, n, from.baseAddress, ld, transposed, alpha, to.baseAddress)
          }
        }
      }
    }
    let parts = Int64(max(1, bytes / Self.packedAtOnce))
    return try io.packedInOrder(b, layout, bytes: bytes) { from, to, done in
      for part in 0..<parts {
        done(
          zoo_gemm_f32_pack_part(
            isa, k, n, from.assumingMemoryBound(to: Float.self), ld, transposed, alpha, to, part,
            parts))
      }
    }
  }

  /// Bytes of a weight that are in memory twice while it is packed.
  private static let packedAtOnce = 8 << 20

  private func weighted(_ extents: MatrixExtents, _ packed: Tensor, _ isa: zoo_isa) -> Kernel {
    let m = extents.m * extents.aMatrices
    let (n, k) = (extents.n, extents.k)
    let product = self
    return Kernel(name(isa), reuses: reuses) { (context) throws(ModelError) in
      var epilogue = product.epilogue(context, ld: n)
      try packed.withBytes { (weights) throws(ModelError) in
        zoo_gemm_f32_run(
          isa, Int64(m), Int64(n), Int64(k), context.input(product.a),
          Int64(product.transposesA ? m : k), product.transposesA ? 1 : 0, weights.baseAddress,
          context.output(0), Int64(n), &epilogue, Int32(context.threads))
      }
    }
  }

  private func batched(_ isa: zoo_isa) -> Kernel {
    let (m, n, k) = (extents.m, extents.n, extents.k)
    // Rows of all A with one B are the rows of one A.
    let one = joined != nil
    let rows = one ? m * extents.aMatrices : m
    let pairs = one ? [(a: 0, b: 0)] : extents.products
    let aOffsets = pairs.map { Int64($0.a * m * k) }
    let bOffsets = pairs.map { Int64($0.b * k * n) }
    let cOffsets = pairs.indices.map { Int64($0 * m * n) }
    let product = self
    return Kernel("\(name(isa))_unpacked", reuses: reuses) { (context) throws(ModelError) in
      var epilogue = product.epilogue(context, ld: n)
      aOffsets.withUnsafeBufferPointer { aOffsets in
        bOffsets.withUnsafeBufferPointer { bOffsets in
          cOffsets.withUnsafeBufferPointer { cOffsets in
            var shape = zoo_gemm_f32_batch(
              batch: Int64(pairs.count), m: Int64(rows), n: Int64(n), k: Int64(k),
              lda: Int64(product.transposesA ? rows : k),
              ldb: Int64(product.transposesB ? k : n), ldc: Int64(n),
              a_transposed: product.transposesA ? 1 : 0, b_transposed: product.transposesB ? 1 : 0,
              a_offsets: aOffsets.baseAddress, b_offsets: bOffsets.baseAddress,
              c_offsets: cOffsets.baseAddress, alpha: product.alpha)
            zoo_gemm_f32_run_batch(
              isa, &shape, context.input(product.a), context.input(product.b), context.output(0),
              &epilogue, Int32(context.threads))
          }
        }
      }
    }
  }

  /// The element types that have no kernel of their own.
  private func plain(_ number: zoo_number) -> Kernel {
    let (m, n, k) = (extents.m, extents.n, extents.k)
    let product = self
    return Kernel("matmul_any") { (context) throws(ModelError) in
      for (index, pair) in product.extents.products.enumerated() {
        let size = number == ZOO_NUMBER_I32 || number == ZOO_NUMBER_U32 ? 4 : 8
        let a = zoo_matrix(
          data: context.inputBytes(product.a) + pair.a * m * k * size,
          row: Int64(product.transposesA ? 1 : k), column: Int64(product.transposesA ? m : 1))
        let b = zoo_matrix(
          data: context.inputBytes(product.b) + pair.b * k * n * size,
          row: Int64(product.transposesB ? 1 : n), column: Int64(product.transposesB ? k : 1))
        zoo_matmul_any(
          number, Int64(m), Int64(n), Int64(k), Double(product.alpha), a, b, 1, zoo_matrix(),
          context.outputBytes(0) + index * m * n * size)
      }
    }
  }

  private func name(_ isa: zoo_isa) -> String { "gemm_f32_\(String(cString: zoo_isa_name(isa)))" }

  private var reuses: [Int: Int] { residual.map { [0: $0] } ?? [:] }

  private func epilogue(_ context: borrowing KernelContext, ld: Int) -> zoo_epilogue {
    var epilogue = zoo_epilogue()
    epilogue.activation = activation
    if let bias { epilogue.bias = context.input(bias) }
    if let residual {
      epilogue.residual = context.input(residual)
      epilogue.residual_ld = Int64(ld)
    }
    return epilogue
  }
}

extension zoo_number {
  init?(_ element: ElementType) {
    switch element {
    case .f64: self = ZOO_NUMBER_F64
    case .i32: self = ZOO_NUMBER_I32
    case .u32: self = ZOO_NUMBER_U32
    case .i64: self = ZOO_NUMBER_I64
    case .u64: self = ZOO_NUMBER_U64
    default: return nil
    }
  }
}
