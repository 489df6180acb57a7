import ModelFormat

/// A cache of keys or values with those of this call written behind what was there, row by row of the batch.
///
/// |        | name    | shape | element types |
/// |--------|---------|-------|---------------|
/// | input  | `new`   | `[batch, heads, time, size]` | `f32` |
/// | input  | `past`, optional | `[batch, heads, room, size]` | `f32` |
/// | input  | `last`  | `[batch]`: the place of the last key | `i32` |
/// | input  | `total` | one: the greatest number of keys | `i32` |
/// | output | `y`     | `[batch, heads, max(room, total), size]`; 0 where there are no keys | `f32` |
struct KeyValueCache: TensorOperator {
  /// Whether nothing in `past` counts.
  let isFirst: Bool
  /// Whether what is behind the keys stays as it was in `past`, and all new keys are written, also behind the last.
  var keepsRest = false

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    for index in [2, 3] { _ = try inputs.tensor(index, of: [.i32]) }
    guard var shape = try inputs.tensor(0, of: [.f32]).shape else { return [.tensor(.f32, nil)] }
    let past = inputs.has(1) ? try inputs.tensor(1, of: [.f32]) : nil
    let total = inputs.integers(3)?.first
    if let past, let known = past.shape {
      guard known.rank == 4, known[0].canBe(shape[0]), known[1].canBe(shape[1]),
        known[3].canBe(shape[3])
      else {
        throw ModelError(
          .shapeMismatch, "a past \(known) of keys \(shape)",
          expected: "equal numbers of batches and heads, and equal sizes")
      }
    }
    guard let total else {
      shape[2] = .unknown
      return [.tensor(.f32, shape)]
    }
    guard total >= 0, total < Int(Int32.max) else {
      throw ModelError(.outOfRange, "\(total) keys", expected: "0 ..< \(Int32.max)")
    }
    let before = past == nil ? 0 : past?.shape?[2].value
    if let room = before, let time = shape[2].value, total > room, total != room + time {
      throw ModelError(
        .outOfRange, "\(total) keys, \(time) of them new, and room for \(room)",
        expected: "at most \(room), or \(room + time)")
    }
    if past == nil {
      shape[2] = .fixed(total)
    } else {
      shape[2] = (past?.shape?[2].value).map { .fixed(max($0, total)) } ?? .unknown
    }
    return [.tensor(.f32, shape)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let (new, y) = (try io.input(0).shape, try io.output().shape)
    let past = io.has(1) ? try io.input(1).shape : nil
    guard try io.input(2).count == new[0] else {
      throw ModelError(
        .shapeMismatch, "lengths of shape \(try io.input(2).shape)", expected: "[\(new[0])]")
    }
    let (isFirst, keepsRest) = (isFirst, keepsRest && past?[2] == y[2])
    return Kernel("key_value_cache") { (context) throws(ModelError) in
      let last = context.input(2, as: Int32.self)
      for b in 0..<new[0] {
        let count = Int(last[b]) + 1
        let before = isFirst ? 0 : count - new[2]
        guard count >= 0, count <= y[2], before >= 0, before <= past?[2] ?? 0 else {
          throw ModelError(
            .outOfRange, "\(count) keys in row \(b) of the batch, \(new[2]) of them new",
            expected: "as many as fit into a cache of \(y[2])")
        }
        let arriving = min(new[2], (keepsRest ? y[2] : count) - before)
        for h in 0..<new[1] {
          let row = b * new[1] + h
          let to = context.output(0, as: Float.self) + row * y[2] * y[3]
          if before > 0, let past {
            to.update(
              from: context.input(1, as: Float.self) + row * past[2] * past[3],
              count: before * y[3])
          }
          (to + before * y[3]).update(
            from: context.input(0, as: Float.self) + row * new[2] * new[3],
            count: arriving * y[3])
          let filled = before + arriving
          let rest = (y[2] - filled) * y[3]
          if keepsRest {
            let old = context.input(1, as: Float.self) + (row * y[2] + filled) * y[3]
            (to + filled * y[3]).update(from: old, count: rest)
          } else {
            (to + filled * y[3]).update(repeating: 0, count: rest)
          }
        }
      }
    }
  }
}

/// The position of each query: those of a first call from 0 on, later ones up to the last key.
///
/// |        | name   | shape | element types |
/// |--------|--------|-------|---------------|
/// | input  | `q`    | `[batch, heads, time, size]`; only its shape counts | any |
/// | input  | `last` | `[batch]` | `i32` |
/// | output | `y`    | `[batch, time]` | `i64` |
struct QueryPositions: TensorOperator {
  let isFirst: Bool

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let shape = try inputs.tensor(0).shape
    _ = try inputs.tensor(1, of: [.i32])
    return [.tensor(.i64, shape.map { [$0[0], $0[2]] })]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let y = try io.output().shape
    guard try io.input(1).count == y[0] else {
      throw ModelError(
        .shapeMismatch, "lengths of shape \(try io.input(1).shape)", expected: "[\(y[0])]")
    }
    let isFirst = isFirst
    return Kernel("query_positions") { context in
      let (last, positions) = (context.input(1, as: Int32.self), context.output(0, as: Int.self))
      for b in 0..<y[0] {
        let first = isFirst ? 0 : max(0, Int(last[b]) + 1 - y[1])
        for t in 0..<y[1] { positions[b * y[1] + t] = first + t }
      }
    }
  }
}
