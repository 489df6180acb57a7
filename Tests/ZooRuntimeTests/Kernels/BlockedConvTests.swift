import CKernels
import Testing

/// Convolutions over channel blocks against sums in double precision, for each form and instruction set.
@Suite struct BlockedConvTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let form: zoo_blocked_form
    let reference: ConvReference
    var testDescription: String {
      "\(form.rawValue) \(reference.xShape) \(reference.wShape) g\(reference.groups)"
    }
  }

  static let cases: [Case] =
    [
      ConvReference(channels: 16, outputs: 16, [1, 1], [1, 1]),
      ConvReference(batch: 2, channels: 33, outputs: 47, [5, 29], [1, 1]),
      ConvReference(channels: 20, outputs: 64, [9, 11], [1, 1], strides: 2),
      ConvReference(channels: 17, outputs: 31, [7, 15], [3, 3], pads: 1),
      ConvReference(batch: 2, channels: 5, outputs: 32, [8, 13], [5, 2], strides: 2, pads: 2),
      ConvReference(
        channels: 40, outputs: 9, [12, 10], [3, 3], strides: 3, dilations: 2, pads: 3),
      ConvReference(groups: 4, channels: 12, outputs: 20, [6, 7], [3, 3], pads: 1),
      ConvReference(groups: 2, channels: 34, outputs: 68, [4, 31], [1, 1]),
      ConvReference(groups: 2, channels: 6, outputs: 96, [5, 5], [3, 3]),
      ConvReference(channels: 3, outputs: 18, [1, 40], [1, 7], strides: 4, pads: 3),
      ConvReference(channels: 18, outputs: 20, [6, 7], [3, 3], dilations: 8, pads: 8),
      ConvReference(
        channels: 7, outputs: 33, [5, 9], [3, 3], strides: 2, dilations: 8, pads: 8),
      ConvReference(channels: 300, outputs: 32, [20, 40], [3, 3], dilations: 5, pads: 5),
    ].map { Case(form: ZOO_BLOCKED_DIRECT, reference: $0) }
    + [
      ConvReference(groups: 16, channels: 16, outputs: 16, [5, 6], [3, 3], pads: 1),
      ConvReference(
        batch: 2, groups: 37, channels: 37, outputs: 37, [19, 23], [3, 3], strides: 2),
      ConvReference(groups: 8, channels: 8, outputs: 8, [12, 31], [5, 5], dilations: 2, pads: 4),
      ConvReference(groups: 20, channels: 20, outputs: 20, [3, 2], [7, 7], strides: 3, pads: 3),
      ConvReference(groups: 32, channels: 32, outputs: 32, [7, 7], [3, 3], pads: 1),
      ConvReference(groups: 19, channels: 19, outputs: 19, [9, 16], [5, 5], strides: 2, pads: 2),
    ].map { Case(form: ZOO_BLOCKED_DEPTHWISE, reference: $0) }
    + [
      ConvReference(batch: 2, channels: 3, outputs: 24, [17, 18], [3, 3], strides: 2, pads: 1),
      ConvReference(channels: 1, outputs: 5, [9, 30], [5, 5], pads: 2),
      ConvReference(channels: 8, outputs: 33, [6, 5], [2, 3], dilations: 2, pads: 2),
    ].map { Case(form: ZOO_BLOCKED_PLANES, reference: $0) }
    + [
      ConvReference(channels: 16, outputs: 16, [4, 4], [3, 3]),
      ConvReference(batch: 2, channels: 24, outputs: 40, [13, 18], [3, 3], pads: 1),
      ConvReference(channels: 33, outputs: 17, [1, 3], [3, 3], pads: 2),
      ConvReference(channels: 130, outputs: 260, [9, 9], [3, 3], pads: 1),
      ConvReference(channels: 20, outputs: 36, [46, 51], [3, 3], pads: 1),
    ].map { Case(form: ZOO_BLOCKED_WINOGRAD, reference: $0) }

  @Test(arguments: instructionSets, cases)
  func everyFormMatchesTheReference(_ set: InstructionSet, _ sample: Case) {
    let conv = sample.reference
    var noise = Noise(seed: 7)
    let x = noise.floats(conv.xShape.reduce(1, *))
    let w = noise.floats(conv.wShape.reduce(1, *))
    let bias = noise.floats(conv.outputs)
    let residual = noise.floats(conv.yShape.reduce(1, *))
    let plane = conv.output.reduce(1, *)
    let sums = conv.run(x.map(Double.init), w.map(Double.init))
    let want = sums.enumerated().map { index, sum in
      let channel = index / plane % conv.outputs
      return max(0, sum + Double(bias[channel]) + Double(residual[index])) * 0.5 + Double(channel)
    }
    let got = Blocked(set, conv).run(sample.form, x, w, bias, residual, threads: 1)
    let largest = sums.map(abs).max() ?? 0
    let bound = sample.form == ZOO_BLOCKED_WINOGRAD ? 1e-4 : 2e-6
    expectClose(got, want, ulps: 2, absolute: bound * max(largest, 1), sample.testDescription)
    let again = Blocked(set, conv).run(sample.form, x, w, bias, residual, threads: 2)
    #expect(again == got)
  }

  /// Neither what is in lanes that are no channels nor another group's channels get into a result.
  @Test(arguments: instructionSets)
  func nothingReachesOtherLanes(_ set: InstructionSet) {
    let conv = ConvReference(groups: 2, channels: 20, outputs: 22, [4, 5], [3, 3], pads: 1)
    var noise = Noise(seed: 8)
    var x = noise.floats(conv.xShape.reduce(1, *))
    let w = noise.floats(conv.wShape.reduce(1, *))
    for index in 0..<10 * conv.input.reduce(1, *) { x[index] = .nan }
    let half = 11 * conv.output.reduce(1, *)
    let got = Blocked(set, conv).run(
      ZOO_BLOCKED_DIRECT, x, w, [Float](repeating: 0, count: 22),
      [Float](repeating: 0, count: 2 * half), threads: 1)
    let isSpoiled = got.prefix(half).allSatisfy { $0.isNaN }
    let isClean = got.suffix(half).allSatisfy { $0.isFinite }
    #expect(isSpoiled && isClean)
  }

  /// A product with a subnormal number takes a hundred times as long as others.
  @Test(arguments: instructionSets)
  func subnormalWeightsBecomeZero(_ set: InstructionSet) {
    let conv = ConvReference(channels: 2, outputs: 17, [4, 4], [1, 1])
    var shape = Blocked(set, conv).shape
    let subnormal = Float(bitPattern: 71_362)
    let weights: [Float] = (0..<34).map {
      $0 % 2 == 0 ? subnormal : -2 * .leastNormalMagnitude
    }
    var packed = [Float](
      repeating: .nan,
      count: zoo_blocked_conv_packed_bytes(set.raw, &shape, ZOO_BLOCKED_DIRECT) / 4)
    zoo_blocked_conv_pack(set.raw, &shape, ZOO_BLOCKED_DIRECT, weights, nil, nil, &packed)
    #expect(packed.filter { $0 != 0 } == Array(repeating: -2 * .leastNormalMagnitude, count: 17))
  }

  @Test func formsRefuseWhatTheyCannotCompute() {
    let dense = ConvReference(channels: 16, outputs: 16, [9, 9], [3, 3], pads: 1)
    var shape = Blocked(instructionSets[0], dense).shape
    #expect(zoo_blocked_conv_takes(&shape, ZOO_BLOCKED_WINOGRAD) == 1)
    #expect(zoo_blocked_conv_takes(&shape, ZOO_BLOCKED_DEPTHWISE) == 0)
    #expect(zoo_blocked_conv_takes(&shape, ZOO_BLOCKED_PLANES) == 0)
    shape.stride.2 = 2
    #expect(zoo_blocked_conv_takes(&shape, ZOO_BLOCKED_WINOGRAD) == 0)
    #expect(zoo_blocked_conv_takes(&shape, ZOO_BLOCKED_DIRECT) == 1)
    shape.kernel.2 = 1000
    #expect(zoo_blocked_conv_takes(&shape, ZOO_BLOCKED_DIRECT) == 0)
  }
}

