import Quantize
import Testing
import ZooRuntime

@Suite struct WeightTests {
  /// The straightforward way: one loop per channel.
  private func perColumn(_ values: [Float], k: Int, n: Int) -> (q: [Float], scales: [Float]) {
    var q = values
    var scales: [Float] = []
    for column in 0..<n {
      let largest = (0..<k).map { values[$0 * n + column].magnitude }.max() ?? 0
      let scale = largest == 0 ? 1 : largest / 127
      scales.append(scale)
      for row in 0..<k {
        q[row * n + column] = (values[row * n + column] / scale).rounded(.toNearestOrEven)
      }
    }
    return (q, scales)
  }

  @Test(arguments: [(32, 16), (1, 300), (257, 1), (33, 17)])
  func roundsColumnsToInt8(k: Int, n: Int) throws {
    var noise = Noise(UInt64(k))
    var values = noise.array(k * n)
    for row in 0..<k { values[row * n] = 0 }
    let model = try SmallModels.matMul(k: k, n: n, values: values)
    var recipe = WeightQuantization()
    recipe.selection.minimumElements = 1
    let (small, report) = try recipe.apply(to: model)
    let expected = perColumn(values, k: k, n: n)
    #expect(try numbers(#require(try small.tensor("w/int8"))) == expected.q)
    #expect(try numbers(#require(try small.tensor("w/scale"))) == expected.scales)
    #expect(small.operators == ["DequantizeLinear", "MatMul"])
    #expect(small.main.nodes[0].attribute("axis")?.int == 1)
    #expect(try small.tensor("w") == nil)
    #expect(report.bytesBefore == 4 * k * n)
    #expect(report.bytesAfter == k * n + 4 * n)
  }

