/// `TensorScatter`: a cache with some steps along one axis overwritten, for each batch at its own place.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `past_cache` | `[batch, …, steps, …]` | any |
/// | input  | `update` | the same but for `axis`, where it is not longer | type of `past_cache` |
/// | input  | `write_indices`, optional | `[batch]`, default 0 | `i64` |
/// | output | `present_cache` | of `past_cache` | type of `past_cache` |
/// | attr   | `axis`, `mode` | | default −2, not the batch; `linear` (default) or `circular` |
///
/// Source: ONNX `TensorScatter`, opset 24.
struct TensorScatter: DataMovement {
  private let axis: Int
  private let isCircular: Bool

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...3)
    axis = try node.int("axis", default: -2)
    let mode = try node.choice("mode", of: ["linear", "circular"], default: "linear")
    isCircular = mode == "circular"
  }

  private func resolvedAxis(_ rank: Int) throws(ModelError) -> Int {
    let axis = try Shape.normalize(axis, rank: rank)
    guard axis > 0 else {
      throw ModelError(
        .invalidAttribute, "axis \(self.axis) is the batch", expected: "an axis behind it")
    }
    return axis
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let cache = try inputs.tensor(0)
    let update = try inputs.tensor(1, of: [cache.element])
    let indices = inputs.has(2) ? try inputs.tensor(2, of: [.i64]).shape : nil
    guard let past = cache.shape else { return [.tensor(cache)] }
    let axis = try resolvedAxis(past.rank)
    if let new = update.shape {
      guard new.rank == past.rank,
        past.dimensions.indices.allSatisfy({ $0 == axis || past[$0].canBe(new[$0]) }),
        (new[axis].value ?? 0) <= past[axis].value ?? Int.max
      else {
        throw ModelError(
          .shapeMismatch, "an update \(new) of a cache \(past)",
          expected: "the cache's extents, at most as many along axis \(axis)")
      }
    }
    if let indices, !indices.canBe([past[0]]) {
      throw ModelError(.shapeMismatch, "write indices \(indices)", expected: "[\(past[0])]")
    }
    return [.tensor(cache)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let (cache, update) = (try io.input(0), try io.input(1))
    let axis = try resolvedAxis(cache.rank)
    let width = cache.element.byteWidth
    let block = cache.shape[(axis + 1)...].reduce(width, *)
    let (steps, new) = (cache.shape[axis], update.shape[axis])
    let (batch, rows) = (cache.shape[0], cache.shape[1..<axis].reduce(1, *))
    let (hasIndices, isCircular) = (io.has(2), isCircular)
    let bytes = cache.byteCount
    return Kernel("tensor_scatter", reuses: [0: 0]) { (context) throws(ModelError) in
      let (x, u, y) = (context.inputBytes(0), context.inputBytes(1), context.outputBytes())
      if x != UnsafeRawPointer(y) { y.copyMemory(from: x, byteCount: bytes) }
      let indices = hasIndices ? context.input(2, as: Int64.self) : nil
      for b in 0..<batch {
        var start = Int(indices?[b] ?? 0)
        if isCircular, steps > 0 { start = (start % steps + steps) % steps }
        guard start >= 0, start <= (isCircular ? steps : steps - new) else {
          throw ModelError(
            .outOfRange, "\(new) steps written at \(start)",
            expected: "a place in \(steps) steps where they fit")
        }
        let first = min(new, steps - start)
        for row in b * rows..<(b + 1) * rows {
          let (from, to) = (u + row * new * block, y + row * steps * block)
          (to + start * block).copyMemory(from: from, byteCount: first * block)
          // What is left over goes on at the beginning.
          to.copyMemory(from: from + first * block, byteCount: (new - first) * block)
        }
      }
    }
  }
}
