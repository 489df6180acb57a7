import CKernels
import Testing

/// 8-bit images in channel blocks, as f32, against the kernels for bytes: the same bits.
@Suite struct CodeBlocksTests {
  typealias Data = QconvTests.Data

  private static let samples = QconvTests.samples.filter { sample in
    withUnsafePointer(to: sample.shape) { form($0) != ZOO_BLOCKED_NONE }
  }

  private static func form(_ shape: UnsafePointer<zoo_conv_shape>) -> zoo_blocked_form {
    [ZOO_BLOCKED_DEPTHWISE, ZOO_BLOCKED_DIRECT].first { zoo_blocked_conv_takes(shape, $0) != 0 }
      ?? ZOO_BLOCKED_NONE
  }

  /// Floats of images in blocks.
  private static func floats(_ channels: Int, _ pixels: Int) -> Int {
    (channels + 15) / 16 * 16 * pixels
  }

  private static func layout(
    _ images: Int, _ channels: Int, _ pixels: Int, isSigned: Bool, zero: Int32, last: Bool = true
  ) -> zoo_code_layout {
    zoo_code_layout(
      images: Int64(images), channels: Int64(channels), pixels: Int64(pixels),
      channels_last: last ? 1 : 0, is_signed: isSigned ? 1 : 0, zero: zero)
  }

  /// What `Data.run` gives, by way of blocks: codes, or the bits of real numbers.
  private static func run(
    _ isa: zoo_isa, _ data: Data, _ given: zoo_qtarget, addsResidual: Bool
  ) -> (codes: [UInt8], reals: [UInt32]) {
    let s = data.sample
    let (inPixels, outPixels) = (s.input.0 * s.input.1, s.output.0 * s.output.1)
    var (shape, target) = (s.shape, given)
    let form = form(&shape)
    // Lanes beyond the last channel may hold anything.
    var x = [Float](repeating: .nan, count: s.batch * floats(s.channels, inPixels))
    var codes = layout(
      s.batch, s.channels, inPixels, isSigned: data.xIsSigned,
      zero: QgemmTests.value(data.xZero, data.xIsSigned))
    zoo_code_blocks_from_bytes(isa, &codes, data.x, &x, 0)
    var residual = [Float](repeating: .nan, count: s.batch * floats(s.outputs, outPixels))
    codes = layout(
      s.batch, s.outputs, outPixels, isSigned: false, zero: given.residual_zero)
    zoo_code_blocks_from_bytes(isa, &codes, data.residual, &residual, 0)
    let line = data.w.count / s.outputs
    let weights = data.w.indices.map { index in
      let zero = data.wZero[data.perChannel ? index / line : 0]
      return Float(
        QgemmTests.value(data.w[index], data.wIsSigned) - QgemmTests.value(zero, data.wIsSigned))
    }
    let packed = PackedBytes(zoo_blocked_conv_packed_bytes(isa, &shape, form))
    zoo_blocked_conv_pack(
      isa, &shape, form, weights, nil, data.bias.map(Float.init), packed.pointer)
    var y = [Float](repeating: .nan, count: residual.count)
    let lanes = floats(s.outputs, 1)
    var (scales, biases) = (
      [Float](repeating: 0, count: lanes), [Float](repeating: 0, count: lanes)
    )
    withUnsafePointer(to: Data.xScale) { xScale in
      data.wScale.withUnsafeBufferPointer { wScale in
        var (left, right) = (zoo_qside(), zoo_qside())
        left.scale = xScale
        (right.scale, right.scale_per_line) = (wScale.baseAddress, data.perChannel ? 1 : 0)
        residual.withUnsafeBufferPointer { residual in
          if addsResidual { target.residual = UnsafeRawPointer(residual.baseAddress) }
          let isModerate = zoo_code_scales_set(
            &target, &left, &right, Int64(s.outputs), &scales, &biases)
          scales.withUnsafeBufferPointer { scales in
            var sums = zoo_code_sums_of(&target, scales.baseAddress, nil, isModerate)
            withUnsafePointer(to: &sums) { sums in
              var epilogue = zoo_blocked_epilogue()
              epilogue.codes = sums
              if addsResidual { epilogue.residual = residual.baseAddress }
              zoo_blocked_conv_run(isa, &shape, form, x, packed.pointer, &y, &epilogue, 0)
            }
          }
        }
      }
    }
    var bytes = [UInt8](repeating: 0, count: s.count)
    codes = layout(
      s.batch, s.outputs, outPixels, isSigned: target.kind == ZOO_QOUT_S8, zero: target.zero)
    zoo_code_blocks_to_bytes(isa, &codes, y, &bytes, 0)
    let reals = bytes.indices.map { index in
      let (place, channel) = (index / s.outputs, index % s.outputs)
      let (image, pixel) = (place / outPixels, place % outPixels)
      let block = image * (lanes / 16) + channel / 16
      return y[(block * outPixels + pixel) * 16 + channel % 16].bitPattern
    }
    return (bytes, reals)
  }