/// One convolution over channel blocks.
private struct Blocked {
  let set: InstructionSet
  let conv: ConvReference
  var shape: zoo_conv_shape

  init(_ set: InstructionSet, _ conv: ConvReference) {
    (self.set, self.conv) = (set, conv)
    func three(_ values: [Int], _ filler: Int64 = 1) -> (Int64, Int64, Int64) {
      (filler, Int64(values[0]), Int64(values[1]))
    }
    shape = zoo_conv_shape(
      batch: Int64(conv.batch), groups: Int64(conv.groups), in_channels: Int64(conv.channels),
      out_channels: Int64(conv.outputs), input: three(conv.input), kernel: three(conv.kernel),
      output: three(conv.output), stride: three(conv.strides),
      dilation: three(conv.dilations), pad: three(conv.padsBefore, 0))
  }

  private func blocks(_ planes: [Float], _ channels: Int, _ pixels: Int) -> [Float] {
    // Lanes without a channel must not matter: the ones that are written as zeros become NaN.
    let count = (channels + 15) / 16
    var result = [Float](repeating: 0, count: conv.batch * count * pixels * 16)
    zoo_blocks_from_planes(
      set.raw, Int64(conv.batch), Int64(channels), Int64(pixels), planes, &result, 1)
    for image in 0..<conv.batch {
      for pixel in 0..<pixels {
        for lane in (channels - 1) % 16 + 1..<16 {
          result[((image * count + count - 1) * pixels + pixel) * 16 + lane] = .nan
        }
      }
    }
    return result
  }

