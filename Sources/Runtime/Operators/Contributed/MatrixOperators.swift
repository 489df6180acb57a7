import LibC
import ModelFormat

/// `Inverse`: the inverses of a stack of square matrices.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `X`  | `[…, n, n]` | `f32`, `f64`, `f16` |
/// | output | `Y`  | of `X` | type of `X` |
///
/// Computed in f64 by elimination with partial pivots; a singular matrix gives infinities or NaN. Source: ONNX Runtime's
/// contributed operator, version 1.
struct Inverse: TensorOperator {
  init(_ node: NodeReader) throws(ModelError) { try node.require(inputs: 1...1) }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: [.f32, .f64, .f16])
    if let shape = x.shape {
      guard shape.rank >= 2, shape[shape.rank - 1].canBe(shape[shape.rank - 2]) else {
        throw ModelError(.shapeMismatch, "a tensor \(shape)", expected: "square matrices")
      }
    }
    return [.tensor(x)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let x = try io.input(0)
    let n = x.shape.last ?? 1
    let codec = try ElementCodec(x.element)
    let matrices = n == 0 ? 0 : x.count / (n * n)
    return Kernel("inverse_f64") { context in
      nonisolated(unsafe) let (from, to) = (context.inputBytes(0), context.outputBytes(0))
      context.parallel(matrices, grain: max(1, 4096 / max(1, n * n * n))) { range in
        for index in range {
          var a = [Double](repeating: 0, count: n * n)
          codec.decode(from, index * n * n, n * n, &a)
          let inverse = Self.inverse(&a, n)
          codec.encode(inverse, to, index * n * n, n * n, saturates: false)
        }
      }
    }
  }

  private static func inverse(_ a: inout [Double], _ n: Int) -> [Double] {
    var b = [Double](repeating: 0, count: n * n)
    for i in 0..<n { b[i * n + i] = 1 }
    for column in 0..<n {
      var pivot = column
      for row in column..<n where abs(a[row * n + column]) > abs(a[pivot * n + column]) {
        pivot = row
      }
      if pivot != column {
        for j in 0..<n {
          a.swapAt(column * n + j, pivot * n + j)
          b.swapAt(column * n + j, pivot * n + j)
        }
      }
      let scale = 1 / a[column * n + column]
      for j in 0..<n {
        a[column * n + j] *= scale
        b[column * n + j] *= scale
      }
      for row in 0..<n where row != column {
        let factor = a[row * n + column]
        if factor == 0 { continue }
        for j in 0..<n {
          a[row * n + j] -= factor * a[column * n + j]
          b[row * n + j] -= factor * b[column * n + j]
        }
      }
    }
    return b
  }
}

/// `CDist`: the distance of each row of one matrix from each row of another.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `A`, `B` | `[m, n]`, `[k, n]` | `f32`, `f64` |
/// | output | `C`  | `[m, k]` | type of `A` |
/// | attr   | `metric` | | `sqeuclidean` (default), `euclidean` |
///
/// Computed in f64. Source: ONNX Runtime's contributed operator, version 1; `scipy.spatial.distance.cdist`.
struct CDist: TensorOperator {
  let takesRoot: Bool

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...2)
    takesRoot =
      try node.choice("metric", of: ["sqeuclidean", "euclidean"], default: "sqeuclidean")
      == "euclidean"
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let a = try inputs.tensor(0, of: [.f32, .f64])
    let b = try inputs.tensor(1, of: [a.element])
    guard let left = a.shape, let right = b.shape else { return [.tensor(a.element, nil)] }
    guard left.rank == 2, right.rank == 2, left[1].canBe(right[1]) else {
      throw ModelError(
        .shapeMismatch, "\(left) and \(right)", expected: "matrices with equally long rows")
    }
    return [.tensor(a.element, [left[0], right[0]])]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let (a, b) = (try io.input(0), try io.input(1))
    let (rows, others, n) = (a.shape[0], b.shape[0], a.shape[1])
    let root = takesRoot
    func kernel<T: TensorElement & BinaryFloatingPoint & Sendable>(_: T.Type) -> Kernel {
      Kernel("cdist") { context in
        nonisolated(unsafe) let (a, b) = (
          context.input(0, as: T.self), context.input(1, as: T.self)
        )
        nonisolated(unsafe) let c = context.output(0, as: T.self)
        context.parallel(rows * others, grain: max(1, 8192 / max(1, n))) { range in
          for index in range {
            let (x, y) = (a + index / others * n, b + index % others * n)
            var sum = 0.0
            for i in 0..<n {
              let difference = Double(x[i]) - Double(y[i])
              sum += difference * difference
            }
            c[index] = T(root ? sum.squareRoot() : sum)
          }
        }
      }
    }
    return a.element == .f64 ? kernel(Double.self) : kernel(Float.self)
  }
}
