import CKernels
import Foundation
import Testing

private func floorMod(_ a: Double, _ b: Double) -> Double {
  let r = fmod(a, b)
  return r != 0 && (r < 0) != (b < 0) ? r + b : r
}

private let floatFormulas: [(zoo_binary, @Sendable (Double, Double) -> Double)] = [
  (zoo_binary_add, { $0 + $1 }), (zoo_binary_sub, { $0 - $1 }), (zoo_binary_mul, { $0 * $1 }),
  (zoo_binary_div, { $0 / $1 }),
  (zoo_binary_min, { $0.isNaN || $1.isNaN ? .nan : min($0, $1) }),
  (zoo_binary_max, { $0.isNaN || $1.isNaN ? .nan : max($0, $1) }),
  (zoo_binary_mod, floorMod), (zoo_binary_fmod, { fmod($0, $1) }),
  (zoo_binary_pow, { pow($0, $1) }),
  (zoo_binary_prelu, { $0 < 0 ? $0 * $1 : $0 }),
]

@Suite struct BinaryKernelTests {
  @Test(arguments: instructionSets, floatFormulas.indices)
  func f32AgreesWithF64(isa: InstructionSet, index: Int) throws {
    let (op, formula) = floatFormulas[index]
    let kernel = try #require(zoo_binary_kernel_for(isa.raw, op, zoo_f32))
    var noise = Noise(seed: 2)
    for n in [0, 1, 3, 4, 7, 8, 15, 16, 17, 50] {
      let a = noise.floats(n, in: -8...8) + [.nan, -0, .infinity]
      let b = noise.floats(n, in: -3...3) + [1, 2, .nan]
      for (strideA, strideB) in [(1, 1), (0, 1), (1, 0), (0, 0)] {
        var y = [Float](repeating: 7, count: n + 4)
        kernel(a, strideA, b, strideB, &y, n + 3)
        let want = (0..<n + 3).map { formula(Double(a[$0 * strideA]), Double(b[$0 * strideB])) }
        expectClose(Array(y[..<(n + 3)]), want, ulps: 0.5001, "strides \(strideA), \(strideB)")
        #expect(y[n + 3] == 7)
      }
    }
  }

  @Test(arguments: instructionSets)
  func resultMayReplaceAnOperand(isa: InstructionSet) throws {
    let kernel = try #require(zoo_binary_kernel_for(isa.raw, zoo_binary_sub, zoo_f32))
    var values = (0..<37).map(Float.init)
    let other = values.map { $0 * $0 }
    values.withUnsafeMutableBufferPointer {
      kernel($0.baseAddress!, 1, other, 1, $0.baseAddress!, 37)
    }
    let want: [Float] = other.map { $0.squareRoot() - $0 }
    #expect(values == want)
  }

  /// Outer extents and, for both operands, which axes (the innermost one last) it repeats.
  static let rows: [(outer: [Int], inner: Int, repeats: [Set<Int>])] = [
    ([5], 3, [[], [1]]), ([4, 7], 3, [[], [2]]), ([4, 7], 3, [[1], [2]]),
    ([7, 200], 1, [[0], [1]]),
    ([3, 2, 5], 4, [[1], [0, 2]]), ([600], 1, [[], [0, 1]]), ([9], 63, [[0], []]),
    ([9], 64, [[0], []]), ([2, 3], 130, [[1], [0, 2]]), ([0, 4], 3, [[], []]),
    ([2, 3], 0, [[], []]),
  ]

  @Test(arguments: instructionSets, rows.indices)
  func rowsMeetByBroadcasting(isa: InstructionSet, index: Int) throws {
    let (outer, inner, repeats) = Self.rows[index]
    let kernel = try #require(zoo_binary_kernel_for(isa.raw, zoo_binary_sub, zoo_f32))
    let extents = outer + [inner]
    var operands: [(values: [Float], strides: [Int])] = []
    for repeated in repeats {
      var (strides, stride) = ([Int](repeating: 0, count: extents.count), 1)
      for axis in extents.indices.reversed() where !repeated.contains(axis) {
        strides[axis] = stride
        stride *= extents[axis]
      }
      operands.append(((0..<max(stride, 1)).map { Float($0 * 7 % 31) }, strides))
    }
    let count = extents.reduce(1, *)
    let want = (0..<count).map { (place: Int) -> Float in
      let terms = operands.map { operand in
        var (rest, at) = (place, 0)
        for axis in extents.indices.reversed() {
          at += rest % extents[axis] * operand.strides[axis]
          rest /= extents[axis]
        }
        return operand.values[at]
      }
      return terms[0] - terms[1]
    }
    var y = [Float](repeating: .nan, count: count + 1)
    let total = outer.reduce(1, *)
    operands[0].values.withUnsafeBytes { a in
      operands[1].values.withUnsafeBytes { b in
        operands[0].strides.withUnsafeBufferPointer { first in
          operands[1].strides.withUnsafeBufferPointer { second in
            outer.withUnsafeBufferPointer { outer in
              y.withUnsafeMutableBytes { y in
                var rows = zoo_binary_rows(
                  operand: (a.baseAddress!, b.baseAddress!), result: y.baseAddress!, size: 4,
                  result_size: 4, axes: Int32(outer.count), extents: outer.baseAddress!,
                  strides: (first.baseAddress!, second.baseAddress!), inner: inner,
                  steps: (first.last!, second.last!))
                zoo_binary_rows_run(&rows, kernel, 0, total / 3)
                zoo_binary_rows_run(&rows, kernel, total / 3, total)
              }
            }
          }
        }
      }
    }
    #expect(Array(y.dropLast()) == want)
    #expect(y[count].isNaN)
  }

