import Quantize
import Testing
import ZooRuntime

/// Quantized models compute what they should, optimised and not.
@Suite struct RunningTests {
  private func run(
    _ model: Model, _ inputs: [String: Value], optimizes: Bool
  ) throws -> [String: Value] {
    var options = Session.Options()
    options.optimizes = optimizes
    return try Session(model, options: options).run(values: inputs)
  }

  private func floats(_ value: Value?) throws -> [Float] {
    try #require(value?.tensor).array(of: Float.self)
  }

  private func error(_ want: [String: Value], _ got: [String: Value]) throws -> SignalError {
    var error = SignalError()
    for name in want.keys.sorted() {
      for (w, g) in zip(try floats(want[name]), try floats(got[name])) { error.add(w, got: g) }
    }
    return error
  }

  /// The straightforward way, in doubles and integers.
  private func reference(_ x: [Float], _ w: [Float], rows: Int, k: Int, n: Int) -> [Float] {
    var y = [Float](repeating: 0, count: rows * n)
    for row in 0..<rows {
      let line = Array(x[row * k..<(row + 1) * k])
      let (low, high) = (min(line.min() ?? 0, 0), max(line.max() ?? 0, 0))
      let scale = high == low ? 1 : (high - low) / 255
      let zero = (-low / scale).rounded(.toNearestOrEven)
      let q = line.map { min(max(($0 / scale).rounded(.toNearestOrEven) + zero, 0), 255) - zero }
      for column in 0..<n {
        let largest = (0..<k).map { w[$0 * n + column].magnitude }.max() ?? 0
        let step = largest == 0 ? 1 : largest / 127
        var sum = 0
        for i in 0..<k {
          sum += Int(q[i]) * Int((w[i * n + column] / step).rounded(.toNearestOrEven))
        }
        y[row * n + column] = Float(sum) * scale * step
      }
    }
    return y
  }

  @Test(
    arguments: [true, false], [(1, 32, 16), (5, 33, 17), (3, 300, 1), (0, 32, 16), (4, 1, 300)])
  func computesDynamicProducts(optimizes: Bool, _ extents: (rows: Int, k: Int, n: Int)) throws {
    let (rows, k, n) = extents
    var noise = Noise(21)
    let w = noise.array(k * n)
    var recipe = DynamicQuantization()
    recipe.selection.minimumElements = 1
    let (small, report) = try recipe.apply(to: SmallModels.matMul(k: k, n: n, values: w))
    #expect(report.layers.count == 1)
    let inputs = try SmallModels.rows(rows, k)
    let got = try floats(run(small, inputs, optimizes: optimizes)["y"])
    let want = reference(try floats(inputs["x"]), w, rows: rows, k: k, n: n)
    #expect(got.count == want.count)
    let largest = want.map(\.magnitude).max() ?? 0
    for (g, y) in zip(got, want) { #expect(abs(g - y) <= 1e-5 * largest) }
  }

  @Test func fusesDynamicProducts() throws {
    let (small, _) = try DynamicQuantization().apply(to: SmallModels.twoLayers(beta: 1))
    let types = try Session(small).model.operators.sorted()
    #expect(
      types == ["DynamicQuantizeRows", "DynamicQuantizedMatMul", "DynamicQuantizedMatMul"])
  }

  @Test(arguments: [11, 17, 18, 21])
  func keepsGemmsFactorsInEveryOpset(opset: Int) throws {
    let model = try SmallModels.twoLayers(opset: opset)
    let (small, report) = try DynamicQuantization().apply(to: model)
    #expect(report.layers.count == 2)
    let inputs = try SmallModels.rows(6, 32)
    let want = try run(model, inputs, optimizes: true)
    for optimizes in [true, false] {
      #expect(try error(want, run(small, inputs, optimizes: optimizes)).decibels > 35)
    }
  }

  /// One weight, read as it is and transposed.
  @Test(arguments: [16, 24])
  func sharesWeightsInBothOrientations(width: Int) throws {
    var builder = ModelBuilder()
    var noise = Noise(5)
    let x = builder.input("x", .f32, ["rows", 16])
    let z = builder.input("z", .f32, ["rows", .fixed(width)])
    let w = try builder.weight("w", noise.array(16 * width), [16, width])
    builder.output(builder.node("MatMul", [x, w], "a"))
    builder.output(builder.node("Gemm", [z, w], "b", [Attribute("transB", .int(1))]))
    let inputs = try [
      "x": Value.tensor(Tensor(noise.array(5 * 16), shape: [5, 16])),
      "z": .tensor(Tensor(noise.array(5 * width), shape: [5, width])),
    ]
    let want = try run(builder.model, inputs, optimizes: true)
    let recipes: [any CompressionRecipe] = [
      DynamicQuantization(), WeightQuantization(), WeightQuantization(bits: 4),
    ]
    for (recipe, decibels) in zip(recipes, [35.0, 35, 15]) {
      let small = try recipe.apply(to: builder.model).0
      for optimizes in [true, false] {
        #expect(try error(want, run(small, inputs, optimizes: optimizes)).decibels > decibels)
      }
    }
  }

