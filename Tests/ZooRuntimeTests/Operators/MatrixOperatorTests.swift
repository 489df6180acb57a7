import CKernels
import ModelFormat
import Testing
import ZooRuntime

@Suite struct MatrixOperatorTests {
  struct Case: Sendable, CustomStringConvertible {
    let a: [Int]
    let b: [Int]
    let y: [Int]
    var description: String { "\(a) × \(b)" }
  }

  static let cases = [
    Case(a: [3, 4], b: [4, 5], y: [3, 5]),
    Case(a: [4], b: [4], y: []),
    Case(a: [4], b: [4, 5], y: [5]),
    Case(a: [2, 3, 4], b: [4], y: [2, 3]),
    Case(a: [2, 3, 4], b: [4, 5], y: [2, 3, 5]),
    Case(a: [2, 1, 3, 4], b: [3, 4, 5], y: [2, 3, 3, 5]),
    Case(a: [3, 4], b: [2, 4, 5], y: [2, 3, 5]),
    Case(a: [2, 1, 4], b: [1, 4, 33], y: [2, 1, 33]),
    Case(a: [0, 4], b: [4, 5], y: [0, 5]),
    Case(a: [3, 0], b: [0, 5], y: [3, 5]),
    Case(a: [40, 50], b: [50, 70], y: [40, 70]),
  ]

  /// What `numpy.matmul` gives, element by element.
  static func reference(_ a: Tensor, _ b: Tensor, _ y: [Int]) throws -> [Double] {
    let (x, w) = (try doubles(a), try doubles(b))
    let left = a.shape.count == 1 ? [1] + a.shape : a.shape
    let right = b.shape.count == 1 ? b.shape + [1] : b.shape
    let (m, k, n) = (left[left.count - 2], left[left.count - 1], right[right.count - 1])
    let rank = max(left.count, right.count) - 2
    func padded(_ s: [Int]) -> [Int] { Array(repeating: 1, count: rank + 2 - s.count) + s }
    let (p, q) = (padded(left), padded(right))
    let batch = (0..<rank).map { max(p[$0], q[$0]) }
    var result: [Double] = []
    for index in 0..<batch.reduce(1, *) {
      var (rest, i, j, di, dj) = (index, 0, 0, 1, 1)
      for axis in (0..<rank).reversed() {
        let position = rest % batch[axis]
        rest /= batch[axis]
        i += p[axis] == 1 ? 0 : position * di
        j += q[axis] == 1 ? 0 : position * dj
        di *= p[axis]
        dj *= q[axis]
      }
      for row in 0..<m {
        for column in 0..<n {
          result.append(
            (0..<k).reduce(0) { sum, t in
              sum + x[(i * m + row) * k + t] * w[(j * k + t) * n + column]
            })
        }
      }
    }
    return result
  }

  static func doubles(_ tensor: Tensor) throws -> [Double] {
    switch tensor.elementType {
    case .f64: try tensor.array(of: Double.self)
    case .f32: try tensor.array(of: Float.self).map(Double.init)
    case .f16: try tensor.array(of: Float16.self).map(Double.init)
    case .bf16: try tensor.array(of: BFloat16.self).map { Double($0.float) }
    case .i32: try tensor.array(of: Int32.self).map(Double.init)
    case .u32: try tensor.array(of: UInt32.self).map(Double.init)
    case .u64: try tensor.array(of: UInt64.self).map(Double.init)
    default: try tensor.array(of: Int64.self).map(Double.init)
    }
  }

  static func tensor(
    _ element: ElementType, _ shape: [Int], _ numbers: inout Numbers
  ) throws -> Tensor {
    let values = (0..<shape.reduce(1, *)).map { _ in Int64.random(in: 0...7, using: &numbers) }
    switch element {
    case .f64: return try Tensor(values.map { Double($0) - 3.5 }, shape: shape)
    case .f32: return try Tensor(values.map { Float($0) - 3.5 }, shape: shape)
    case .f16: return try Tensor(values.map { Float16($0) / 4 - 1 }, shape: shape)
    case .bf16: return try Tensor(values.map { BFloat16(Float($0) / 4 - 1) }, shape: shape)
    case .i32: return try Tensor(values.map { Int32($0) - 3 }, shape: shape)
    case .u32: return try Tensor(values.map { UInt32($0) }, shape: shape)
    case .u64: return try Tensor(values.map { UInt64($0) }, shape: shape)
    default: return try Tensor(values.map { $0 - 3 }, shape: shape)
    }
  }

  static func expect(_ got: Tensor, _ want: [Double], _ shape: [Int], _ what: String) throws {
    #expect(got.shape == shape, "\(what)")
    let tolerance = [.f16: 2e-3, .bf16: 1e-2][got.elementType] ?? 1e-5
    for (index, (x, y)) in zip(try doubles(got), want).enumerated()
    where !(abs(x - y) <= tolerance * (1 + abs(y))) {
      Issue.record("\(what) at \(index): got \(x), want \(y)")
      return
    }
  }

