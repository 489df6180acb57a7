import CKernels
import Testing

/// 8-bit convolution with channels last, against loops over the definition.
@Suite struct QconvTests {
  struct Sample: Sendable, CustomTestStringConvertible {
    let channels: Int, outputs: Int, groups: Int
    let input: (Int, Int), kernel: Int, stride: Int, pad: Int, dilation: Int
    var batch = 2

    var output: (Int, Int) {
      func extent(_ input: Int) -> Int {
        (input + 2 * pad - (kernel - 1) * dilation - 1) / stride + 1
      }
      return (extent(input.0), extent(input.1))
    }
    var shape: zoo_conv_shape {
      zoo_conv_shape(
        batch: Int64(batch), groups: Int64(groups), in_channels: Int64(channels),
        out_channels: Int64(outputs), input: (1, Int64(input.0), Int64(input.1)),
        kernel: (1, Int64(kernel), Int64(kernel)), output: (1, Int64(output.0), Int64(output.1)),
        stride: (1, Int64(stride), Int64(stride)), dilation: (1, Int64(dilation), Int64(dilation)),
        pad: (0, Int64(pad), Int64(pad)))
    }
    var count: Int { batch * output.0 * output.1 * outputs }
    var testDescription: String {
      "\(channels)→\(outputs)/\(groups) \(input) k\(kernel) s\(stride) p\(pad) d\(dilation)"
    }
  }

  static let samples = [
    Sample(
      channels: 3, outputs: 8, groups: 1, input: (9, 11), kernel: 3, stride: 1, pad: 1, dilation: 1),
    Sample(
      channels: 4, outputs: 33, groups: 1, input: (7, 6), kernel: 3, stride: 2, pad: 1, dilation: 1),
    Sample(
      channels: 16, outputs: 64, groups: 1, input: (5, 5), kernel: 1, stride: 1, pad: 0, dilation: 1
    ),
    Sample(
      channels: 8, outputs: 8, groups: 8, input: (9, 9), kernel: 3, stride: 1, pad: 1, dilation: 1),
    Sample(
      channels: 70, outputs: 70, groups: 70, input: (6, 6), kernel: 5, stride: 2, pad: 2,
      dilation: 1),
    Sample(
      channels: 16, outputs: 16, groups: 16, input: (3, 17), kernel: 5, stride: 1, pad: 2,
      dilation: 1),
    Sample(
      channels: 90, outputs: 90, groups: 90, input: (5, 9), kernel: 3, stride: 2, pad: 1,
      dilation: 1),
    Sample(
      channels: 150, outputs: 150, groups: 150, input: (4, 5), kernel: 3, stride: 1, pad: 2,
      dilation: 2),
    Sample(
      channels: 33, outputs: 33, groups: 33, input: (4, 130), kernel: 3, stride: 1, pad: 1,
      dilation: 1),
    Sample(
      channels: 40, outputs: 40, groups: 40, input: (9, 135), kernel: 5, stride: 2, pad: 2,
      dilation: 1),
    Sample(
      channels: 18, outputs: 18, groups: 18, input: (14, 23), kernel: 7, stride: 3, pad: 3,
      dilation: 1),
    Sample(
      channels: 34, outputs: 34, groups: 34, input: (11, 40), kernel: 5, stride: 2, pad: 5,
      dilation: 2),
    Sample(
      channels: 20, outputs: 20, groups: 20, input: (3, 9), kernel: 1, stride: 1, pad: 0,
      dilation: 1 << 40),
    Sample(
      channels: 20, outputs: 20, groups: 20, input: (2, 19), kernel: 5, stride: 1, pad: 4,
      dilation: 1),
    Sample(
      channels: 12, outputs: 24, groups: 3, input: (6, 5), kernel: 3, stride: 1, pad: 1, dilation: 1
    ),
    Sample(
      channels: 6, outputs: 9, groups: 3, input: (6, 5), kernel: 3, stride: 1, pad: 2, dilation: 2),
    Sample(
      channels: 64, outputs: 32, groups: 1, input: (4, 4), kernel: 3, stride: 1, pad: 1, dilation: 2
    ),
    Sample(
      channels: 5, outputs: 7, groups: 1, input: (8, 8), kernel: 7, stride: 2, pad: 3, dilation: 1),
    Sample(
      channels: 1, outputs: 1, groups: 1, input: (1, 1), kernel: 1, stride: 1, pad: 0, dilation: 1),
    Sample(
      channels: 4, outputs: 8, groups: 4, input: (5, 5), kernel: 3, stride: 1, pad: 1, dilation: 1),
  ]

  /// Numbers for a sample; both sides signed or not, with one zero point per channel or one for all.
  struct Data {
    let sample: Sample
    let xIsSigned: Bool, wIsSigned: Bool, perChannel: Bool
    let x: [UInt8], w: [UInt8], xZero: UInt8, wZero: [UInt8]
    let wScale: [Float], bias: [Int32], residual: [UInt8]

