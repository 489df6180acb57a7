import ModelFormat
import ZooRuntime

/// A model of one node, run with chosen inputs as weights.
struct OneNode {
  var opType: String
  var domain = ""
  var attributes: [Attribute] = []
  var opset = 21

  /// - Parameters:
  ///   - inputs: `nil` for one that is left out.
  ///   - weights: Which inputs are weights of the model.
  func run(
    _ inputs: [Tensor?], weights: Set<Int> = [], outputs: Int = 1, threads: Int = 1
  ) throws -> [Tensor] {
    var model = Model(opsets: [OpsetImport("", opset), OpsetImport("zoo", 1)])
    var graph = Graph()
    var given: [String: Tensor] = [:]
    var operands: [ValueID?] = []
    for (index, tensor) in inputs.enumerated() {
      guard let tensor else {
        operands.append(nil)
        continue
      }
      let value = model.addValue("in\(index)", type: .tensor(tensor.type))
      operands.append(value)
      if weights.contains(index) {
        graph.weights[value] = Weight(tensor)
      } else {
        graph.inputs.append(value)
        given["in\(index)"] = tensor
      }
    }
    graph.outputs = (0..<outputs).map { model.addValue("out\($0)") }
    graph.nodes = [
      Node(
        opType, domain: domain, inputs: operands, outputs: graph.outputs, attributes: attributes)
    ]
    model.main = graph
    var options = Session.Options()
    options.threads = threads
    let results = try Session(model, options: options).run(given)
    return (0..<outputs).compactMap { results["out\($0)"] }
  }
}