  @Test(
    arguments: cases, [.f32, .f64, .f16, .bf16, .i32, .u32, .i64, .u64] as [ElementType])
  func matMulFollowsNumpy(_ sample: Case, _ element: ElementType) throws {
    var numbers = Numbers(seed: 5)
    let a = try Self.tensor(element, sample.a, &numbers)
    let b = try Self.tensor(element, sample.b, &numbers)
    let want = try Self.reference(a, b, sample.y)
    for weights in [[], [1], [0]] as [Set<Int>] {
      let y = try NodeRunner.tensors("MatMul", [a, b], constants: weights)
      try Self.expect(y[0], want, sample.y, "\(sample) \(element) weights \(weights)")
    }
  }

  @Test(arguments: [[], [1], [5], [1, 5], [3, 1], [3, 5]] as [[Int]], [Float(1), 0.5])
  func gemmBroadcastsC(_ c: [Int], _ beta: Float) throws {
    var numbers = Numbers(seed: 6)
    for element in [ElementType.f32, .f64, .f16] {
      for (swapA, swapB) in [(false, false), (true, true)] {
        let a = try Self.tensor(element, [3, 4], &numbers)
        let b = try Self.tensor(element, [4, 5], &numbers)
        let addend = try Self.tensor(element, c, &numbers)
        let extra = try Self.doubles(addend)
        let (rows, columns) = (c.count == 2 ? c[0] : 1, c.last ?? 1)
        let want = try Self.reference(a, b, [3, 5]).enumerated().map { index, sum in
          let (i, j) = (index / 5, index % 5)
          let position = (rows == 1 ? 0 : i) * columns + (columns == 1 ? 0 : j)
          return 0.25 * sum + Double(beta) * extra[position]
        }
        let attributes = [
          Attribute("alpha", .float(0.25)), Attribute("beta", .float(beta)),
          Attribute("transA", .int(swapA ? 1 : 0)), Attribute("transB", .int(swapB ? 1 : 0)),
        ]
        let x = swapA ? try Self.transposed(a) : a
        let w = swapB ? try Self.transposed(b) : b
        for weights in [[], [1, 2]] as [Set<Int>] {
          let y = try NodeRunner.tensors("Gemm", [x, w, addend], attributes, constants: weights)
          try Self.expect(y[0], want, [3, 5], "C \(c) \(element) swapped \(swapA)")
        }
      }
    }
  }

  static func transposed(_ t: Tensor) throws -> Tensor {
    let (rows, columns) = (t.shape[0], t.shape[1])
    let size = t.elementType.bitWidth / 8
    return try Tensor(t.elementType, shape: [columns, rows]) { (to) throws(ModelError) in
      try t.withBytes { (from) throws(ModelError) in
        for i in 0..<rows {
          for j in 0..<columns {
            for byte in 0..<size {
              to[(j * rows + i) * size + byte] = from[(i * columns + j) * size + byte]
            }
          }
        }
      }
    }
  }

  @Test func aFusedProductDoesWhatItsPartsDo() throws {
    var numbers = Numbers(seed: 7)
    let a = try Self.tensor(.f32, [2, 3, 4], &numbers)
    let b = try Self.tensor(.f32, [4, 5], &numbers)
    let bias = try Self.tensor(.f32, [5], &numbers)
    let residual = try Self.tensor(.f32, [2, 3, 5], &numbers)
    let attributes = [
      Attribute("alpha", .float(0.5)), Attribute("activation", .string("relu")),
    ]
    let (x, r) = (try Self.doubles(bias), try Self.doubles(residual))
    let want = try Self.reference(a, b, [2, 3, 5]).enumerated().map { i, sum in
      max(0, 0.5 * sum + x[i % 5] + r[i])
    }
    for weights in [[], [1, 2]] as [Set<Int>] {
      let y = try NodeRunner.tensors(
        "FusedMatMul", domain: "zoo", opset: 1, [a, b, bias, residual], attributes,
        constants: weights)
      try Self.expect(y[0], want, [2, 3, 5], "fused")
    }
  }

  @Test func extentsThatDoNotFitAreRefused() throws {
    var numbers = Numbers(seed: 8)
    let a = try Self.tensor(.f32, [3, 4], &numbers)
    let b = try Self.tensor(.f32, [5, 6], &numbers)
    #expect(throws: ModelError.self) { try NodeRunner.tensors("MatMul", [a, b]) }
    #expect(throws: ModelError.self) { try NodeRunner.tensors("Gemm", [a, b]) }
  }
}
