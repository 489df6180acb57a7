/// How elements of operands of different shapes meet, after NumPy's rule: shapes are aligned at their last axes, and
/// extents of 1 are repeated. Neighbouring axes are merged where all operands allow it.
struct Broadcast: Sendable {
  /// Extents of the merged axes but the innermost, outermost first.
  let outer: [Int]
  /// The extent of the innermost merged axis.
  let inner: Int
  /// For each operand, elements from one index of each outer axis to the next.
  let outerStrides: [[Int]]
  /// For each operand, 1 or 0 (repeated) along the innermost axis.
  let innerStrides: [Int]

  /// The number of rows: all elements are `rowCount · inner`.
  var rowCount: Int { outer.reduce(1, *) }

  /// - Parameters:
  ///   - shapes: Shapes that can be broadcast to `result`.
  init(_ shapes: [[Int]], to result: [Int]) {
    var strides = shapes.map { Self.strides($0, rank: result.count) }
    var extents: [Int] = []
    var merged: [[Int]] = shapes.map { _ in [] }
    for axis in result.indices where result[axis] != 1 {
      let mergeable =
        !extents.isEmpty
        && shapes.indices.allSatisfy { merged[$0].last == strides[$0][axis] * result[axis] }
      if mergeable {
        extents[extents.count - 1] *= result[axis]
        for operand in shapes.indices {
          merged[operand][extents.count - 1] = strides[operand][axis]
        }
      } else {
        extents.append(result[axis])
        for operand in shapes.indices { merged[operand].append(strides[operand][axis]) }
      }
    }
    strides = merged
    inner = extents.popLast() ?? 1
    outer = extents
    innerStrides = strides.map { $0.last ?? 0 }
    outerStrides = strides.map { Array($0.dropLast()) }
  }

  private static func strides(_ shape: [Int], rank: Int) -> [Int] {
    var strides = [Int](repeating: 0, count: rank)
    var stride = 1
    for (offset, extent) in shape.reversed().enumerated() {
      if extent != 1 { strides[rank - 1 - offset] = stride }
      stride *= extent
    }
    return strides
  }

  /// Calls `body` with the offsets of each operand's first element in row after row.
  func forEachRow(_ rows: Range<Int>, _ body: (_ row: Int, _ offsets: [Int]) -> Void) {
    guard !rows.isEmpty else { return }
    var index = [Int](repeating: 0, count: outer.count)
    var rest = rows.lowerBound
    for axis in outer.indices.reversed() {
      index[axis] = rest % outer[axis]
      rest /= outer[axis]
    }
    var offsets = outerStrides.map { strides in zip(strides, index).reduce(0) { $0 + $1.0 * $1.1 } }
    for row in rows {
      body(row, offsets)
      for axis in outer.indices.reversed() {
        index[axis] += 1
        for operand in offsets.indices { offsets[operand] += outerStrides[operand][axis] }
        if index[axis] < outer[axis] { break }
        index[axis] = 0
        for operand in offsets.indices {
          offsets[operand] -= outerStrides[operand][axis] * outer[axis]
        }
      }
    }
  }

  /// Calls `body` for pieces of rows that together are everything, on the threads of the run. A single long row is
  /// cut; a short one is not.
  func forEachPiece(
    _ context: borrowing KernelContext,
    _ body: (_ at: Int, _ offsets: [Int], _ count: Int) -> Void
  ) {
    if rowCount == 1 {
      context.parallel(inner, grain: Self.grain) { range in
        body(range.lowerBound, innerStrides.map { $0 * range.lowerBound }, range.count)
      }
    } else {
      context.parallel(rowCount, grain: max(1, Self.grain / max(inner, 1))) { rows in
        forEachRow(rows) { row, offsets in body(row * inner, offsets, inner) }
      }
    }
  }

  /// The least number of elements worth a thread.
  static let grain = 32_768
}

extension Shape {
  /// The shape of operands of these shapes together; `nil` if a rank is unknown.
  ///
  /// - Throws: `.shapeMismatch` where two extents differ and neither is 1.
  static func broadcast(_ shapes: [Shape?]) throws(ModelError) -> Shape? {
    var result = Shape([Dimension]())
    for shape in shapes {
      guard let shape else { return nil }
      result = try result.broadcast(with: shape)
    }
    return result
  }

  /// The shape of operands of this shape and another together.
  ///
  /// - Throws: `.shapeMismatch` where two extents differ and neither is 1.
  func broadcast(with other: Shape) throws(ModelError) -> Shape {
    let rank = max(rank, other.rank)
    var dimensions: [Dimension] = []
    for axis in 0..<rank {
      let a = axis < rank - self.rank ? .fixed(1) : self[axis - (rank - self.rank)]
      let b = axis < rank - other.rank ? .fixed(1) : other[axis - (rank - other.rank)]
      guard let together = Self.meet(a, b) else {
        throw ModelError(
          .shapeMismatch, "shapes \(self) and \(other) together",
          expected: "extents that are equal or 1, aligned at the last axis")
      }
      dimensions.append(together)
    }
    return Shape(dimensions)
  }

  private static func meet(_ a: Dimension, _ b: Dimension) -> Dimension? {
    if a == b || b == .fixed(1) { return a }
    if a == .fixed(1) { return b }
    switch (a, b) {
    case (.fixed, .fixed): return nil
    // What is neither 1 nor the other's extent would be refused when it is known.
    case (.fixed, _): return a
    case (_, .fixed): return b
    default: return .unknown
    }
  }
}
