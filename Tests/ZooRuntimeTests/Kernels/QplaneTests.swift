import CKernels
import Testing

/// What stands between 8-bit products, against the definitions.
@Suite struct QplaneTests {
  private static func real(_ byte: UInt8, _ form: zoo_qform) -> Float {
    Float(QgemmTests.value(byte, form.is_signed != 0) - form.zero) * form.scale
  }

  private static func code(_ real: Float, _ form: zoo_qform) -> UInt8 {
    let low: Float = form.is_signed != 0 ? -128 : 0
    let steps = (real / form.scale).rounded(.toNearestOrEven) + Float(form.zero)
    return UInt8(truncatingIfNeeded: Int(min(max(steps, low), low + 255)))
  }

  @Test(arguments: availableISAs, [0, 1, 7, 8, 16, 33, 1000])
  func codesAreJoinedAsTheirRealNumbers(_ isa: zoo_isa, _ count: Int) {
    var numbers = Numbers(seed: count)
    for kind in [ZOO_QJOIN_ADD, ZOO_QJOIN_SUBTRACT, ZOO_QJOIN_MULTIPLY] {
      var join = zoo_qjoin()
      join.kind = kind
      join.a = zoo_qform(is_signed: 0, scale: 0.05, zero: 120)
      join.b = zoo_qform(is_signed: 1, scale: 0.03, zero: -7)
      join.c = zoo_qform(is_signed: numbers.flag() ? 1 : 0, scale: 0.07, zero: 11)
      join.activation.kind = ZOO_ACTIVATION_RELU
      for (aRepeats, bRepeats) in [(0, 0), (0, 1), (1, 0)] {
        let (outer, repeats) = (2, 11)
        join.lines = zoo_qjoin_lines(
          outer: Int64(outer), repeats: Int64(repeats), inner: Int64(count),
          a_repeats: Int32(aRepeats), b_repeats: Int32(bRepeats))
        let total = outer * repeats * count
        let (a, b) = (numbers.bytes(total), numbers.bytes(total))
        var c = [UInt8](repeating: 0, count: max(total, 1))
        zoo_qjoin_run(isa, &join, a, b, &c, 0)
        for i in 0..<total {
          let once = i / (repeats * count) * count + i % count
          let x = Self.real(a[aRepeats == 1 ? once : i], join.a)
          let y = Self.real(b[bRepeats == 1 ? once : i], join.b)
          let sum = kind == ZOO_QJOIN_ADD ? x + y : kind == ZOO_QJOIN_SUBTRACT ? x - y : x * y
          #expect(c[i] == Self.code(max(sum, 0), join.c))
        }
      }
    }
  }

  /// Scales that take the quick way to its ends, and beyond them.
  @Test(arguments: availableISAs, [Float(1e-9), 1e-4, 1, 1e4, 1e9])
  func codesAreJoinedAlikeAtEveryScale(_ isa: zoo_isa, _ scale: Float) {
    var numbers = Numbers(seed: 3)
    for activation in allActivations {
      var join = zoo_qjoin()
      join.kind = ZOO_QJOIN_MULTIPLY
      join.a = zoo_qform(is_signed: 1, scale: 0.05, zero: 3)
      join.b = zoo_qform(is_signed: 0, scale: 0.03, zero: 100)
      join.c = zoo_qform(is_signed: 0, scale: scale, zero: 11)
      join.activation = activation
      join.lines = zoo_qjoin_lines(outer: 1, repeats: 1, inner: 333, a_repeats: 0, b_repeats: 0)
      let (a, b) = (numbers.bytes(333), numbers.bytes(333))
      var (got, want) = ([UInt8](repeating: 0, count: 333), [UInt8](repeating: 0, count: 333))
      zoo_qjoin_run(isa, &join, a, b, &got, 0)
      zoo_qjoin_run(ZOO_ISA_PORTABLE, &join, a, b, &want, 1)
      #expect(got == want)
    }
  }

  @Test(arguments: availableISAs, [1, 63, 64, 300])
  func tablesAreLookedUpByByte(_ isa: zoo_isa, _ count: Int) {
    var numbers = Numbers(seed: 1)
    let (table, x) = (numbers.bytes(256), numbers.bytes(count))
    var y = [UInt8](repeating: 0, count: count + 1)
    zoo_qtable_run(isa, table, Int64(count), x, &y, 2)
    #expect(y == x.map { table[Int($0)] } + [0])
  }

  /// Input elements of the window of output element (y, x), of all channels.
  private static func window(_ s: QconvTests.Sample, _ y: Int, _ x: Int) -> [Int] {
    var places: [Int] = []
    for ky in 0..<s.kernel {
      for kx in 0..<s.kernel {
        let (row, column) = (
          y * s.stride - s.pad + ky * s.dilation, x * s.stride - s.pad + kx * s.dilation
        )
        guard (0..<s.input.0).contains(row), (0..<s.input.1).contains(column) else { continue }
        places.append(row * s.input.1 + column)
      }
    }
    return places
  }

  private static let samples =
    QconvTests.samples.filter { $0.channels == $0.outputs } + [
      QconvTests.Sample(
        channels: 40, outputs: 40, groups: 1, input: (11, 9), kernel: 9, stride: 3, pad: 4,
        dilation: 1)
    ]

  @Test(arguments: availableISAs, samples)
  func poolsFollowTheirDefinitions(_ isa: zoo_isa, _ s: QconvTests.Sample) {
    for isSigned in [false, true] { Self.checkPools(isa, s, isSigned) }
  }

  private static func checkPools(_ isa: zoo_isa, _ s: QconvTests.Sample, _ isSigned: Bool) {
    var numbers = Numbers(seed: 5)
    let x = numbers.bytes(s.batch * s.input.0 * s.input.1 * s.channels)
    let from = zoo_qform(is_signed: isSigned ? 1 : 0, scale: 0.1, zero: isSigned ? -20 : 100)
    var to = zoo_qform(is_signed: 0, scale: 0.09, zero: 128)
    var shape = s.shape
    var (most, mean) = (
      [UInt8](repeating: 0, count: s.count), [UInt8](repeating: 0, count: s.count)
    )
    var real = [Float](repeating: 0, count: s.count)
    zoo_qpool_max(isa, &shape, from.is_signed, x, &most, 0)
    zoo_qpool_average(isa, &shape, from, &to, 0, x, &mean, 0)
    zoo_qpool_average(isa, &shape, from, nil, 1, x, &real, 0)
    var at = 0
    for n in 0..<s.batch {
      for y in 0..<s.output.0 {
        for column in 0..<s.output.1 {
          let places = window(s, y, column)
          for c in 0..<s.channels {
            let codes = places.map {
              QgemmTests.value(x[(n * s.input.0 * s.input.1 + $0) * s.channels + c], isSigned)
            }
            let sum = Float(codes.reduce(0) { $0 + $1 - from.zero })
            #expect(QgemmTests.value(most[at], isSigned) == codes.max())
            #expect(abs(real[at] - sum * 0.1 / Float(s.kernel * s.kernel)) < 1e-4)
            let scale = from.scale / Float(codes.count) / to.scale
            let want = (sum * scale).rounded(.toNearestOrEven) + 128
            #expect(mean[at] == UInt8(min(max(want, 0), 255)))
            at += 1
          }
        }
      }
    }
  }
}