  /// All that may follow sums.
  private static var targets: [(target: zoo_qtarget, addsResidual: Bool)] {
    var all: [(zoo_qtarget, Bool)] = []
    for kind in [ZOO_QOUT_U8, ZOO_QOUT_S8, ZOO_QOUT_F32] {
      for activation in [zoo_activation()] + allActivations {
        for extra in 0..<4 {
          var target = zoo_qtarget()
          (target.kind, target.scale) = (kind, kind == ZOO_QOUT_F32 ? 0 : 2.1)
          target.zero = kind == ZOO_QOUT_U8 ? 100 : kind == ZOO_QOUT_S8 ? -3 : 0
          target.epilogue.activation = activation
          target.through_real = extra > 0 || activation.kind != ZOO_ACTIVATION_NONE ? 1 : 0
          if extra == 1 { (target.is_stretched, target.factor, target.addend) = (1, -0.7, 3) }
          if extra == 3 { target.inner = zoo_qcodes(scale: 1.7, zero: 90, low: 0, high: 255) }
          if extra == 2 && kind != ZOO_QOUT_F32 { (target.low, target.high) = (-40, 110) }
          if kind == ZOO_QOUT_U8 { target.low = max(target.low, 0) }
          (target.residual_scale, target.residual_zero) = (0.7, 5)
          all.append((target, extra > 1 && kind != ZOO_QOUT_F32))
        }
      }
    }
    return all
  }

  @Test(arguments: availableISAs, samples)
  func convolutionsGiveTheBitsOfThoseOfBytes(_ isa: zoo_isa, _ sample: QconvTests.Sample) {
    var numbers = Numbers(seed: 7)
    for (index, (target, addsResidual)) in Self.targets.enumerated() {
      let data = Data(sample, index % 16, &numbers)
      let got = Self.run(isa, data, target, addsResidual: addsResidual)
      if target.kind == ZOO_QOUT_F32 {
        let want = data.run(ZOO_ISA_PORTABLE, target, filling: Float(0))
        #expect(got.reals == want.map(\.bitPattern), "target \(index)")
      } else {
        let want = data.run(
          ZOO_ISA_PORTABLE, target, filling: UInt8(0), addsResidual: addsResidual)
        #expect(got.codes == want, "target \(index)")
      }
    }
  }

  @Test(arguments: availableISAs, [1, 3, 16, 21, 40])
  func bytesComeBack(_ isa: zoo_isa, _ channels: Int) {
    var numbers = Numbers(seed: channels)
    for (isSigned, zero) in [(false, Int32(0)), (false, 130), (true, -7)] {
      for last in [true, false] {
        for pixels in [1, 7, 131] {
          var layout = Self.layout(2, channels, pixels, isSigned: isSigned, zero: zero, last: last)
          let bytes = numbers.bytes(2 * channels * pixels)
          var blocks = [Float](repeating: .nan, count: 2 * Self.floats(channels, pixels))
          zoo_code_blocks_from_bytes(isa, &layout, bytes, &blocks, 0)
          let first = QgemmTests.value(bytes[0], isSigned) - zero
          #expect(blocks[0] == Float(first))
          var back = [UInt8](repeating: 0, count: bytes.count)
          zoo_code_blocks_to_bytes(isa, &layout, blocks, &back, 0)
          #expect(back == bytes)
        }
      }
    }
  }

