import Quantize
import Testing
import ZooRuntime

/// Models of old opsets, raised because they are quantized, compute what they did.
@Suite struct OpsetUpgradeTests {
  /// x [1, 32] · w, then one more node.
  private func model(
    _ opType: String, _ attributes: [Attribute], element: ElementType = .f32,
    scales: [Float]? = nil
  ) throws -> Model {
    var builder = ModelBuilder(opset: 10)
    var noise = Noise(3)
    let x = builder.input("x", .f32, [1, 32])
    let w = try builder.weight("w", noise.array(32 * 16), [32, 16])
    var value = builder.node("MatMul", [x, w], "product")
    if element == .f16 {
      value = builder.node("Cast", [value], "half", [Attribute("to", .int(10))])
    }
    var inputs: [ValueID?] = [value]
    if let scales { inputs.append(try builder.weight("scales", scales, [scales.count])) }
    builder.output(builder.node(opType, inputs, "y", attributes))
    return builder.model
  }

  private func expectEqual(_ model: Model) throws {
    let raised = try WeightQuantization().apply(to: model).0
    #expect(try #require(raised.opset("")) > 10)
    let x = try SmallModels.rows(1, 32)
    let want = try #require(Session(model).run(values: x)["y"]?.tensor)
    let got = try #require(Session(raised).run(values: x)["y"]?.tensor)
    #expect(got.shape == want.shape && got.elementType == want.elementType)
    let (a, b) = try (
      got.converted(to: .f32).array(of: Float.self),
      want.converted(to: .f32).array(of: Float.self)
    )
    let largest = b.map(\.magnitude).max() ?? 0
    #expect(zip(a, b).allSatisfy { abs($0 - $1) < 0.03 * largest })
  }

  @Test(arguments: [ElementType.f32, .f16])
  func boundsAndPaddingKeepTheirElementType(element: ElementType) throws {
    let bounds = [Attribute("min", .float(-3)), Attribute("max", .float(3))]
    try expectEqual(model("Clip", bounds, element: element))
    try expectEqual(model("Clip", [], element: element))
    let padding = [Attribute("pads", .ints([0, 1, 0, 2])), Attribute("value", .float(3))]
    try expectEqual(model("Pad", padding, element: element))
  }

  @Test(arguments: [[1, 0.6], [1, 2.4]] as [[Float]])
  func nearestElementsStay(scales: [Float]) throws {
    try expectEqual(model("Resize", [], scales: scales))
  }

  @Test func refusesToStretchAndShrinkAtOnce() throws {
    let model = try model("Resize", [], scales: [2, 0.6])
    let error = #expect(throws: ModelError.self) { try WeightQuantization().apply(to: model) }
    #expect(
      error?.description
        == """
        'y_node' (Resize): Resize whose scales are unknown, or shrink some axes and stretch others; \
        expected an operator that newer opsets have. Export the model with a newer opset
        """)
  }
}