  @Test(arguments: [(32, 16, 32), (40, 6, 32), (64, 3, 16), (65, 5, 64)], [true, false])
  func roundsBlocksToFourBits(_ shape: (k: Int, n: Int, block: Int), hasZeroPoints: Bool) throws {
    let (k, n, block) = shape
    var noise = Noise(7)
    let values = noise.array(k * n)
    var recipe = WeightQuantization(bits: 4)
    recipe.blockSize = block
    recipe.hasZeroPoints = hasZeroPoints
    recipe.selection.minimumElements = 1
    let (small, report) = try recipe.apply(to: SmallModels.matMul(k: k, n: n, values: values))
    let name = hasZeroPoints ? "w/uint4" : "w/int4"
    let q = try numbers(#require(try small.tensor(name)))
    let scaleTensor = try #require(try small.tensor("w/scale"))
    let blocks = (k + block - 1) / block
    #expect(scaleTensor.shape == [blocks, n])
    let scales = try numbers(scaleTensor)
    let zeros =
      hasZeroPoints
      ? try numbers(#require(try small.tensor("w/zero_point")))
      : [Float](repeating: 0, count: blocks * n)
    for row in 0..<k {
      for column in 0..<n {
        let group = row / block * n + column
        let got = (q[row * n + column] - zeros[group]) * scales[group]
        let want = values[row * n + column]
        // Inside the range an element is half a step off at most; clipping takes off a quarter of the range.
        #expect(abs(got - want) <= 0.5 * scales[group] + 0.26)
      }
    }
    #expect(small.opset("") == 21)
    #expect(small.irVersion == 10)
    #expect(try #require(report.layers[0].decibels) > 15)
    #expect(small.main.nodes[0].attribute("block_size")?.int == Int64(block))
  }

  @Test func roundsTiesToEven() throws {
    let model = try SmallModels.matMul(k: 4, n: 1, values: [127, 0.5, 1.5, -127])
    var recipe = WeightQuantization()
    recipe.selection.minimumElements = 1
    let (small, _) = try recipe.apply(to: model)
    #expect(try small.tensor("w/int8")?.array(of: Int8.self) == [127, 0, 2, -127])
  }

  @Test func sharesAWeightThatTwoNodesUse() throws {
    var builder = ModelBuilder()
    var noise = Noise()
    let x = builder.input("x", .f32, ["rows", 32])
    let w = try builder.weight("w", noise.array(1024), [32, 32])
    let y = builder.node("MatMul", [x, w], "y")
    builder.output(builder.node("MatMul", [y, w], "z"))
    let (small, report) = try WeightQuantization().apply(to: builder.model)
    #expect(small.operators == ["DequantizeLinear", "MatMul", "MatMul"])
    #expect(report.layers.count == 2)
    #expect(report.bytesAfter == 1024 + 4 * 32)
  }

  @Test func leavesAloneWhatItCannotRound() throws {
    let infinite = try SmallModels.matMul(
      k: 16, n: 16, values: [Float](repeating: .infinity, count: 256))
    let (same, report) = try WeightQuantization().apply(to: infinite)
    #expect(same.operators == ["MatMul"])
    #expect(report.leftAlone.map(\.reason) == ["its weight holds values that are not finite"])
    let (_, short) = try WeightQuantization(bits: 4).apply(to: SmallModels.matMul(k: 16, n: 32))
    #expect(
      short.leftAlone.map(\.reason) == ["its sums of 16 products are shorter than a block of 32"])
  }

  @Test func takesConstantsInAllForms() throws {
    var builder = ModelBuilder()
    var noise = Noise()
    let x = builder.input("x", .f32, ["rows", 32])
    let constant = Weight(try Tensor(noise.array(512), shape: [16, 32]))
    let c = builder.node("Constant", [], "c", [Attribute("value", .tensor(constant))])
    let w = builder.node("Transpose", [c], "t")
    builder.output(builder.node("MatMul", [x, w], "y"))
    let (small, report) = try WeightQuantization().apply(to: builder.model)
    #expect(small.operators == ["DequantizeLinear", "MatMul"])
    #expect(report.layers.map(\.shape) == [[32, 16]])
    let counts = small.main.weights.values.map { $0.shape.reduce(1, *) }
    #expect(counts.sorted() == [16, 512])
    #expect(report.bytesBefore == 2048)
    #expect(report.bytesAfter == 512 + 64)
  }

  @Test func refusesWhatMakesNoSense() throws {
    let model = try SmallModels.matMul()
    #expect(
      message { _ = try WeightQuantization(bits: 3).apply(to: model) }
        == "weights of 3 bits; expected 8 or 4 bits")
    var odd = WeightQuantization(bits: 4)
    odd.blockSize = 20
    #expect(
      message { _ = try odd.apply(to: model) } == "blocks of 20; expected 16, 32, 64, 128 or 256")
    var misspelt = WeightQuantization()
    misspelt.selection.exclude = ["*/atention/*"]
    #expect(
      message { _ = try misspelt.apply(to: model) }
        == "pattern '*/atention/*' matches no layer; expected the name of a layer or of a weight, "
        + "such as 'y_node'")
    var unknown = WeightQuantization()
    unknown.selection.operators = ["Matmul"]
    #expect(
      message { _ = try unknown.apply(to: model) }
        == "no layer of operator 'Matmul'; expected one of MatMul")
  }

  @Test func saysThatNothingWasChanged() throws {
    var builder = ModelBuilder()
    builder.output(builder.node("Relu", [builder.input("x", .f32, [2])], "y"))
    let (_, report) = try DynamicQuantization().apply(to: builder.model)
    #expect(report.notes == ["nothing was changed: no layer has a constant weight"])
  }

  @Test func choosesLayersByName() throws {
    var recipe = WeightQuantization()
    recipe.selection.exclude = ["z_*"]
    let (_, report) = try recipe.apply(to: SmallModels.twoLayers())
    #expect(report.layers.map(\.node) == ["y_node"])
    #expect(report.leftAlone.map(\.reason) == ["excluded by 'z_*'"])
    recipe.selection = LayerSelection(include: ["?"], operators: ["Gemm"])
    let (_, second) = try recipe.apply(to: SmallModels.twoLayers())
    #expect(second.layers.map(\.node) == ["z_node"])
    #expect(second.leftAlone.map(\.reason) == ["MatMul is not among the operators asked for"])
    recipe.selection = LayerSelection(include: ["v"], minimumElements: 769)
    let (_, third) = try recipe.apply(to: SmallModels.twoLayers())
    #expect(
      third.leftAlone.map(\.reason) == [
        "not included by any pattern", "its weight has fewer than 769 elements",
      ])
  }

  @Test func isDeterministic() throws {
    let model = try SmallModels.twoLayers()
    let recipe = WeightQuantization(bits: 4)
    let (first, one) = try recipe.apply(to: model)
    let (second, two) = try recipe.apply(to: model)
    #expect(one == two)
    #expect(first.values.map(\.name) == second.values.map(\.name))
    for (value, weight) in first.main.weights {
      #expect(try weight.tensor() == second.main.weights[value]?.tensor())
    }
  }

  @Test func reportReadsLikeThis() throws {
    var recipe = WeightQuantization()
    recipe.selection.exclude = ["v"]
    let (_, report) = try recipe.apply(to: SmallModels.twoLayers())
    #expect(
      report.description == """
        int8 weights: 1 layer, weights 5.2 kB → 3.7 kB (71.8 %)

        layer   operator  weight    method            before  after  zeros  SNR dB
        y_node  MatMul    [32, 16]  int8 per channel  2.0 kB  576 B  0.4 %    48.5

        left alone:
          Gemm: excluded by 'v' (z_node)
        """)
  }
}