  @Test(arguments: ["dynamic", "int8", "uint4", "int4"])
  func readsRowsOfTables(kind: String) throws {
    let model = try SmallModels.table(rows: 40, width: 32)
    let recipe: any CompressionRecipe
    switch kind {
    case "dynamic": recipe = DynamicQuantization()
    case "int8": recipe = WeightQuantization()
    default:
      var fourBits = WeightQuantization(bits: 4)
      fourBits.hasZeroPoints = kind == "uint4"
      recipe = fourBits
    }
    let (small, report) = try recipe.apply(to: model)
    #expect(report.layers.count == 1)
    let ids = try Tensor([Int64(0), 39, -1, 7], shape: [4])
    let want = try run(model, ["ids": .tensor(ids)], optimizes: true)
    let least = kind.hasSuffix("4") ? 17.0 : 42.0
    for optimizes in [true, false] {
      let got = try run(small, ["ids": .tensor(ids)], optimizes: optimizes)
      #expect(try error(want, got).decibels > least)
    }
  }

  @Test(arguments: [CalibrationMethod.minMax, .percentile(99.9)])
  func computesStaticProducts(method: CalibrationMethod) throws {
    let model = try SmallModels.twoLayers(beta: 1)
    let samples = try (1...8).map { try SmallModels.rows(1, 32, seed: $0) }
    var recipe = StaticQuantization()
    recipe.method = method
    let (small, report) = try recipe.apply(to: model, samples: samples)
    #expect(
      small.operators == [
        "DequantizeLinear", "QuantizeLinear", "DequantizeLinear", "MatMul", "DequantizeLinear",
        "DequantizeLinear", "Gemm",
      ])
    let scale = try numbers(#require(try small.tensor("x/scale")))[0]
    #expect(abs(scale - 2 / 255) < 0.0005)
    for optimizes in [true, false] {
      for sample in samples {
        let want = try run(model, sample, optimizes: true)
        #expect(try error(want, run(small, sample, optimizes: optimizes)).decibels > 35)
      }
    }
    #expect(report.outputs.map(\.name) == ["y", "z"])
    #expect(report.outputs.allSatisfy { $0.cosine > 0.999 })
    #expect(report.layers.allSatisfy { ($0.outputDecibels ?? 0) > 35 })
  }

  @Test func leavesInputsAloneThatOneScaleCannotCarry() throws {
    let model = try SmallModels.matMul()
    var sample = try SmallModels.rows(2, 32)
    var values = try floats(sample["x"])
    values[0] = 1e6
    values[1] = -1e6
    sample["x"] = .tensor(try Tensor(values, shape: [2, 32]))
    var recipe = StaticQuantization()
    recipe.method = .percentile(80)
    let (same, report) = try recipe.apply(to: model, samples: [sample])
    #expect(same.operators == ["MatMul"])
    #expect(report.leftAlone.count == 1)
    #expect(report.leftAlone[0].reason.hasPrefix("256 steps are too coarse for its input ("))
  }

  @Test func staticNeedsSamples() throws {
    let model = try SmallModels.matMul()
    #expect(
      message { _ = try StaticQuantization().apply(to: model) }
        == "no calibration samples; expected at least one. Give samples such as the model will "
        + "meet, or use dynamic quantization")
    var recipe = StaticQuantization()
    recipe.method = .percentile(40)
    #expect(
      message { _ = try recipe.apply(to: model, samples: [SmallModels.rows(1, 32)]) }
        == "percentile 40.0; expected more than 50, at most 100")
  }

  @Test func recordsCasesAnew() throws {
    var model = try SmallModels.matMul()
    let inputs = try SmallModels.rows(3, 32)
    let outputs = try run(model, inputs, optimizes: true)
    let x = NamedValue("x", try #require(inputs["x"]))
    let y = NamedValue("y", try #require(outputs["y"]))
    model.cases = [
      RecordedCase(name: "rows", inputs: [x], outputs: [y], absolute: 1e-5, relative: 1e-4)
    ]
    let (small, report) = try DynamicQuantization().apply(to: model)
    #expect(report.notes == ["1 recorded case recorded anew"])
    #expect(try small.cases[0].outputs[0].value == run(small, inputs, optimizes: true)["y"])
    #expect(small.cases[0].outputs[0].value != y.value)
    #expect(small.cases[0].absolute > 1e-2)
  }
}
