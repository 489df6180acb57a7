import CKernels

/// `ScatterElements` and `Scatter`: single elements replaced or changed, each at an index along one axis.
///
///     y = x;  y[indices[i, j, k], j, k] = updates[i, j, k]   for axis 0
///
/// |        | name      | shape | element types |
/// |--------|-----------|-------|---------------|
/// | input  | `data`    | rank r ≥ 1 | any      |
/// | input  | `indices` | rank r | `i32`, `i64` |
/// | input  | `updates` | of `indices` | type of `data` |
/// | output | `output`  | of `data` | type of `data` |
/// | attr   | `axis`    | −r ..< r | default 0  |
/// | attr   | `reduction` |     | `none` (default), `add`, `mul` since opset 16, `max`, `min` since 18 |
///
/// Updates for one place are taken in order. Source: ONNX `Scatter`, opsets 9 and 11, `ScatterElements`, opsets 11 to 18.
struct ScatterElements: DataMovement {
  let axis: Int
  let reduction: ScatterReduction

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 3...3)
    axis = try node.int("axis", default: 0)
    reduction = try ScatterReduction(node)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let data = try inputs.tensor(0)
    let indices = try inputs.tensor(1, of: [.i32, .i64])
    let updates = try inputs.tensor(2, of: [data.element])
    try reduction.check(data.element)
    try checkElements(data.shape, indices.shape, axis)
    if let a = indices.shape, let b = updates.shape, !a.canBe(b) {
      throw ModelError(.shapeMismatch, "updates \(b) at indices \(a)", expected: "equal shapes")
    }
    return [.tensor(data)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let (data, indices) = (try io.input(0), try io.input(1))
    let axis = try Shape.normalize(axis, rank: data.rank)
    var strides = rowMajorStrides(data.shape)
    let (step, extent, width) = (strides[axis], data.shape[axis], data.element.byteWidth)
    strides[axis] = 0
    let (places, type, count) = (strides, indices.element, indices.count)
    let (shape, bytes, take) = (indices.shape, data.byteCount, reduction.body(data.element))
    let sums =
      reduction == .add && data.element == .f32
      ? WholeRows(data.shape, indices.shape, axis) : nil
    return Kernel("scatter_elements", scratchBytes: 8 * count, reuses: [0: 0]) {
      (context) throws(ModelError) in
      let index = context.scratch.assumingMemoryBound(to: Int64.self)
      try IndexReader.read(context.inputBytes(1), type, count: count, extent: extent, into: index)
      let (x, u, y) = (context.inputBytes(0), context.inputBytes(2), context.outputBytes())
      if x != UnsafeRawPointer(y) { y.copyMemory(from: x, byteCount: bytes) }
      if let sums { return sums.add(context.input(2), context.output(), index) }
      forEachOffset(shape, places) { place, offset in
        take(y + (offset + Int(index[place]) * step) * width, u + place * width, 1)
      }
    }
  }
}

/// Updates for all elements of each row behind the axis, and of each index before it.
private struct WholeRows: Sendable {
  private let outer: Int
  private let count: Int
  private let extent: Int
  private let inner: Int

  init?(_ data: [Int], _ indices: [Int], _ axis: Int) {
    guard data.indices.allSatisfy({ $0 == axis || data[$0] == indices[$0] }) else { return nil }
    (count, extent) = (indices[axis], data[axis])
    outer = data[..<axis].reduce(1, *)
    inner = data[(axis + 1)...].reduce(1, *)
  }

  func add(
    _ updates: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>,
    _ index: UnsafePointer<Int64>
  ) {
    zoo_scatter_add_f32(
      updates, y, index, Int64(outer), Int64(count), Int64(extent), Int64(inner))
  }
}
