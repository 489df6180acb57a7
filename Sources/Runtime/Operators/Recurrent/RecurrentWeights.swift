import CKernels

/// `W` or `R` of a recurrent layer, ready for products with its transpose.
protocol RecurrentProducts: Sendable {
  /// Memory that `matrices` may fill.
  var scratchBytes: Int { get }

  /// The packed matrices, for the time of one run.
  func matrices(
    _ context: borrowing KernelContext, scratch: UnsafeMutableRawPointer
  ) -> RecurrentMatrices

  /// See `multiply`.
  func run(
    _ matrices: RecurrentMatrices, direction: Int, group: Int, rows: Int,
    _ a: UnsafePointer<Float>, into c: UnsafeMutablePointer<Float>, stride: Int,
    bias: UnsafePointer<Float>?, accumulates: Bool, threads: Int)
}

extension RecurrentProducts {
  /// `c = a · groupᵀ + bias + residual`, row by row.
  func multiply<T: FloatElement>(
    _ matrices: RecurrentMatrices, direction: Int, group: Int = 0, rows: Int,
    _ a: UnsafePointer<T>, into c: UnsafeMutablePointer<T>, stride: Int,
    bias: UnsafePointer<T>? = nil, accumulates: Bool = false, threads: Int
  ) {
    if T.self == Double.self, let wide = self as? WideRecurrentWeights {
      wide.run(
        matrices, direction: direction, group: group, rows: rows, as64(a), into: as64(c),
        stride: stride, bias: bias.map { as64($0) }, accumulates: accumulates)
      return
    }
    run(
      matrices, direction: direction, group: group, rows: rows, asFloats(a), into: asFloats(c),
      stride: stride, bias: bias.map { asFloats($0) }, accumulates: accumulates, threads: threads)
  }
}

/// Where a layer's matrices lie while it runs.
struct RecurrentMatrices {
  let packed: UnsafeRawPointer
  /// Of quantized matrices.
  var scales: UnsafePointer<Float>?
  var zeros: UnsafeRawPointer?
}

/// `W` or `R` of a recurrent layer, packed for products with its transpose: one matrix per direction and, where a cell
/// multiplies its gates at different times, per group of gates.
struct RecurrentWeights: RecurrentProducts {
  private let isa: zoo_isa
  private let operand: Int
  /// Rows of the groups, the same in each direction: `[gates·hidden]` or, say, `[2·hidden, hidden]`.
  private let groups: [Int]
  private let columns: Int
  /// Byte offsets of the packed matrices, groups of one direction side by side.
  private let offsets: [Int]
  /// `nil` if the operand is no constant: it is packed into scratch memory when the layer runs.
  private let packed: Tensor?
  let scratchBytes: Int

  init(
    _ io: NodeIO, operand: Int, groups: [Int], directions: Int
  ) throws(ModelError) {
    let isa = zoo_cpu_isa()
    let columns = try io.input(operand).shape[2]
    var offsets: [Int] = []
    var bytes = 0
    for _ in 0..<directions {
      for rows in groups {
        offsets.append(bytes)
        bytes += (zoo_gemm_f32_packed_bytes(isa, Int64(columns), Int64(rows)) + 63) / 64 * 64
      }
    }
    let size = bytes
    let unpacked = Self(
      isa: isa, operand: operand, groups: groups, columns: columns, offsets: offsets, packed: nil,
      scratchBytes: size)
    let packed = try io.packed(operand, "recurrent_\(groups)", replaces: true) {
      (weight) throws(ModelError) in
      let weight = try HalfStaging.widened(weight)
      return try Tensor(.u8, shape: [size]) { (to) throws(ModelError) in
        try weight.withElements(of: Float.self) { (from) throws(ModelError) in
          guard let from = from.baseAddress, let to = to.baseAddress else { return }
          unpacked.pack(from, to)
        }
      }
    }
    self.init(
      isa: isa, operand: operand, groups: groups, columns: columns, offsets: offsets,
      packed: packed, scratchBytes: packed == nil ? size : 0)
  }

  private init(
    isa: zoo_isa, operand: Int, groups: [Int], columns: Int, offsets: [Int],
    packed: Tensor?, scratchBytes: Int
  ) {
    self.isa = isa
    self.operand = operand
    self.groups = groups
    self.columns = columns
    self.offsets = offsets
    self.packed = packed
    self.scratchBytes = scratchBytes
  }

  private func pack(_ from: UnsafePointer<Float>, _ to: UnsafeMutableRawPointer) {
    var source = from
    for (index, offset) in offsets.enumerated() {
      let rows = groups[index % groups.count]
      zoo_gemm_f32_pack(
        isa, Int64(columns), Int64(rows), source, Int64(columns), 1, 1, to + offset)
      source += rows * columns
    }
  }

  func matrices(
    _ context: borrowing KernelContext, scratch: UnsafeMutableRawPointer
  ) -> RecurrentMatrices {
    if let packed = packed?.bytes {
      return RecurrentMatrices(packed: UnsafeRawPointer(packed.buffer.base + packed.offset))
    }
    pack(context.input(operand), scratch)
    return RecurrentMatrices(packed: UnsafeRawPointer(scratch))
  }

  func run(
    _ matrices: RecurrentMatrices, direction: Int, group: Int, rows: Int,
    _ a: UnsafePointer<Float>, into c: UnsafeMutablePointer<Float>, stride: Int,
    bias: UnsafePointer<Float>?, accumulates: Bool, threads: Int
  ) {
    var epilogue = zoo_epilogue()
    epilogue.bias = bias
    if accumulates {
      epilogue.residual = UnsafePointer(c)
      epilogue.residual_ld = Int64(stride)
    }
    zoo_gemm_f32_run(
      isa, Int64(rows), Int64(groups[group]), Int64(columns), a, Int64(columns), 0,
      matrices.packed + offsets[direction * groups.count + group], c, Int64(stride), &epilogue,
      Int32(threads))
  }
}
