/// `GatherElements`: single elements, each chosen by an index along one axis.
///
///     y[i, j, k] = x[indices[i, j, k], j, k]   for axis 0
///
/// |        | name      | shape | element types |
/// |--------|-----------|-------|---------------|
/// | input  | `data`    | rank r ≥ 1 | any      |
/// | input  | `indices` | rank r, extents at most those of `data` but along `axis` | `i32`, `i64` |
/// | output | `output`  | of `indices` | type of `data` |
/// | attr   | `axis`    | −r ..< r | default 0  |
///
/// Source: ONNX `GatherElements`, opsets 11 and 13.
struct GatherElements: DataMovement {
  let axis: Int

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...2)
    axis = try node.int("axis", default: 0)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let data = try inputs.tensor(0)
    let indices = try inputs.tensor(1, of: [.i32, .i64])
    try checkElements(data.shape, indices.shape, axis)
    return [.tensor(data.element, indices.shape)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let (data, indices) = (try io.input(0), try io.input(1))
    let axis = try Shape.normalize(axis, rank: data.rank)
    var strides = rowMajorStrides(data.shape)
    let (step, extent, width) = (strides[axis], data.shape[axis], data.element.byteWidth)
    strides[axis] = 0
    let (places, type, count) = (strides, indices.element, indices.count)
    let shape = indices.shape
    return Kernel("gather_elements", scratchBytes: 8 * count) { (context) throws(ModelError) in
      let index = context.scratch.assumingMemoryBound(to: Int64.self)
      try IndexReader.read(context.inputBytes(1), type, count: count, extent: extent, into: index)
      let (x, y) = (context.inputBytes(0), context.outputBytes())
      forEachOffset(shape, places) { place, offset in
        copyElement(y + place * width, x + (offset + Int(index[place]) * step) * width, width)
      }
    }
  }
}

/// - Throws: `.shapeMismatch` if indices of single elements do not fit the data.
func checkElements(_ data: Shape?, _ indices: Shape?, _ axis: Int) throws(ModelError) {
  guard let data, let indices else { return }
  let axis = try data.axis(axis)
  guard data.rank == indices.rank,
    (0..<data.rank).allSatisfy({ other in
      guard other != axis, let a = data[other].value, let b = indices[other].value else {
        return true
      }
      return b <= a
    })
  else {
    throw ModelError(
      .shapeMismatch, "indices \(indices) into a tensor \(data)",
      expected: "the same rank, and no larger extents but along axis \(axis)")
  }
}
