import ModelFormat

/// `SparseAttention` of `com.microsoft`: ``GroupQueryAttention`` that looks at some blocks of keys only.
///
/// |        | name    | shape | element types |
/// |--------|---------|-------|---------------|
/// | input  | `query`, `key`, `value` | as ``GroupQueryAttention`` | `f32`, `f16` |
/// | input  | `past_key`, `past_value` | `[batch, kv heads, room, size]` | type of `query` |
/// | input  | `block_row_indices` | `[layouts, rows + 1]`: where the columns of each row of blocks begin | `i32` |
/// | input  | `block_col_indices` | `[layouts, columns]`: the blocks of keys that are looked at | `i32` |
/// | input  | `total_sequence_length` | one | `i32` |
/// | input  | `key_total_sequence_lengths` | `[batch]` | `i32` |
/// | input  | `cos_cache`, `sin_cache`, optional | `[positions, d/2]` | type of `query` |
/// | output | `output`, `present_key`, `present_value` | as ``GroupQueryAttention`` | type of `query` |
/// | attr   | `num_heads`, `kv_num_heads`, `scale`, `sparse_block_size`, `do_rotary`, `rotary_interleaved` | | |
///
/// Head `h` has layout `h mod layouts`. Computed in `f32`. Source: ONNX Runtime's contributed operator, version 1.
struct SparseAttention: ComposedOperator {
  private let parts: GroupQueryAttention
  private let block: Int

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 9...11, outputs: 1...3, optional: [1, 2])
    block = try node.int("sparse_block_size")
    guard [16, 32, 64, 128].contains(block) else {
      throw ModelError(
        .invalidAttribute, "sparse_block_size is \(block)", expected: "16, 32, 64 or 128")
    }
    parts = try GroupQueryAttention(sparse: node)
  }

  func compose(_ composition: inout Composition) throws(ModelError) -> [Composition.Value?] {
    let element = try composition.input(0, of: [.f32, .f16], rank: 3).element
    let total = try composition.input(7, of: [.i32])
    let lengths = try composition.input(8, of: [.i32])
    let last = try composition("Sub", lengths, try composition.scalar(Int32(1)))
    let (rows, columns) = (
      try composition.input(5, of: [.i32], rank: 2), try composition.input(6, of: [.i32], rank: 2)
    )
    var (q, k, v) = try parts.operands(&composition)
    let isFirst = GroupQueryAttention.isFirst(q, total)
    if parts.turns {
      let positions = try composition.apply(QueryPositions(isFirst: isFirst), q, last)
      q = try parts.turned(&composition, q, positions, caches: (9, 10))
      k = try parts.turned(&composition, k, positions, caches: (9, 10))
    }
    let cache = KeyValueCache(isFirst: isFirst, keepsRest: true)
    let keys = try composition.apply(cache, k, try parts.past(&composition, 3), last, total)
    let values = try composition.apply(cache, v, try parts.past(&composition, 4), last, total)
    let layout = BlockLayout(block: block, heads: parts.heads, isFirst: isFirst)
    let hidden = try composition.apply(layout, q, keys, rows, columns, last)
    let limits = AttentionBias(isCausal: true, filter: 0, isFirst: isFirst)
    let added = try composition.apply(limits, q, keys, nil, hidden, last)
    let y = try composition(
      "Attention", q, keys, values, added, attributes: ["scale": .float(parts.scale(of: q))])
    return [
      try composition.cast(try composition.merged(y), element),
      try composition.cast(keys, element), try composition.cast(values, element),
    ]
  }
}

/// What is added to scores so that only some blocks of keys count.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `q`, `k` | `[batch, heads, time, size]`; only their shapes count | `f32` |
/// | input  | `rows` | `[layouts, rows + 1]` | `i32` |
/// | input  | `columns` | `[layouts, blocks]` | `i32` |
/// | input  | `last` | `[batch]`: the place of the last key | `i32` |
/// | output | `y`  | `[batch, heads, queries, keys]`: 0, or the least number | `f32` |
private struct BlockLayout: TensorOperator {
  let block: Int
  let heads: Int
  /// Whether queries count from 0.
  let isFirst: Bool

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let (q, k) = (try inputs.tensor(0).shape, try inputs.tensor(1).shape)
    let rows = try inputs.tensor(2).shape
    if let layouts = rows?[0].value, layouts < 1 || heads % layouts != 0 {
      throw ModelError(
        .shapeMismatch, "\(layouts) layouts for \(heads) heads", expected: "a divisor of them")
    }
    guard let q, let k else { return [.tensor(.f32, nil)] }
    return [.tensor(.f32, [q[0], q[1], q[2], k[2]])]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let (y, rows, columns) = (
      try io.output().shape, try io.input(2).shape, try io.input(3).shape
    )
    guard rows[0] == columns[0], try io.input(4).count == y[0] else {
      throw ModelError(
        .shapeMismatch, "layouts \(rows), \(columns), lengths \(try io.input(4).shape)",
        expected: "as many layouts of each, and a length for each of \(y[0]) rows")
    }
    let (block, isFirst) = (block, isFirst)
    return Kernel("block_layout") { (context) throws(ModelError) in
      let starts = context.input(2, as: Int32.self)
      let places = context.input(3, as: Int32.self)
      let last = context.input(4, as: Int32.self)
      try Self.check(starts, rows, places, columns)
      for row in 0..<y[0] * y[1] * y[2] {
        let (b, layout, s) = (row / (y[1] * y[2]), row / y[2] % y[1] % rows[0], row % y[2])
        let position = isFirst ? s : Int(last[b]) + 1 - y[2] + s
        let line = position / block
        guard position >= 0, line + 1 < rows[1] else {
          throw ModelError(
            .outOfRange, "position \(position)",
            expected: "one of the \((rows[1] - 1) * block) of the layout")
        }
        let to = context.output(0, as: Float.self) + row * y[3]
        to.update(repeating: -.greatestFiniteMagnitude, count: y[3])
        let range = (starts + layout * rows[1] + line)
        for place in Int(range[0])..<Int(range[1]) {
          let first = Int(places[layout * columns[1] + place]) * block
          for key in min(first, y[3])..<min(first + block, y[3]) { to[key] = 0 }
        }
      }
    }
  }

  /// - Throws: `.outOfRange` if a row of any layout has columns that are not there, or blocks beyond the last row's.
  private static func check(
    _ starts: UnsafePointer<Int32>, _ rows: [Int], _ places: UnsafePointer<Int32>, _ columns: [Int]
  ) throws(ModelError) {
    let lines = max(0, rows[1] - 1)
    for row in 0..<rows[0] * lines {
      let layout = row / lines
      let range = starts + layout * rows[1] + row % lines
      guard range[0] >= 0, range[0] <= range[1], range[1] <= columns[1] else {
        throw ModelError(
          .outOfRange, "columns \(range[0]) to \(range[1])", expected: "0 ... \(columns[1])")
      }
      for place in Int(range[0])..<Int(range[1]) {
        let block = places[layout * columns[1] + place]
        guard (0..<lines).contains(Int(block)) else {
          throw ModelError(.outOfRange, "block \(block)", expected: "0 ..< \(lines)")
        }
      }
    }
  }
}
