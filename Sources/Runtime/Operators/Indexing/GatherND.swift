/// Rows of indices, each a place along some leading axes, and the slices that they name.
struct SliceTable: Sendable {
  /// Slices in all, and how many there are for each batch.
  let count: Int
  let perBatch: Int
  let batchStride: Int
  let extents: [Int]
  let strides: [Int]
  /// Elements of a slice.
  let block: Int

  init(_ data: [Int], _ indices: [Int], batchAxes: Int) {
    let depth = indices.last ?? 0
    let own = rowMajorStrides(data)
    let batches = data[..<batchAxes].reduce(1, *)
    count = indices.dropLast().reduce(1, *)
    perBatch = batches == 0 ? 0 : count / batches
    batchStride = data[batchAxes...].reduce(1, *)
    extents = Array(data[batchAxes..<batchAxes + depth])
    strides = Array(own[batchAxes..<batchAxes + depth])
    block = data[(batchAxes + depth)...].reduce(1, *)
  }

  /// The first element of slice `slice`.
  ///
  /// - Throws: `.outOfRange` if an index is outside its axis.
  func offset(_ indices: UnsafePointer<Int64>, _ slice: Int) throws(ModelError) -> Int {
    var offset = slice / perBatch * batchStride
    for axis in extents.indices {
      let index = Int(indices[slice * extents.count + axis])
      guard index >= -extents[axis], index < extents[axis] else {
        throw ModelError(
          .outOfRange, "index \(index) of axis \(axis) in row \(slice)",
          expected: "\(-extents[axis]) ... \(extents[axis] - 1)")
      }
      offset += (index < 0 ? index + extents[axis] : index) * strides[axis]
    }
    return offset
  }

  /// - Throws: `.shapeMismatch` unless the last axis of the indices fits the data's rank.
  static func check(_ data: Shape, _ indices: Shape, batchAxes: Int) throws(ModelError) -> Int? {
    guard indices.rank > batchAxes, data.rank > batchAxes, batchAxes >= 0,
      (0..<batchAxes).allSatisfy({ data[$0].canBe(indices[$0]) })
    else {
      throw ModelError(
        .shapeMismatch, "indices \(indices) into a tensor \(data) with \(batchAxes) batch axes",
        expected: "the same batch axes, and one more for the indices")
    }
    guard let depth = indices.dimensions.last?.value else { return nil }
    guard depth <= data.rank - batchAxes else {
      throw ModelError(
        .shapeMismatch, "rows of \(depth) indices into a tensor \(data)",
        expected: "at most \(data.rank - batchAxes)")
    }
    return depth
  }
}

/// `GatherND`: slices of a tensor, each named by a row of indices for its leading axes.
///
/// |        | name      | shape | element types |
/// |--------|-----------|-------|---------------|
/// | input  | `data`    | rank r ≥ 1 | any      |
/// | input  | `indices` | `[…, k]`, k ≤ r − b | `i64` |
/// | output | `output`  | `indices` without its last axis, then what is left of `data` | type of `data` |
/// | attr   | `batch_dims` | b  | default 0: axes that both share, since opset 12 |
///
/// Source: ONNX `GatherND`, opsets 11 to 13.
struct GatherND: DataMovement {
  let batchAxes: Int

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...2)
    batchAxes = try node.int("batch_dims", default: 0)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let data = try inputs.tensor(0)
    guard let indices = try inputs.tensor(1, of: [.i64]).shape, let shape = data.shape,
      let depth = try SliceTable.check(shape, indices, batchAxes: batchAxes)
    else { return [.tensor(data.element, nil)] }
    let rest = shape.dimensions[(batchAxes + depth)...]
    return [.tensor(data.element, Shape(Array(indices.dimensions.dropLast() + rest)))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let data = try io.input(0)
    let table = SliceTable(data.shape, try io.input(1).shape, batchAxes: batchAxes)
    let bytes = table.block * data.element.byteWidth
    let width = data.element.byteWidth
    return Kernel("gather_nd") { (context) throws(ModelError) in
      let indices = context.input(1, as: Int64.self)
      for slice in 0..<table.count {
        let offset = try table.offset(indices, slice)
        copyElement(
          context.outputBytes() + slice * bytes, context.inputBytes(0) + offset * width, bytes)
      }
    }
  }
}

/// `ScatterND`: slices of a tensor replaced or changed, each named by a row of indices for its leading axes.
///
/// |        | name      | shape | element types |
/// |--------|-----------|-------|---------------|
/// | input  | `data`    | rank r ≥ 1 | any      |
/// | input  | `indices` | `[…, k]`, k ≤ r | `i64` |
/// | input  | `updates` | as `GatherND` gives them | type of `data` |
/// | output | `output`  | of `data` | type of `data` |
/// | attr   | `reduction` |     | `none` (default), `add`, `mul` since opset 16, `max`, `min` since 18 |
///
/// Source: ONNX `ScatterND`, opsets 11 to 18.
struct ScatterND: DataMovement {
  let reduction: ScatterReduction

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 3...3)
    reduction = try ScatterReduction(node)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let data = try inputs.tensor(0)
    let updates = try inputs.tensor(2, of: [data.element])
    try reduction.check(data.element)
    guard let indices = try inputs.tensor(1, of: [.i64]).shape, let shape = data.shape,
      let depth = try SliceTable.check(shape, indices, batchAxes: 0)
    else { return [.tensor(data)] }
    let expected = Shape(Array(indices.dimensions.dropLast() + shape.dimensions[depth...]))
    if let given = updates.shape,
      given.rank != expected.rank
        || !zip(given.dimensions, expected.dimensions).allSatisfy({ $0.canBe($1) })
    {
      throw ModelError(.shapeMismatch, "updates \(given)", expected: "\(expected)")
    }
    return [.tensor(data)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let data = try io.input(0)
    let table = SliceTable(data.shape, try io.input(1).shape, batchAxes: 0)
    let (width, bytes, take) = (
      data.element.byteWidth, data.byteCount, reduction.body(data.element)
    )
    return Kernel("scatter_nd", reuses: [0: 0]) { (context) throws(ModelError) in
      let (x, u, y) = (context.inputBytes(0), context.inputBytes(2), context.outputBytes())
      let indices = context.input(1, as: Int64.self)
      // All indices are checked before the output, which may be the input's memory, is changed.
      for slice in 0..<table.count { _ = try table.offset(indices, slice) }
      if x != UnsafeRawPointer(y) { y.copyMemory(from: x, byteCount: bytes) }
      for slice in 0..<table.count {
        let offset = try table.offset(indices, slice)
        take(y + offset * width, u + slice * table.block * width, table.block)
      }
    }
  }
}
