import CKernels
import ModelFormat
import Testing
import ZooRuntime

@Suite struct ConvOperatorTests {
  static func attributes(_ c: ConvReference) -> [Attribute] {
    [
      Attribute("group", .int(Int64(c.groups))),
      Attribute("strides", .ints(c.strides.map(Int64.init))),
      Attribute("dilations", .ints(c.dilations.map(Int64.init))),
      Attribute("pads", .ints((c.padsBefore + c.padsAfter).map(Int64.init))),
    ]
  }

  @Test(arguments: ConvReference.cases.indices, [.f32, .f64, .f16] as [ElementType])
  func convMatchesTheReference(_ index: Int, _ element: ElementType) throws {
    let sample = ConvReference.cases[index]
    var numbers = Numbers(seed: index)
    let x = try MatrixOperatorTests.tensor(element, sample.xShape, &numbers)
    let w = try MatrixOperatorTests.tensor(element, sample.wShape, &numbers)
    let b = try MatrixOperatorTests.tensor(element, [sample.outputs], &numbers)
    let bias = try MatrixOperatorTests.doubles(b)
    let plane = sample.output.reduce(1, *)
    let sums = sample.run(
      try MatrixOperatorTests.doubles(x), try MatrixOperatorTests.doubles(w))
    let want = sums.enumerated().map { $1 + bias[$0 / plane % sample.outputs] }
    let attributes = Self.attributes(sample)
    for weights in [[], [1, 2]] as [Set<Int>] {
      for threads in [1, 2] {
        let y = try NodeRunner.tensors(
          "Conv", [x, w, b], attributes, constants: weights, threads: threads)
        try MatrixOperatorTests.expect(y[0], want, sample.yShape, "\(sample) \(element)")
      }
    }
    let plain = try NodeRunner.tensors("Conv", [x, w], attributes)
    try MatrixOperatorTests.expect(plain[0], sums, sample.yShape, "\(sample) without bias")
  }

  @Test(arguments: ConvReference.cases.indices)
  func aFusedConvDoesWhatItsPartsDo(_ index: Int) throws {
    let sample = ConvReference.cases[index]
    var numbers = Numbers(seed: 100 + index)
    let x = try MatrixOperatorTests.tensor(.f32, sample.xShape, &numbers)
    let w = try MatrixOperatorTests.tensor(.f32, sample.wShape, &numbers)
    let r = try MatrixOperatorTests.tensor(.f32, sample.yShape, &numbers)
    let residual = try MatrixOperatorTests.doubles(r)
    let want = sample.run(
      try MatrixOperatorTests.doubles(x), try MatrixOperatorTests.doubles(w)
    ).enumerated().map { max(0, $1 + residual[$0]) }
    let y = try NodeRunner.tensors(
      "FusedConv", domain: "zoo", opset: 1, [x, w, nil, r],
      Self.attributes(sample) + [Attribute("activation", .string("relu"))], constants: [1])
    try MatrixOperatorTests.expect(y[0], want, sample.yShape, "\(sample)")
  }

  @Test(arguments: ["SAME_UPPER", "SAME_LOWER", "VALID"])
  func automaticPaddingFollowsTheSpecification(_ mode: String) throws {
    var sample = ConvReference(channels: 2, outputs: 3, [8, 9], [4, 3], strides: 2)
    if mode == "SAME_UPPER" { (sample.padsBefore, sample.padsAfter) = ([1, 1], [1, 1]) }
    if mode == "SAME_LOWER" { (sample.padsBefore, sample.padsAfter) = ([1, 1], [1, 1]) }
    var numbers = Numbers(seed: 9)
    let x = try MatrixOperatorTests.tensor(.f32, sample.xShape, &numbers)
    let w = try MatrixOperatorTests.tensor(.f32, sample.wShape, &numbers)
    let want = sample.run(
      try MatrixOperatorTests.doubles(x), try MatrixOperatorTests.doubles(w))
    let y = try NodeRunner.tensors(
      "Conv", [x, w],
      [Attribute("strides", .ints([2, 2])), Attribute("auto_pad", .string(mode))], constants: [1])
    try MatrixOperatorTests.expect(y[0], want, sample.yShape, mode)
  }

  @Test(arguments: availableISAs, ConvReference.cases.indices)
  func everyInstructionSetMatchesTheReference(_ isa: zoo_isa, _ index: Int) {
    let sample = ConvReference.cases[index]
    var numbers = Numbers(seed: 200 + index)
    let x = numbers.floats(sample.xShape.reduce(1, *))
    let w = numbers.floats(sample.wShape.reduce(1, *))
    var shape = sample.kernelShape
    let packed = PackedBytes(zoo_conv_f32_packed_bytes(isa, &shape))
    zoo_conv_f32_pack(isa, &shape, w, packed.pointer)
    var results: [[Float]] = []
    for threads in [Int32(1), 0] {
      var y = [Float](repeating: .nan, count: sample.yShape.reduce(1, *))
      zoo_conv_f32_run(isa, &shape, x, packed.pointer, &y, nil, threads)
      results.append(y)
    }
    #expect(results[0] == results[1], "threads change the result")
    let want = sample.run(x.map(Double.init), w.map(Double.init))
    let worst = zip(results[0], want).map { abs(Double($0) - $1) }.max() ?? 0
    #expect(worst <= 1e-4 && results[0].allSatisfy(\.isFinite), "\(sample)")
  }

  @Test func kernelsThatDoNotFitAreRefused() throws {
    let x = try Tensor([Float](repeating: 0, count: 16), shape: [1, 1, 4, 4])
    let w = try Tensor([Float](repeating: 0, count: 25), shape: [1, 1, 5, 5])
    #expect(throws: ModelError.self) { try NodeRunner.tensors("Conv", [x, w]) }
  }
}

extension ConvReference {
  var kernelShape: zoo_conv_shape {
    func three(_ values: [Int], _ filler: Int64) -> (Int64, Int64, Int64) {
      let all = Array(repeating: filler, count: 3 - values.count) + values.map(Int64.init)
      return (all[0], all[1], all[2])
    }
    return zoo_conv_shape(
      batch: Int64(batch), groups: Int64(groups), in_channels: Int64(channels),
      out_channels: Int64(outputs), input: three(input, 1), kernel: three(kernel, 1),
      output: three(output, 1), stride: three(strides, 1), dilation: three(dilations, 1),
      pad: three(padsBefore, 0))
  }
}
