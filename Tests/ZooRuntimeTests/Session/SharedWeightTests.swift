import Testing
import ZooRuntime

/// Two nodes that want one weight in two forms.
@Suite struct SharedWeightTests {
  /// QLinearConv of x [1, 3, 9, 9] with one filter, once for each of `dilations`.
  private func convolutions(_ dilations: [Int64]) throws -> [Tensor] {
    var model = Model(opsets: [OpsetImport("", 21)])
    var numbers = Numbers(seed: 1)
    var graph = Graph()
    func weight(_ name: String, _ tensor: Tensor) -> ValueID {
      let value = model.addValue(name)
      graph.weights[value] = Weight(tensor)
      return value
    }
    let codes = numbers.floats(243).map { UInt8(clamping: Int($0 * 60) + 128) }
    let x = model.addValue("x", type: .tensor(.u8, [1, 3, 9, 9]))
    let filter = try Tensor(
      numbers.floats(108).prefix(108).map { Int8(clamping: Int($0 * 60)) }, shape: [4, 3, 3, 3])
    let scale = weight("scale", try Tensor(scalar: Float(0.05)))
    let zero = weight("zero", try Tensor(scalar: UInt8(128)))
    let w = weight("w", filter)
    let signedZero = weight("signed zero", try Tensor(scalar: Int8(0)))
    graph.inputs = [x]
    for (index, dilation) in dilations.enumerated() {
      let y = model.addValue("y\(index)")
      graph.outputs.append(y)
      graph.nodes.append(
        Node(
          "QLinearConv", inputs: [x, scale, zero, w, scale, signedZero, scale, zero], outputs: [y],
          attributes: [Attribute("dilations", .ints([dilation, dilation]))]))
    }
    model.main = graph
    let given = try Tensor(Array(codes.prefix(243)), shape: [1, 3, 9, 9])
    let results = try Session(model).run(["x": given])
    return dilations.indices.compactMap { results["y\($0)"] }
  }

  @Test func integerConvolutionsOfSeveralDilations() throws {
    let together = try convolutions([1, 2, 1])
    #expect(together == (try convolutions([1]) + convolutions([2]) + convolutions([1])))
  }
}