    init(_ sample: Sample, _ kind: Int, _ numbers: inout Numbers) {
      self.sample = sample
      (xIsSigned, wIsSigned) = (kind & 1 != 0, kind & 2 != 0)
      perChannel = kind & 4 != 0
      x = numbers.bytes(sample.batch * sample.channels * sample.input.0 * sample.input.1)
      w = numbers.bytes(
        sample.outputs * sample.channels / sample.groups * sample.kernel * sample.kernel)
      xZero = numbers.bytes(1)[0]
      let neutral: UInt8 = wIsSigned ? 0 : 128
      wZero =
        kind & 8 != 0
        ? numbers.bytes(sample.outputs) : Array(repeating: neutral, count: sample.outputs)
      wScale = numbers.floats(sample.outputs).map { abs($0) / 64 + 0.001 }
      bias = (0..<sample.outputs).map { _ in Int32.random(in: -999...999, using: &numbers) }
      residual = numbers.bytes(sample.count)
    }

    func channel(_ values: [Float], _ m: Int) -> Float { values[perChannel ? m : 0] }

    /// Sums and biases in the order of the output.
    var sums: [Int32] {
      let s = sample
      let perGroup = s.channels / s.groups
      var result: [Int32] = []
      let xz = QgemmTests.value(xZero, xIsSigned)
      for n in 0..<s.batch {
        for oy in 0..<s.output.0 {
          for ox in 0..<s.output.1 {
            for m in 0..<s.outputs {
              let first = m / (s.outputs / s.groups) * perGroup
              let wz = QgemmTests.value(wZero[perChannel ? m : 0], wIsSigned)
              var sum = bias[m]
              for ky in 0..<s.kernel {
                for kx in 0..<s.kernel {
                  let y = oy * s.stride - s.pad + ky * s.dilation
                  let x = ox * s.stride - s.pad + kx * s.dilation
                  guard (0..<s.input.0).contains(y), (0..<s.input.1).contains(x) else { continue }
                  for c in 0..<perGroup {
                    let at = ((n * s.input.0 + y) * s.input.1 + x) * s.channels + first + c
                    let tap = ((m * perGroup + c) * s.kernel + ky) * s.kernel + kx
                    sum +=
                      (QgemmTests.value(self.x[at], xIsSigned) - xz)
                      * (QgemmTests.value(w[tap], wIsSigned) - wz)
                  }
                }
              }
              result.append(sum)
            }
          }
        }
      }
      return result
    }

    static let xScale: Float = 0.02

    func run<T: BitwiseCopyable>(
      _ isa: zoo_isa, _ target: zoo_qtarget, filling zero: T, threads: Int32 = 0,
      addsResidual: Bool = false
    ) -> [T] {
      var (shape, target) = (sample.shape, target)
      let packed = PackedBytes(zoo_qconv_packed_bytes(isa, &shape))
      zoo_qconv_pack(isa, &shape, w, wIsSigned ? 1 : 0, packed.pointer)
      let scratch = PackedBytes(zoo_qconv_scratch_bytes(&shape, xIsSigned ? 1 : 0))
      var result = [T](repeating: zero, count: sample.count)
      let line: Int32 = perChannel ? 1 : 0
      withUnsafePointer(to: xZero) { xZero in
        withUnsafePointer(to: Self.xScale) { xScale in
          wZero.withUnsafeBytes { wZero in
            wScale.withUnsafeBufferPointer { wScale in
              bias.withUnsafeBufferPointer { bias in
                residual.withUnsafeBytes { residual in
                  result.withUnsafeMutableBytes { result in
                    let left = zoo_qside(
                      is_signed: xIsSigned ? 1 : 0, zero: xZero, zero_per_line: 0, scale: xScale,
                      scale_per_line: 0)
                    let right = zoo_qside(
                      is_signed: wIsSigned ? 1 : 0, zero: wZero.baseAddress, zero_per_line: line,
                      scale: wScale.baseAddress, scale_per_line: line)
                    target.bias = bias.baseAddress
                    if addsResidual { target.residual = residual.baseAddress }
                    zoo_qconv_run(
                      isa, &shape, x, left, packed.pointer, right, result.baseAddress, &target,
                      scratch.pointer, threads)
                  }
                }
              }
            }
          }
        }
      }
      return result
    }
  }

  @Test(arguments: availableISAs, samples)
  func sumsAreExact(_ isa: zoo_isa, _ sample: Sample) {
    var numbers = Numbers(seed: 1)
    for kind in 0..<16 {
      let data = Data(sample, kind, &numbers)
      var target = zoo_qtarget()
      target.kind = ZOO_QOUT_S32
      #expect(data.run(isa, target, filling: Int32(0)) == data.sums, "kind \(kind)")
    }
  }

