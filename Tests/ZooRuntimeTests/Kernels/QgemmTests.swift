import CKernels
import Testing

@Suite struct QgemmTests {
  /// A byte as the number that it stands for.
  static func value(_ byte: UInt8, _ isSigned: Bool) -> Int32 {
    isSigned ? Int32(Int8(bitPattern: byte)) : Int32(byte)
  }

  struct Sample {
    let m: Int, n: Int, k: Int
    let aIsSigned: Bool, bIsSigned: Bool, transposed: Bool, perLine: Bool
    let a: [UInt8], b: [UInt8], aZero: [UInt8], bZero: [UInt8]
    let aScale: [Float], bScale: [Float]

    init(_ m: Int, _ n: Int, _ k: Int, _ numbers: inout Numbers) {
      (self.m, self.n, self.k) = (m, n, k)
      (aIsSigned, bIsSigned) = (numbers.flag(), numbers.flag())
      (transposed, perLine) = (numbers.flag(), numbers.flag())
      (a, b) = (numbers.bytes(m * k), numbers.bytes(k * n))
      (aZero, bZero) = (numbers.bytes(m), numbers.bytes(n))
      (aScale, bScale) = (numbers.floats(m).map(abs), numbers.floats(n).map(abs))
    }

    /// The exact sums, modulo 2³².
    var sums: [Int32] {
      var result: [Int32] = []
      for i in 0..<m {
        for j in 0..<n {
          let left = value(aZero[perLine ? i : 0], aIsSigned)
          let right = value(bZero[perLine ? j : 0], bIsSigned)
          var sum: Int32 = 0
          for p in 0..<k {
            let x = value(a[i * k + p], aIsSigned) - left
            let y = value(b[transposed ? j * k + p : p * n + j], bIsSigned) - right
            sum &+= x &* y
          }
          result.append(sum)
        }
      }
      return result
    }

    func run<T: BitwiseCopyable>(
      _ isa: zoo_isa, _ target: zoo_qtarget, filling zero: T, threads: Int32 = 0
    ) -> [T] {
      let packed = PackedBytes(zoo_qgemm_packed_bytes(isa, Int64(k), Int64(n)))
      zoo_qgemm_pack(
        isa, Int64(k), Int64(n), b, Int64(transposed ? k : n), transposed ? 1 : 0,
        bIsSigned ? 1 : 0, packed.pointer)
      var result = [T](repeating: zero, count: max(m * n, 1))
      var target = target
      let line: Int32 = perLine ? 1 : 0
      aZero.withUnsafeBytes { aZero in
        bZero.withUnsafeBytes { bZero in
          aScale.withUnsafeBufferPointer { aScale in
            bScale.withUnsafeBufferPointer { bScale in
              let left = zoo_qside(
                is_signed: aIsSigned ? 1 : 0, zero: aZero.baseAddress, zero_per_line: line,
                scale: aScale.baseAddress, scale_per_line: line)
              let right = zoo_qside(
                is_signed: bIsSigned ? 1 : 0, zero: bZero.baseAddress, zero_per_line: line,
                scale: bScale.baseAddress, scale_per_line: line)
              result.withUnsafeMutableBytes { result in
                zoo_qgemm_run(
                  isa, Int64(m), Int64(n), Int64(k), a, Int64(k), left, packed.pointer, right,
                  result.baseAddress, Int64(n), &target, threads)
              }
            }
          }
        }
      }
      return result
    }
  }

  static func samples(seed: Int) -> [Sample] {
    var numbers = Numbers(seed: seed)
    let extents = [
      (1, 1, 1), (1, 10, 128), (5, 31, 3), (12, 32, 4), (13, 33, 5), (7, 16, 0), (0, 4, 4),
      (25, 65, 63), (4, 17, 2), (130, 40, 70),
    ]
    return extents.flatMap { m, n, k in (0..<3).map { _ in Sample(m, n, k, &numbers) } }
  }

  @Test(arguments: availableISAs)
  func sumsAreExact(_ isa: zoo_isa) {
    for sample in Self.samples(seed: 1) {
      var target = zoo_qtarget()
      target.kind = ZOO_QOUT_S32
      let what = "m \(sample.m) n \(sample.n) k \(sample.k)"
      let got = sample.run(isa, target, filling: Int32(0))
      #expect(Array(got.prefix(sample.m * sample.n)) == sample.sums, "\(what)")
    }
  }

  @Test(arguments: availableISAs)
  func scaledResultsAreTheSameBitsEverywhere(_ isa: zoo_isa) {
    for (index, sample) in Self.samples(seed: 2).enumerated() {
      var target = zoo_qtarget()
      target.kind = ZOO_QOUT_F32
      target.epilogue.activation = allActivations[index % allActivations.count]
      let want = sample.run(ZOO_ISA_PORTABLE, target, filling: Float(0), threads: 1)
      let got = sample.run(isa, target, filling: Float(0))
      #expect(got.map(\.bitPattern) == want.map(\.bitPattern))
    }
  }

  @Test(arguments: availableISAs, [true, false])
  func roundingSaturatesAndTiesToEven(_ isa: zoo_isa, _ isSigned: Bool) {
    for sample in Self.samples(seed: 3) {
      var target = zoo_qtarget()
      target.kind = isSigned ? ZOO_QOUT_S8 : ZOO_QOUT_U8
      target.scale = 37.5
      target.zero = isSigned ? -3 : 100
      let got = sample.run(isa, target, filling: UInt8(0))
      let (low, high): (Float, Float) = isSigned ? (-128, 127) : (0, 255)
      for (index, sum) in sample.sums.enumerated() {
        let (i, j) = (index / sample.n, index % sample.n)
        let a = sample.aScale[sample.perLine ? i : 0]
        let scale = a * sample.bScale[sample.perLine ? j : 0] / target.scale
        let exact = (Float(sum) * scale).rounded(.toNearestOrEven) + Float(target.zero)
        let want = Int32(min(max(exact, low), high))
        #expect(Self.value(got[index], isSigned) == want)
      }
    }
  }

  @Test(arguments: availableISAs, [1, 3, 15, 16, 17, 100])
  func dynamicQuantizationFollowsItsFormula(_ isa: zoo_isa, _ columns: Int) {
    var numbers = Numbers(seed: columns)
    var x = numbers.floats(3 * columns)
    for i in 0..<columns { x[columns + i] = 0 }
    var (y, scales, zeros) = (
      [UInt8](repeating: 0, count: 3 * columns), [Float](repeating: 0, count: 3),
      [UInt8](repeating: 0, count: 3)
    )
    zoo_quantize_dynamic(isa, 3, Int64(columns), x, &y, &scales, &zeros, 0)
    for row in 0..<3 {
      let values = x[row * columns..<(row + 1) * columns]
      let (low, high) = (min(values.min() ?? 0, 0), max(values.max() ?? 0, 0))
      let scale = high > low ? (high - low) / 255 : 1
      let zero = (-low / scale).rounded(.toNearestOrEven)
      #expect(scales[row] == scale && Float(zeros[row]) == zero)
      for (index, value) in values.enumerated() {
        let want = min(max((value / scale).rounded(.toNearestOrEven) + zero, 0), 255)
        #expect(Float(y[row * columns + index]) == want)
      }
    }
  }
}
