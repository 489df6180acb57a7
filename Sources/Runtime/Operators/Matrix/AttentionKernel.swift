import CKernels

/// Attention of `f32` as one kernel, which never writes its matrix of scores: what it reads and where that lies.
///
/// Queries, keys, values and outputs are `[batch, heads, time, size]` in any order of axes but the last: `strides` says
/// how far apart elements of each axis are, 0 where one is used for all.
struct AttentionKernel: Sendable {
  /// The longest rows that the kernel takes.
  static let maximumSize = zoo_attention_max_size

  var batch: Int
  var heads: Int
  /// Heads of keys and values, which divide those of the queries.
  var groups: Int
  var queries: Int
  var keys: Int
  var size: Int
  var valueSize: Int
  var qStrides: zoo_attention_stride
  var kStrides: zoo_attention_stride
  var vStrides: zoo_attention_stride
  var yStrides: zoo_attention_stride
  var scale: Float
  var softcap: Float = 0
  var mask: Mask?
  /// Keys that came before the first query.
  var past = 0
  var isCausal = false
  var window = (left: -1, right: -1)
  /// Whether a query that sees no key gives 0, not NaN.
  var isZeroWhenEmpty = false
  /// Whether a query whose weights are no numbers gives 0: one that sees no key, or has a score that is NaN or ∞.
  var isZeroWhenNaN = false

  /// What is added to the scores, or bytes of which 0 hides a key.
  struct Mask: Sendable {
    var strides: zoo_attention_stride
    /// 0 if one element stands for all keys.
    var keyStride = 1
    /// Keys from here on are hidden.
    var keys: Int
    var isBool = false
  }

  struct Operands {
    var q: UnsafePointer<Float>
    var k: UnsafePointer<Float>
    var v: UnsafePointer<Float>
    var y: UnsafeMutablePointer<Float>
    var mask: UnsafeRawPointer?
    /// Keys that count in each batch.
    var lengths: UnsafePointer<Int64>?
  }

  static func name(_ isa: zoo_isa = zoo_cpu_isa()) -> String {
    "attention_f32_\(String(cString: zoo_isa_name(isa)))"
  }

  func run(_ operands: Operands, _ context: borrowing KernelContext) {
    let isa = zoo_cpu_isa()
    nonisolated(unsafe) let call = self.call(operands)
    let tasks = Int(withUnsafePointer(to: call) { zoo_attention_tasks(isa, $0) })
    let kernel = zoo_vector_kernels_for(isa).pointee.attention
    let steps = Int(zoo_vector_kernels_for(isa).pointee.attention_lanes) * keys * (size + valueSize)
    context.parallel(tasks, grain: max(1, (1 << 19) / max(1, steps))) { range in
      withUnsafePointer(to: call) { kernel($0, Int64(range.lowerBound), Int64(range.upperBound)) }
    }
  }

  private func call(_ operands: Operands) -> zoo_attention {
    let none = zoo_attention_stride(batch: 0, head: 0, row: 0)
    return zoo_attention(
      q: operands.q, k: operands.k, v: operands.v, y: operands.y, batch: Int64(batch),
      heads: Int64(heads), groups: Int64(groups), queries: Int64(queries), keys: Int64(keys),
      size: Int64(size), value_size: Int64(valueSize), q_stride: qStrides, k_stride: kStrides,
      v_stride: vStrides, y_stride: yStrides, scale: scale, softcap: softcap,
      mask: mask == nil ? nil : operands.mask, mask_is_bool: mask?.isBool ?? false ? 1 : 0,
      mask_stride: mask?.strides ?? none, mask_key_stride: mask?.keyStride ?? 0,
      mask_keys: Int64(mask?.keys ?? keys), lengths: operands.lengths, past: Int64(past),
      causal: isCausal ? 1 : 0, left: Int64(window.left), right: Int64(window.right),
      empty_is_zero: isZeroWhenEmpty ? 1 : 0, nan_is_zero: isZeroWhenNaN ? 1 : 0)
  }
}

extension zoo_attention_stride {
  /// Of a tensor `[batch, heads, time, size]`, or `[batch, time, heads, size]`; 0 along axes of extent 1, so that they
  /// may be broadcast.
  init(_ extents: [Int], timeFirst: Bool) {
    let (batch, heads, time, size) = (extents[0], extents[1], extents[2], extents[3])
    self.init(
      batch: batch == 1 ? 0 : heads * time * size,
      head: heads == 1 ? 0 : timeFirst ? size : time * size,
      row: time == 1 ? 0 : timeFirst ? heads * size : size)
  }
}
