import CKernels

/// The windows of a pooling operator: kernel, strides, dilations, padding and rounding of each spatial axis.
///
/// The extent of an output axis is `(in + pads − dilation · (kernel − 1) − 1) / stride + 1`, rounded down, or up with
/// `ceil_mode`; a window that would start behind the operand and its leading padding is dropped.
struct PoolWindow: Sendable {
  let kernel: [Int]
  private let strides: [Int]?
  private let dilations: [Int]?
  private let pads: [Int]?
  private let automatic: String
  private let roundsUp: Bool

  init(_ node: NodeReader) throws(ModelError) {
    kernel = try node.ints("kernel_shape")
    let rank = kernel.count
    strides = node.has("strides") ? try node.ints("strides") : nil
    dilations = node.has("dilations") ? try node.ints("dilations") : nil
    automatic = try node.choice(
      "auto_pad", of: ["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"], default: "NOTSET")
    pads = node.has("pads") && automatic == "NOTSET" ? try node.ints("pads") : nil
    roundsUp = try node.bool("ceil_mode", default: false)
    // Extents up to 2³² keep all products of two of them within an Int.
    let legal = 1...(1 << 31)
    for values in [kernel, strides ?? [], dilations ?? []]
    where !values.allSatisfy(legal.contains) {
      throw ModelError(.invalidAttribute, "a window with \(values)", expected: "extents ≥ 1")
    }
    guard (strides?.count ?? rank) == rank, (dilations?.count ?? rank) == rank,
      (pads?.count ?? 2 * rank) == 2 * rank,
      pads?.allSatisfy({ $0 >= 0 && $0 <= 1 << 31 }) ?? true
    else {
      throw ModelError(
        .invalidAttribute, "strides, dilations or pads that do not fit kernel_shape \(kernel)",
        expected: "one stride and one dilation for each axis, two pads")
    }
  }

  func stride(_ axis: Int) -> Int { strides?[axis] ?? 1 }
  func dilation(_ axis: Int) -> Int { dilations?[axis] ?? 1 }
  private func reach(_ axis: Int) -> Int { dilation(axis) * (kernel[axis] - 1) + 1 }

  /// Padding before and behind an axis of `extent` elements.
  func padding(_ extent: Int, _ axis: Int) -> (before: Int, after: Int) {
    if let pads { return (pads[axis], pads[axis + kernel.count]) }
    guard automatic.hasPrefix("SAME"), extent > 0 else { return (0, 0) }
    let output = (extent - 1) / stride(axis) + 1
    let total = max(0, (output - 1) * stride(axis) + reach(axis) - extent)
    let small = total / 2
    return automatic == "SAME_UPPER" ? (small, total - small) : (total - small, small)
  }

  func output(_ extent: Int, _ axis: Int) -> Int {
    if extent == 0 { return 0 }
    if automatic.hasPrefix("SAME") { return (extent - 1) / stride(axis) + 1 }
    let (before, after) = padding(extent, axis)
    let slack = extent + before + after - reach(axis)
    guard slack >= 0 else { return 0 }
    let count = (roundsUp ? slack + stride(axis) - 1 : slack) / stride(axis) + 1
    return (count - 1) * stride(axis) >= extent + before ? count - 1 : count
  }

  /// - Throws: `.shapeMismatch` unless `shape` is `[batch, channels]` and as many axes as the kernel has.
  func outputShape(_ shape: Shape?) throws(ModelError) -> Shape? {
    guard let shape else { return nil }
    guard shape.rank == kernel.count + 2 else {
      throw ModelError(
        .shapeMismatch, "a tensor \(shape) and a kernel of \(kernel.count) axes",
        expected: "a tensor of rank \(kernel.count + 2)")
    }
    var result = shape
    for axis in kernel.indices {
      result[axis + 2] = symbolic(shape[axis + 2], axis)
      if result[axis + 2] == 0, let extent = shape[axis + 2].value, extent > 0 {
        throw ModelError(
          .shapeMismatch, "a window of \(reach(axis)) over \(extent) elements and their padding",
          expected: "a smaller window")
      }
    }
    return result
  }

  private func symbolic(_ extent: Dimension, _ axis: Int) -> Dimension {
    if let value = extent.value { return .fixed(output(value, axis)) }
    if automatic.hasPrefix("SAME") { return (extent - 1) / .fixed(stride(axis)) + 1 }
    if roundsUp { return .unknown }
    let padding = pads.map { $0[axis] + $0[axis + kernel.count] } ?? 0
    return (extent + .fixed(padding - reach(axis))) / .fixed(stride(axis)) + 1
  }

  /// The windows of a tensor `[batch, channels, …]` for the two-dimensional kernels, a single axis being a row.
  func planes(_ x: [Int], _ y: [Int], countsPadding: Bool) -> zoo_pool_2d? {
    guard kernel.count == 1 || kernel.count == 2 else { return nil }
    var shape = zoo_pool_2d()
    shape.planes = 1
    let last = kernel.count - 1
    (shape.in_h, shape.out_h, shape.kernel_h, shape.stride_h, shape.dilation_h) = (1, 1, 1, 1, 1)
    if last == 1 {
      (shape.in_h, shape.out_h) = (x[2], y[2])
      (shape.kernel_h, shape.stride_h, shape.dilation_h) = (kernel[0], stride(0), dilation(0))
      (shape.pad_top, shape.pad_bottom) = padding(x[2], 0)
    }
    (shape.in_w, shape.out_w) = (x[2 + last], y[2 + last])
    (shape.kernel_w, shape.stride_w) = (kernel[last], stride(last))
    shape.dilation_w = dilation(last)
    (shape.pad_left, shape.pad_right) = padding(x[2 + last], last)
    shape.count_include_pad = countsPadding ? 1 : 0
    return shape
  }
}
