import CKernels

/// `Gather`: slices of a tensor along one axis, chosen by index.
///
///     y[a…, i…, b…] = x[a…, indices[i…], b…]
///
/// |        | name      | shape | element types |
/// |--------|-----------|-------|---------------|
/// | input  | `data`    | any, rank ≥ 1 | any   |
/// | input  | `indices` | any   | `i32`, `i64`  |
/// | output | `output`  | `data` with axis `axis` replaced by the axes of `indices` | type of `data` |
/// | attr   | `axis`    | −r ..< r | default 0  |
///
/// Negative indices count from the end (since opset 11). Source: ONNX `Gather`, opsets 1 to 13.
struct Gather: DataMovement {
  let axis: Int

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...2)
    axis = try node.int("axis", default: 0)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let data = try inputs.tensor(0)
    let indices = try inputs.tensor(1, of: [.i32, .i64])
    guard let shape = data.shape, let places = indices.shape else {
      return [.tensor(data.element, nil)]
    }
    let axis = try shape.axis(axis)
    let result =
      shape.dimensions[..<axis] + places.dimensions + shape.dimensions[(axis + 1)...]
    return [.tensor(data.element, Shape(Array(result)))]
  }

  func knownOutputs(_ inputs: Operands) throws(ModelError) -> [KnownValue?] {
    guard try inputs.tensor(0).shape?.rank == 1, let extents = inputs.extents(0),
      let indices = inputs.constant(1), indices.shape.count <= 1, let places = indices.integers
    else { return [nil] }
    let wrapped = places.map { $0 < 0 ? $0 + extents.count : $0 }
    guard wrapped.allSatisfy(extents.indices.contains) else { return [nil] }
    return [.extents(wrapped.map { extents[$0] }, isScalar: indices.shape.isEmpty)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let data = try io.input(0)
    let indices = try io.input(1)
    let axis = try Shape.normalize(axis, rank: data.rank)
    let outer = data.shape[..<axis].reduce(1, *)
    let extent = data.shape[axis]
    let block = data.shape[(axis + 1)...].reduce(1, *) * data.element.byteWidth
    let (count, type) = (indices.count, indices.element)
    return Kernel("gather", scratchBytes: 8 * count) { (context) throws(ModelError) in
      guard count > 0 else { return }
      let places = context.scratch.assumingMemoryBound(to: Int64.self)
      try IndexReader.read(
        context.inputBytes(1), type, count: count, extent: extent, into: places)
      nonisolated(unsafe) let input = context.inputBytes(0)
      nonisolated(unsafe) let output = context.outputBytes()
      nonisolated(unsafe) let all = places
      if outer == 1 {
        context.parallel(count, grain: max(1, (1 << 15) / max(1, block))) { range in
          zoo_gather_blocks(
            input, output + range.lowerBound * block, all + range.lowerBound, Int64(range.count),
            Int64(extent), Int64(block), 0, 1)
        }
      } else {
        context.parallel(outer, grain: max(1, (1 << 15) / max(1, block * count))) { range in
          zoo_gather_blocks(
            input, output, all, Int64(count), Int64(extent), Int64(block),
            Int64(range.lowerBound), Int64(range.upperBound))
        }
      }
    }
  }
}
