/// The extents of a product of stacks of matrices, as `numpy.matmul` and ONNX `MatMul` see them: the last two axes
/// are matrices, the axes before them are broadcast; a vector on the left is a row, on the right a column, and that
/// axis is left out of the result.
struct MatrixExtents {
  let m: Int
  let n: Int
  let k: Int
  /// Which matrix of A, of B and of C each product takes.
  let products: [(a: Int, b: Int)]
  let aMatrices: Int
  let bMatrices: Int

  init(
    _ a: [Int], _ b: [Int], transposesA: Bool = false, transposesB: Bool = false
  ) {
    let left = a.count == 1 ? [1, a[0]] : a
    let right = b.count == 1 ? [b[0], 1] : b
    let (aRows, aColumns) = (left[left.count - 2], left[left.count - 1])
    let (bRows, bColumns) = (right[right.count - 2], right[right.count - 1])
    m = transposesA ? aColumns : aRows
    k = transposesA ? aRows : aColumns
    n = transposesB ? bRows : bColumns
    (products, aMatrices, bMatrices) = Self.pairs(
      Array(left.dropLast(2)), Array(right.dropLast(2)))
  }

  private static func pairs(
    _ a: [Int], _ b: [Int]
  ) -> (pairs: [(a: Int, b: Int)], aCount: Int, bCount: Int) {
    let rank = max(a.count, b.count)
    let left = Array(repeating: 1, count: rank - a.count) + a
    let right = Array(repeating: 1, count: rank - b.count) + b
    var pairs = [(a: 0, b: 0)]
    for axis in 0..<rank {
      let extent = left[axis] == 1 ? right[axis] : left[axis]
      pairs = pairs.flatMap { pair in
        (0..<extent).map { i in
          (
            pair.a * left[axis] + (left[axis] == 1 ? 0 : i),
            pair.b * right[axis] + (right[axis] == 1 ? 0 : i)
          )
        }
      }
    }
    return (pairs, a.reduce(1, *), b.reduce(1, *))
  }
}

extension MatrixExtents {
  /// The shape of a product, with symbols.
  ///
  /// - Throws: `.shapeMismatch` unless the operands fit.
  static func shape(
    _ a: Shape?, _ b: Shape?, transposesA: Bool = false, transposesB: Bool = false
  ) throws(ModelError) -> Shape? {
    guard let a, let b else { return nil }
    guard a.rank > 0, b.rank > 0 else {
      throw ModelError(
        .shapeMismatch, "\(a) × \(b)", expected: "operands of rank 1 or more",
        remedy: "multiply by a scalar with Mul")
    }
    let left = a.rank == 1 ? [.fixed(1), a[0]] : a.dimensions
    let right = b.rank == 1 ? [b[0], .fixed(1)] : b.dimensions
    let (rows, aDepth) = ends(left, swapped: transposesA && a.rank > 1)
    let (bDepth, columns) = ends(right, swapped: transposesB && b.rank > 1)
    guard aDepth.canBe(bDepth) else {
      throw ModelError(
        .shapeMismatch,
        "\(a) × \(b): the left operand has \(aDepth) elements along the common axis, the right "
          + "has \(bDepth)", expected: "equal numbers")
    }
    var result = try broadcast(left.dropLast(2), right.dropLast(2), a, b)
    if a.rank > 1 { result.append(rows) }
    if b.rank > 1 { result.append(columns) }
    return Shape(result)
  }

  private static func ends(_ axes: [Dimension], swapped: Bool) -> (Dimension, Dimension) {
    let (first, second) = (axes[axes.count - 2], axes[axes.count - 1])
    return swapped ? (second, first) : (first, second)
  }

  private static func broadcast(
    _ a: ArraySlice<Dimension>, _ b: ArraySlice<Dimension>, _ left: Shape, _ right: Shape
  ) throws(ModelError) -> [Dimension] {
    let rank = max(a.count, b.count)
    let x = Array(repeating: Dimension.fixed(1), count: rank - a.count) + a
    let y = Array(repeating: Dimension.fixed(1), count: rank - b.count) + b
    var result: [Dimension] = []
    for axis in 0..<rank {
      if x[axis] == .fixed(1) {
        result.append(y[axis])
      } else if y[axis] == .fixed(1) || x[axis].isCertainly(y[axis]) {
        result.append(x[axis])
      } else if x[axis].canBe(y[axis]) {
        // One of them is a symbol: the other's number, unless that is 1, is the extent.
        result.append(x[axis].value != nil ? x[axis] : y[axis].value != nil ? y[axis] : .unknown)
      } else {
        throw ModelError(
          .shapeMismatch, "\(left) × \(right): \(x[axis]) matrices meet \(y[axis])",
          expected: "equal numbers of matrices, or one")
      }
    }
    return result
  }
}