  func run<T: BinaryInteger & BitwiseCopyable>(
    _ op: zoo_binary, _ type: zoo_scalar, _ a: [T], _ b: [T]
  ) throws -> [T] {
    let kernel = try #require(zoo_binary_kernel_for(ZOO_ISA_PORTABLE, op, type))
    var y = [T](repeating: 0, count: a.count)
    kernel(a, 1, b, 1, &y, a.count)
    return y
  }

  @Test func integersWrapAndNeverTrap() throws {
    let a: [Int32] = [.max, .min, 7, -7, 7, -7, .min, 5]
    let b: [Int32] = [1, -1, 3, 3, -3, -3, -1, 0]
    #expect(try run(zoo_binary_add, zoo_i32, a, b) == zip(a, b).map { $0 &+ $1 })
    #expect(try run(zoo_binary_mul, zoo_i32, a, b) == zip(a, b).map { $0 &* $1 })
    #expect(try run(zoo_binary_div, zoo_i32, a, b) == [.max, .min, 2, -2, -2, 2, .min, 0])
    #expect(try run(zoo_binary_mod, zoo_i32, a, b) == [0, 0, 1, 2, -2, -1, 0, 0])
    #expect(try run(zoo_binary_fmod, zoo_i32, a, b) == [0, 0, 1, -1, 1, -1, 0, 0])
    #expect(try run(zoo_binary_div, zoo_i64, [Int64.min, 9], [-1, 0]) == [.min, 0])
    #expect(try run(zoo_binary_sub, zoo_u8, [UInt8(3)], [5]) == [254])
    #expect(
      try run(zoo_binary_pow, zoo_i64, [Int64(3), 2, -1, 5, 0], [4, -1, -3, 0, 0]) == [
        81, 0, -1, 1, 1,
      ])
    #expect(
      try run(zoo_binary_pow, zoo_u16, [UInt16(300)], [2]) == [UInt16(truncatingIfNeeded: 90000)])
    #expect(try run(zoo_binary_max, zoo_u64, [UInt64.max], [1]) == [.max])
  }

  @Test func comparisonsGiveBooleans() throws {
    let kernels: [(zoo_binary, [UInt8])] = [
      (zoo_binary_equal, [0, 1, 0, 0]), (zoo_binary_less, [1, 0, 0, 0]),
      (zoo_binary_less_or_equal, [1, 1, 0, 0]), (zoo_binary_greater, [0, 0, 1, 0]),
      (zoo_binary_greater_or_equal, [0, 1, 1, 0]),
    ]
    let a: [Float] = [1, 2, 3, .nan]
    for (op, want) in kernels {
      let kernel = try #require(zoo_binary_kernel_for(ZOO_ISA_PORTABLE, op, zoo_f32))
      var y: [UInt8] = [9, 9, 9, 9]
      kernel(a, 1, [Float(2)], 0, &y, 4)
      #expect(y == want)
    }
  }

  @Test(arguments: instructionSets, [0, 1, 15, 16, 17, 33])
  func fusedPairs(isa: InstructionSet, n: Int) {
    var noise = Noise(seed: 3)
    let x = noise.floats(n)
    let m = noise.floats(n)
    let s = noise.floats(n)
    var y = x
    zoo_add_relu_f32(isa.raw, x, s, &y, n)
    #expect(y == zip(x, s).map { max($0 + $1, 0) })
    zoo_mul_add_f32(isa.raw, x, m, s, &y, n)
    expectClose(
      y, (0..<n).map { Double(x[$0]) * Double(m[$0]) + Double(s[$0]) }, ulps: 1, absolute: 1e-7)
  }
}
