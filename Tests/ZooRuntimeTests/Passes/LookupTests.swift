import ModelFormat
import Testing
import ZooRuntime

@Suite struct LookupTests {
  private static let depth = 6
  private static let indices: [Int32] = [0, 5, 3, -1, 6, -6, 7, -7, 2, 1_000_000, -1_000_000, 3]

  /// One-hot rows times weights, with a bias and an activation, from `indices` of `shape`.
  private func model(
    _ kind: String, shape: [Int], last: Float = 0.25, values: [Float] = [0, 1]
  ) throws -> Model {
    var numbers = Numbers(seed: 9)
    var model = Model(opsets: [OpsetImport("", 18)])
    let x = model.addValue("x", type: .tensor(.i32, Shape(shape)))
    model.main.inputs = [x]
    func weight(_ name: String, _ tensor: Tensor) -> ValueID {
      let value = model.addValue(name)
      model.main.weights[value] = Weight(tensor)
      return value
    }
    func node(_ type: String, _ inputs: [ValueID], _ attributes: [Attribute] = []) -> ValueID {
      let output = model.addValue("v\(model.main.nodes.count)")
      model.main.nodes.append(
        Node(type, inputs: inputs, outputs: [output], attributes: attributes))
      return output
    }
    let rows: ValueID
    if kind == "compare" {
      let counts = try Tensor((0..<Self.depth).map(Int32.init), shape: [1, Self.depth])
      let equal = node("Equal", [weight("Counts", counts), x])
      rows = node("Cast", [equal], [Attribute("to", .int(1))])
    } else {
      let depth = weight("Depth", try Tensor([Int64(Self.depth)], shape: []))
      rows = node("OneHot", [x, depth, weight("Values", try Tensor(values, shape: [2]))])
    }
    var numbersOfTable = numbers.floats(Self.depth * 4)
    numbersOfTable[0] = last
    let table = weight("Table", try Tensor(numbersOfTable, shape: [Self.depth, 4]))
    let product = node("MatMul", [rows, table])
    let bias = weight("Bias", try Tensor(numbers.floats(4), shape: [1, 4]))
    model.main.outputs = [node("Relu", [node("Add", [product, bias])])]
    return model
  }

  private func run(_ model: Model, _ shape: [Int], optimizes: Bool) throws -> (Tensor, [String]) {
    var options = Session.Options()
    options.optimizes = optimizes
    let session = try Session(model, options: options)
    let out = try session.run(["x": try Tensor(Self.indices, shape: shape)])
    return (out.values.first!, session.model.main.nodes.map(\.opType))
  }

  /// Indices outside name no row; negative ones count from the end for `OneHot` only.
  @Test(arguments: ["compare", "one-hot"])
  func productsBecomeLookups(kind: String) throws {
    let shape = kind == "compare" ? [3, 4, 1] : [3, 4]
    let model = try model(kind, shape: shape)
    let (want, _) = try run(model, shape, optimizes: false)
    let (got, types) = try run(model, shape, optimizes: true)
    #expect(try got.array(of: Float.self) == want.array(of: Float.self))
    #expect(got.shape == [3, 4, 4] && want.shape == got.shape)
    #expect(types == (kind == "compare" ? ["Squeeze"] : []) + ["Clip", "Gather"])
  }

  /// Zero times infinity is no zero, and rows of other values are no one-hot rows.
  @Test func declines() throws {
    let infinite = try model("one-hot", shape: [12], last: .infinity)
    #expect(try run(infinite, [12], optimizes: true).1.contains("OneHot"))
    let other = try model("one-hot", shape: [12], values: [0, 2])
    #expect(try run(other, [12], optimizes: true).1.contains("OneHot"))
  }
}
