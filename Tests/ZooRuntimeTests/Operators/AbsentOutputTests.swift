import Testing
import ZooRuntime

/// Nodes of which only some results have names: these are what they are when all have.
@Suite struct AbsentOutputTests {
  struct Request: Sendable, CustomTestStringConvertible {
    let name: String
    var opset = 21
    let inputs: [Tensor]
    var attributes: [Attribute] = []
    let outputs: Int
    var testDescription: String { "\(name) with \(outputs) outputs" }
  }

  static let requests = Result { () throws -> [Request] in
    let square = try Tensor.counting([4, 4])
    let row = try Tensor.f32([1, -2, 0.5, 3])
    return try [
      Request(name: "LayerNormalization", inputs: [square, row, row], outputs: 3),
      Request(name: "TopK", inputs: [square, .i64([2])], outputs: 2),
      Request(name: "Split", inputs: [square, .i64([1, 2, 1])], outputs: 3),
      Request(name: "DynamicQuantizeLinear", inputs: [square], outputs: 3),
      Request(name: "Unique", inputs: [row], outputs: 4),
      Request(name: "Dropout", inputs: [square], outputs: 2),
      Request(
        name: "SoftmaxCrossEntropyLoss", inputs: [square, .i64([0, 1, 2, 3])], outputs: 2),
      Request(
        name: "MaxPool", inputs: [Tensor.counting([1, 1, 4, 4])],
        attributes: [Attribute("kernel_shape", .ints([2, 2]))], outputs: 2),
      Request(
        name: "LSTM",
        inputs: [
          Tensor.counting([3, 2, 4]), Tensor.counting([1, 8, 4]), Tensor.counting([1, 8, 2]),
        ], attributes: [Attribute("hidden_size", .int(2))], outputs: 3),
    ]
  }

  private static func run(
    _ request: Request, named: Set<Int>, optimizes: Bool
  ) throws -> [String: Value] {
    var model = Model(opsets: [OpsetImport("", request.opset)])
    var graph = Graph()
    graph.inputs = request.inputs.enumerated().map {
      model.addValue("x\($0)", type: .tensor($1.elementType, nil))
    }
    let outputs = (0..<request.outputs).map { named.contains($0) ? model.addValue("y\($0)") : nil }
    graph.outputs = outputs.compactMap { $0 }
    graph.nodes = [
      Node(
        request.name, inputs: graph.inputs, outputs: outputs, attributes: request.attributes)
    ]
    model.main = graph
    var options = Session.Options()
    options.optimizes = optimizes
    let given = request.inputs.enumerated().map { ("x\($0)", Value.tensor($1)) }
    return try Session(model, options: options).run(
      values: Dictionary(uniqueKeysWithValues: given))
  }

  @Test func namedOnesAreTheSame() throws {
    for request in try Self.requests.get() {
      for optimizes in [false, true] {
        let all = try Self.run(request, named: Set(0..<request.outputs), optimizes: optimizes)
        for index in 0..<request.outputs {
          let one = try Self.run(request, named: [index], optimizes: optimizes)
          #expect(one == all.filter { $0.key == "y\(index)" }, "\(request), output \(index)")
        }
      }
    }
  }

  @Test func noneNeedsAName() throws {
    for request in try Self.requests.get() {
      #expect(try Self.run(request, named: [], optimizes: false).isEmpty)
    }
  }
}