  @Test(arguments: availableISAs, [1, 5, 300, 70_000])
  func meansGiveTheBitsOfThoseOfBytes(_ isa: zoo_isa, _ pixels: Int) {
    var numbers = Numbers(seed: pixels)
    let channels = 19
    let bytes = numbers.bytes(channels * pixels)
    var shape = zoo_conv_shape()
    (shape.batch, shape.groups) = (1, 1)
    (shape.in_channels, shape.out_channels) = (Int64(channels), Int64(channels))
    shape.input = (1, 1, Int64(pixels))
    shape.kernel = shape.input
    (shape.output, shape.stride, shape.dilation) = ((1, 1, 1), (1, 1, 1), (1, 1, 1))
    let from = zoo_qform(is_signed: 0, scale: 0.05, zero: 40)
    var to = zoo_qform(is_signed: 1, scale: 0.03, zero: -5)
    var want = [UInt8](repeating: 0, count: channels)
    zoo_qpool_average(ZOO_ISA_PORTABLE, &shape, from, &to, 0, bytes, &want, 0)
    var real = [Float](repeating: 0, count: channels)
    zoo_qpool_average(ZOO_ISA_PORTABLE, &shape, from, nil, 0, bytes, &real, 0)
    var layout = Self.layout(1, channels, pixels, isSigned: false, zero: from.zero)
    var blocks = [Float](repeating: 0, count: Self.floats(channels, pixels))
    zoo_code_blocks_from_bytes(isa, &layout, bytes, &blocks, 0)
    var y = [Float](repeating: 0, count: 32)
    zoo_code_blocks_average(isa, 2, Int64(pixels), from.scale, &to, blocks, &y, 0)
    #expect(
      (0..<channels).map { UInt8(truncatingIfNeeded: Int(y[$0]) - 5) } == want)
    zoo_code_blocks_average(isa, 2, Int64(pixels), from.scale, nil, blocks, &y, 0)
    #expect(y.prefix(channels).map(\.bitPattern) == real.map(\.bitPattern))
  }

  @Test(arguments: availableISAs, [Float(1e-9), 0.07, 1e9])
  func joinsGiveTheBitsOfThoseOfBytes(_ isa: zoo_isa, _ scale: Float) {
    var numbers = Numbers(seed: 9)
    let pixels = 13
    for kind in [ZOO_QJOIN_ADD, ZOO_QJOIN_SUBTRACT, ZOO_QJOIN_MULTIPLY] {
      for activation in [zoo_activation()] + allActivations {
        var join = zoo_qjoin()
        join.kind = kind
        join.a = zoo_qform(is_signed: 0, scale: 0.05, zero: 120)
        join.b = zoo_qform(is_signed: 0, scale: 0.03, zero: 7)
        join.c = zoo_qform(is_signed: 1, scale: scale, zero: 11)
        join.activation = activation
        let (a, b) = (numbers.bytes(16 * pixels), numbers.bytes(16 * pixels))
        for (aRepeats, bRepeats) in [(0, 0), (0, 1), (1, 0)] {
          join.lines = zoo_qjoin_lines(
            outer: 1, repeats: Int64(pixels), inner: 16, a_repeats: Int32(aRepeats),
            b_repeats: Int32(bRepeats))
          var want = [UInt8](repeating: 0, count: 16 * pixels)
          zoo_qjoin_run(ZOO_ISA_PORTABLE, &join, a, b, &want, 0)
          var c = [Float](repeating: 0, count: 16 * pixels)
          zoo_code_blocks_join(
            isa, &join, 1, Int64(pixels), a.map { Float($0) - 120 }, aRepeats == 1 ? 0 : 16,
            b.map { Float($0) - 7 }, bRepeats == 1 ? 0 : 16, &c, 0)
          #expect(c.map { UInt8(truncatingIfNeeded: Int($0) + 11) } == want)
        }
      }
    }
  }

  @Test(arguments: availableISAs)
  func roundingIsThatOfQuantizeLinear(_ isa: zoo_isa) {
    var numbers = Numbers(seed: 10)
    let x =
      [.nan, .infinity, -.infinity, 0, 0.15, 0.25, -0.05, 1e30] + numbers.floats(40).map { $0 * 40 }
    for (isSigned, zero) in [(false, Int32(0)), (false, 130), (true, -7)] {
      var form = zoo_qform(is_signed: isSigned ? 1 : 0, scale: 0.1, zero: zero)
      var y = [Float](repeating: 0, count: 48)
      zoo_code_blocks_quantize(isa, 48, x, &form, &y, 0)
      let kernels = zoo_vector_kernels_for(isa).pointee
      if isSigned {
        var want = [Int8](repeating: 0, count: 48)
        kernels.quantize_s8(x, &want, 48, 0.1, zero)
        #expect(y.map { Int32($0) + zero } == want.map(Int32.init))
      } else {
        var want = [UInt8](repeating: 0, count: 48)
        kernels.quantize_u8(x, &want, 48, 0.1, zero)
        #expect(y.map { Int32($0) + zero } == want.map(Int32.init))
      }
    }
  }
}
