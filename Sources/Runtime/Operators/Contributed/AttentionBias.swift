import ModelFormat

/// What is added to the scores of an attention: who may look where, in the forms of the contributed operators.
///
/// |        | name      | shape | element types |
/// |--------|-----------|-------|---------------|
/// | input  | `q`, `k`  | `[batch, heads, time, size]`, or with time first; only their shapes count | `f32` |
/// | input  | `mask`, optional | `[batch, keys]` or `[batch, queries, keys]`: 0 hides a key; `[batch]`: the number of keys that count; `[2·batch]`: also where they begin | `i32` |
/// | input  | `bias`, optional | `[1 or batch, 1 or heads, queries, keys]` | `f32` |
/// | input  | `last`, optional | `[batch]`: the place of the last key | `i32` |
/// | output | `y`       | `[batch, 1 or heads, queries, keys]` | `f32` |
///
/// A mask adds `filter`. Keys after a query are hidden for good (`isCausal`), as are those more than `window` − 1 before it.
struct AttentionBias: TensorOperator {
  var isCausal: Bool
  var filter: Float
  /// Whether queries, and keys, are `[batch, time, heads, size]`.
  var timeFirst = (q: false, k: false)
  /// Keys before the first query; unless `last` is given.
  var past = 0
  /// The number of keys that a query sees, itself included; 0: all.
  var window = 0
  /// Whether the keys of this call are all there are, so that queries count from 0.
  var isFirst = false

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    guard let q = try inputs.tensor(0).shape, let k = try inputs.tensor(1).shape else {
      return [.tensor(.f32, nil)]
    }
    let e = extents(q.dimensions, k.dimensions)
    for index in [2, 4] where inputs.has(index) { _ = try inputs.tensor(index, of: [.i32]) }
    let bias = inputs.has(3) ? try inputs.tensor(3, of: [.f32]) : nil
    let heads = bias == nil ? 1 : bias?.shape.map { $0.rank == 4 ? $0[1] : 1 } ?? .unknown
    return [.tensor(.f32, [e[0], heads, e[2], e[3]])]
  }

  /// Those of the scores.
  private func extents<T>(_ q: [T], _ k: [T]) -> [T] {
    let (heads, queries) = timeFirst.q ? (q[2], q[1]) : (q[1], q[2])
    return [q[0], heads, queries, timeFirst.k ? k[1] : k[2]]
  }

  private enum Mask { case none, keys, pairs, ends, ranges }

  private func mask(_ io: NodeIO, _ e: [Int]) throws(ModelError) -> Mask {
    guard io.has(2) else { return .none }
    switch try io.input(2).shape {
    case [e[0], e[3]]: return .keys
    case [e[0], e[2], e[3]]: return .pairs
    case [e[0]]: return .ends
    case [2 * e[0]]: return .ranges
    case let other:
      throw ModelError(
        .shapeMismatch, "a mask of shape \(other)",
        expected: "[\(e[0])], [\(2 * e[0])], [\(e[0]), \(e[3])] or [\(e[0]), \(e[2]), \(e[3])]")
    }
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let e = extents(try io.input(0).shape, try io.input(1).shape)
    let heads = try io.output().shape[1]
    let kind = try mask(io, e)
    let bias = io.has(3) ? try io.input(3).shape : nil
    if let bias,
      bias.count != 4 || ![1, e[0]].contains(bias[0]) || ![1, e[1]].contains(bias[1])
        || bias[2] != e[2] || bias[3] != e[3]
    {
      throw ModelError(
        .shapeMismatch, "a bias of shape \(bias)",
        expected: "[1 or \(e[0]), 1 or \(e[1]), \(e[2]), \(e[3])]")
    }
    let hasLast = io.has(4)
    if hasLast, try io.input(4).count != e[0] {
      throw ModelError(
        .shapeMismatch, "lengths of shape \(try io.input(4).shape)", expected: "[\(e[0])]")
    }
    let op = self
    return Kernel("attention_bias") { context in
      nonisolated(unsafe) let y = context.output(0, as: Float.self)
      nonisolated(unsafe) let mask = kind == .none ? nil : context.input(2, as: Int32.self)
      nonisolated(unsafe) let add = bias == nil ? nil : context.input(3, as: Float.self)
      nonisolated(unsafe) let last = hasLast ? context.input(4, as: Int32.self) : nil
      context.parallel(e[0] * heads * e[2], grain: max(1, Broadcast.grain / max(1, e[3]))) { rows in
        for row in rows {
          let (b, h, s) = (row / (heads * e[2]), row / e[2] % heads, row % e[2])
          let to = y + row * e[3]
          if let add, let bias {
            let start = ((bias[0] == 1 ? 0 : b) * bias[1] + (bias[1] == 1 ? 0 : h)) * e[2] + s
            to.update(from: add + start * e[3], count: e[3])
          } else {
            to.update(repeating: 0, count: e[3])
          }
          if let mask { op.hide(kind, mask, to, e, b, s) }
          let end = last.map { Int($0[b]) + 1 } ?? e[3]
          // Without lengths the last query stands at the last key, however many keys there are.
          let position =
            last != nil ? op.position(end, e, s) : s == e[2] - 1 ? e[3] - 1 : op.past + s
          op.limit(to, e, end: end, position: position)
        }
      }
    }
  }

  private func position(_ end: Int, _ e: [Int], _ s: Int) -> Int {
    isFirst ? s : end - e[2] + s
  }

  private func hide(
    _ kind: Mask, _ mask: UnsafePointer<Int32>, _ to: UnsafeMutablePointer<Float>, _ e: [Int],
    _ b: Int, _ s: Int
  ) {
    let keys = e[3]
    switch kind {
    case .none: break
    case .keys: for key in 0..<keys where mask[b * keys + key] <= 0 { to[key] += filter }
    case .pairs:
      let row = mask + (b * e[2] + s) * keys
      for key in 0..<keys where row[key] <= 0 { to[key] += filter }
    case .ends, .ranges:
      let first = kind == .ranges ? Int(mask[e[0] + b]) : 0
      for key in 0..<keys where key >= Int(mask[b]) || key < first { to[key] += filter }
    }
  }

  private func limit(
    _ to: UnsafeMutablePointer<Float>, _ e: [Int], end: Int, position: Int
  ) {
    for key in 0..<e[3] {
      let isAhead = isCausal && key > position
      if isAhead || key >= end || (window > 0 && key <= position - window) {
        to[key] = -.greatestFiniteMagnitude
      }
    }
  }
}