  @Test(arguments: availableISAs, samples)
  func codesAreRoundedToEvenWithinBounds(_ isa: zoo_isa, _ sample: Sample) {
    var numbers = Numbers(seed: 2)
    for kind in 0..<16 {
      let data = Data(sample, kind, &numbers)
      var target = zoo_qtarget()
      (target.kind, target.scale, target.zero) = (ZOO_QOUT_U8, 3.3, 100)
      (target.low, target.high) = (40, 230)
      let got = data.run(isa, target, filling: UInt8(0))
      let want = data.sums.enumerated().map { index, sum in
        let m = index % sample.outputs
        let scale = Data.xScale * data.channel(data.wScale, m) / target.scale
        let code = (Float(sum) * scale).rounded(.toNearestOrEven) + 100
        return UInt8(min(max(code, 40), 230))
      }
      #expect(got == want, "kind \(kind)")
    }
  }

  /// Rounds twice and adds a residual between, as the nodes do that it stands for.
  @Test(arguments: availableISAs, samples)
  func residualsAreAddedToWhatWasRounded(_ isa: zoo_isa, _ sample: Sample) {
    var numbers = Numbers(seed: 3)
    for kind in 0..<16 {
      let data = Data(sample, kind, &numbers)
      var target = zoo_qtarget()
      (target.kind, target.scale, target.zero) = (ZOO_QOUT_S8, 2.1, -3)
      target.through_real = 1
      target.inner = zoo_qcodes(scale: 1.7, zero: 90, low: 0, high: 255)
      (target.residual_scale, target.residual_zero) = (0.7, 5)
      target.epilogue.activation.kind = ZOO_ACTIVATION_RELU
      let got = data.run(isa, target, filling: Int8(0), addsResidual: true)
      let want = data.sums.enumerated().map { index, sum in
        let scale = Data.xScale * data.channel(data.wScale, index % sample.outputs) / 1.7
        let inner = min(max((Float(sum) * scale).rounded(.toNearestOrEven), -90), 165) * 1.7
        let real = max(inner + (Float(data.residual[index]) - 5) * 0.7, 0)
        return Int8(min(max((real / 2.1).rounded(.toNearestOrEven) - 3, -128), 127))
      }
      #expect(got == want, "kind \(kind)")
      let alone = data.run(isa, target, filling: Int8(0), threads: 1, addsResidual: true)
      #expect(got == alone, "kind \(kind)")
    }
  }

  /// Sums and residuals in units of the result, rounded once or twice.
  @Test(arguments: availableISAs, samples)
  func codesAreAddedInUnitsOfTheResult(_ isa: zoo_isa, _ sample: Sample) {
    var numbers = Numbers(seed: 5)
    for kind in 0..<32 {
      let data = Data(sample, kind % 16, &numbers)
      let hasInner = kind >= 16
      var target = zoo_qtarget()
      (target.kind, target.scale, target.zero) = (ZOO_QOUT_U8, 2.1, 120)
      (target.low, target.high) = (100, 250)
      target.through_real = 1
      if hasInner { target.inner = zoo_qcodes(scale: 1.7, zero: 90, low: 0, high: 255) }
      (target.residual_scale, target.residual_zero) = (0.7, 5)
      let got = data.run(isa, target, filling: UInt8(0), addsResidual: true)
      let want = data.sums.enumerated().map { index, sum in
        let unit: Float = hasInner ? 1.7 : 2.1
        let channel = data.channel(data.wScale, index % sample.outputs)
        var x = Float(sum) * (Data.xScale * channel / unit)
        if hasInner { x = min(max(x.rounded(.toNearestOrEven), -90), 165) * (1.7 / 2.1) }
        x += (Float(data.residual[index]) - 5) * (Float(0.7) / 2.1)
        return UInt8(min(max(x.rounded(.toNearestOrEven) + 120, 100), 250))
      }
      #expect(got == want, "kind \(kind)")
    }
  }

  @Test(arguments: availableISAs, samples)
  func activatedCodesAreTheSameEverywhere(_ isa: zoo_isa, _ sample: Sample) {
    var numbers = Numbers(seed: 6)
    for (index, activation) in allActivations.enumerated() {
      let data = Data(sample, index % 16, &numbers)
      for scale: Float in [1e-15, 0.3, 1e15] {
        var target = zoo_qtarget()
        (target.kind, target.scale, target.zero) = (ZOO_QOUT_S8, scale, -20)
        target.through_real = 1
        target.epilogue.activation = activation
        let want = data.run(ZOO_ISA_PORTABLE, target, filling: Int8(0), threads: 1)
        #expect(data.run(isa, target, filling: Int8(0)) == want)
      }
    }
  }

  @Test(arguments: availableISAs, samples)
  func realResultsAreTheSameBitsEverywhere(_ isa: zoo_isa, _ sample: Sample) {
    var numbers = Numbers(seed: 4)
    for (index, activation) in allActivations.enumerated() {
      let data = Data(sample, index % 16, &numbers)
      var target = zoo_qtarget()
      target.kind = ZOO_QOUT_F32
      target.epilogue.activation = activation
      let want = data.run(ZOO_ISA_PORTABLE, target, filling: Float(0), threads: 1)
      let got = data.run(isa, target, filling: Float(0))
      #expect(got.map(\.bitPattern) == want.map(\.bitPattern))
    }
  }
}
