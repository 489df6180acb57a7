import CKernels
import ModelFormat

/// The parts that the contributed forms of attention share. Heads are `[batch, heads, time, size]`.
extension Composition {
  /// `[batch, time, heads·size]` as heads.
  mutating func heads(_ x: Value, _ count: Int) throws(ModelError) -> Value {
    try transposed(try rows(x, count), [0, 2, 1, 3])
  }

  /// `[batch, time, heads·size]` as `[batch, time, heads, size]`.
  mutating func rows(_ x: Value, _ count: Int) throws(ModelError) -> Value {
    if let shape = x.shape {
      guard shape.rank == 3, (shape[2].value ?? 0) % count == 0 else {
        throw ModelError(
          .shapeMismatch, "a tensor \(shape) of \(count) heads",
          expected: "[batch, time, heads·size]")
      }
    }
    let size = (x.shape?[2].value).map { $0 / count } ?? -1
    return try self("Reshape", x, try integers([0, 0, count, size]))
  }

  /// Heads as `[batch, time, heads·size]`.
  mutating func merged(_ heads: Value) throws(ModelError) -> Value {
    try joined(rows: try transposed(heads, [0, 2, 1, 3]))
  }

  /// `[batch, time, heads, size]` as `[batch, time, heads·size]`.
  private mutating func joined(rows: Value) throws(ModelError) -> Value {
    let hidden = rows.shape.flatMap { ($0[2] * $0[3]).value } ?? -1
    return try self("Reshape", rows, try integers([0, 0, hidden]))
  }

  /// Softmax of the scores of `q` and `k`, and the sums of `v` by these weights: `[batch, time, heads·size]`.
  ///
  /// - Parameters:
  ///   - timeFirst: Of each operand, whether it is `[batch, time, heads, size]`.
  ///   - limits: What is added to the scores, from a mask and a bias; nothing if there is nothing to add.
  mutating func attended(
    _ q: Value, _ k: Value, _ v: Value, timeFirst: (q: Bool, k: Bool), scale: Float,
    limits: AttentionBias, mask: Value?, bias: Value?
  ) throws(ModelError) -> Value {
    var added: Value?
    if limits.isCausal || mask != nil || bias != nil {
      var limits = limits
      limits.timeFirst = timeFirst
      added = try apply(limits, q, k, mask, bias)
    }
    let sizes = [q, v].map { $0.shape?[3].value ?? 0 }
    if sizes.allSatisfy({ $0 <= AttentionKernel.maximumSize }) {
      let flags = [timeFirst.q, timeFirst.k, timeFirst.k, true].map { Int64($0 ? 1 : 0) }
      let rows = try call(
        "FusedAttention", domain: "zoo", [q, k, v, added],
        ["scale": .float(scale), "time_first": .ints(flags)])
      return try joined(rows: rows)
    }
    let turned = timeFirst.q ? try transposed(q, [0, 2, 1, 3]) : q
    let keys = timeFirst.k ? try transposed(k, [0, 2, 1, 3]) : k
    let values = timeFirst.k ? try transposed(v, [0, 2, 1, 3]) : v
    var scores = try self.scores(turned, keys, scale: scale)
    if let added { scores = try self("Add", scores, added) }
    return try merged(try weighted(try softmax(scores), values))
  }

  mutating func transposed(_ x: Value, _ permutation: [Int64]) throws(ModelError) -> Value {
    try self("Transpose", x, attributes: ["perm": .ints(permutation)])
  }

  mutating func cast(_ x: Value, _ element: ElementType) throws(ModelError) -> Value {
    if x.element == element { return x }
    return try self("Cast", x, attributes: ["to": .int(Int64(element.rawValue))])
  }

  mutating func joined(_ values: [Value], axis: Int) throws(ModelError) -> Value {
    values.count == 1
      ? values[0] : try call("Concat", values, ["axis": .int(Int64(axis))])
  }

  mutating func pieces(_ x: Value, axis: Int, sizes: [Int]) throws(ModelError) -> [Value] {
    try call(
      "Split", [x, try integers(sizes)], ["axis": .int(Int64(axis))],
      wants: sizes.map { _ in true })
  }

  /// Scores of queries and keys, whose heads may be fewer: `[batch, heads, queries, keys]`.
  mutating func scores(_ q: Value, _ k: Value, scale: Float) throws(ModelError) -> Value {
    let grouped = try self.grouped(q, like: k)
    let product = try call(
      "FusedMatMul", domain: "zoo", [grouped, k], ["transB": .int(1), "alpha": .float(scale)])
    return try ungrouped(product, like: q)
  }

  /// Sums of values by weight: `[batch, heads, queries, size]`.
  mutating func weighted(_ weights: Value, _ v: Value) throws(ModelError) -> Value {
    let grouped = try self.grouped(weights, like: v)
    return try ungrouped(try self("MatMul", grouped, v), like: weights)
  }

  /// Query heads that share a head of keys follow one another in time.
  private mutating func grouped(_ x: Value, like k: Value) throws(ModelError) -> Value {
    guard let heads = x.shape?[1].value, let shared = k.shape?[1].value, heads != shared else {
      return x
    }
    guard shared > 0, heads % shared == 0 else {
      throw ModelError(
        .shapeMismatch, "\(heads) query heads for \(shared) of keys and values",
        expected: "a multiple of them")
    }
    let time = (x.shape?[2].value).map { $0 * heads / shared } ?? -1
    return try self("Reshape", x, try integers([0, shared, time, 0]))
  }

  private mutating func ungrouped(_ x: Value, like q: Value) throws(ModelError) -> Value {
    guard let heads = q.shape?[1].value, let shared = x.shape?[1].value, heads != shared else {
      return x
    }
    return try self(
      "Reshape", x, try integers([0, heads, q.shape?[2].value ?? -1, 0]))
  }

  /// Softmax over the keys; with `sink` one more key that has no value takes part: its score is 0 or one per head.
  mutating func softmax(_ scores: Value, sink: Value? = nil) throws(ModelError) -> Value {
    guard let sink else { return try self("Softmax", scores, attributes: ["axis": .int(-1)]) }
    let column = try self(
      "Slice", scores, try integers([0]), try integers([1]), try integers([3]))
    let zeros = try self("Mul", column, try scalar(Float(0)))
    let clean = try self("Where", try self("IsNaN", zeros), try scalar(Float(0)), zeros)
    let logits = try self("Reshape", sink, try integers([1, -1, 1, 1]))
    let all = try self(
      "Softmax", try joined([scores, try self("Add", clean, logits)], axis: 3),
      attributes: ["axis": .int(-1)])
    return try self(
      "Slice", all, try integers([0]), try integers([-1]), try integers([3]))
  }
}