  /// relu(conv(x, w) + bias + residual) / 2 + channel, in planes.
  func run(
    _ form: zoo_blocked_form, _ x: [Float], _ w: [Float], _ bias: [Float], _ residual: [Float],
    threads: Int32
  ) -> [Float] {
    var shape = shape
    let pixels = conv.output.reduce(1, *)
    let lanes = (conv.outputs + 15) / 16 * 16
    var packed = [Float](
      repeating: .nan, count: zoo_blocked_conv_packed_bytes(set.raw, &shape, form) / 4)
    let twice = [Float](repeating: 2, count: conv.outputs)
    zoo_blocked_conv_pack(set.raw, &shape, form, w.map { $0 / 2 }, twice, bias, &packed)
    let input =
      form == ZOO_BLOCKED_PLANES ? x : blocks(x, conv.channels, conv.input.reduce(1, *))
    var output = [Float](repeating: .nan, count: conv.batch * lanes * pixels)
    let half = [Float](repeating: 0.5, count: lanes)
    let channel = (0..<lanes).map(Float.init)
    let rest = blocks(residual, conv.outputs, pixels)
    half.withUnsafeBufferPointer { half in
      channel.withUnsafeBufferPointer { channel in
        rest.withUnsafeBufferPointer { rest in
          var epilogue = zoo_blocked_epilogue(
            residual: rest.baseAddress,
            activation: zoo_activation(kind: ZOO_ACTIVATION_RELU, a: 0, b: 0),
            scale: half.baseAddress, shift: channel.baseAddress, codes: nil)
          zoo_blocked_conv_run(
            set.raw, &shape, form, input, packed, &output, &epilogue, threads)
        }
      }
    }
    var planes = [Float](repeating: 0, count: conv.batch * conv.outputs * pixels)
    zoo_planes_from_blocks(
      set.raw, Int64(conv.batch), Int64(conv.outputs), Int64(pixels), output, &planes, threads)
    return planes
  }
}
