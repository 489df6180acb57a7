import Testing
import ZooRuntime

/// Runs models of one node, optimised and not, with operands as inputs and as weights.
enum NodeRunner {
  /// The outputs of a node.
  ///
  /// - Parameters:
  ///   - inputs: `nil` for one that is left out.
  ///   - constants: Indices of inputs that are weights of the model; the others are given when it runs.
  static func run(
    _ opType: String, domain: String = "", opset: Int = 21, _ inputs: [Value?],
    _ attributes: [Attribute] = [], outputs: Int = 1, constants: Set<Int> = [],
    optimizes: Bool = true, threads: Int? = nil
  ) throws -> [Value] {
    var model = Model(opsets: [OpsetImport("", opset)])
    if !domain.isEmpty { model.opsets = [OpsetImport("", 21), OpsetImport(domain, opset)] }
    var graph = Graph()
    var operands: [ValueID?] = []
    var given: [String: Value] = [:]
    for (index, value) in inputs.enumerated() {
      guard let value else {
        operands.append(nil)
        continue
      }
      let id = model.addValue("x\(index)", type: value.type.withoutExtents)
      operands.append(id)
      if constants.contains(index), let tensor = value.tensor {
        graph.weights[id] = Weight(tensor)
      } else {
        graph.inputs.append(id)
        given["x\(index)"] = value
      }
    }
    graph.outputs = (0..<outputs).map { model.addValue("y\($0)") }
    graph.nodes = [
      Node(
        opType, domain: domain, inputs: operands, outputs: graph.outputs, attributes: attributes)
    ]
    model.main = graph
    var options = Session.Options()
    options.optimizes = optimizes
    if let threads { options.threads = threads }
    let results = try Session(model, options: options).run(values: given)
    return (0..<outputs).compactMap { results["y\($0)"] }
  }

  /// The outputs of a node whose operands are tensors.
  static func tensors(
    _ opType: String, domain: String = "", opset: Int = 21, _ inputs: [Tensor?],
    _ attributes: [Attribute] = [], constants: Set<Int> = [], threads: Int? = nil
  ) throws -> [Tensor] {
    try run(
      opType, domain: domain, opset: opset, inputs.map { $0.map(Value.tensor) }, attributes,
      constants: constants, threads: threads
    ).compactMap(\.tensor)
  }

  /// Checks the outputs of a node with operands as inputs and as weights, optimised and not.
  static func expect(
    _ opType: String, domain: String = "", opset: Int = 21, _ inputs: [Tensor?],
    _ attributes: [Attribute] = [], gives expected: [Tensor],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    for constants in [Set<Int>(), Set(1..<max(2, inputs.count)), Set(inputs.indices)] {
      for optimizes in [false, true] {
        let outputs = try run(
          opType, domain: domain, opset: opset, inputs.map { $0.map(Value.tensor) }, attributes,
          outputs: expected.count, constants: constants, optimizes: optimizes)
        #expect(outputs == expected.map(Value.tensor), sourceLocation: sourceLocation)
      }
    }
  }

  /// Checks that a node is refused, when the session is made or when it runs.
  static func expectRefusal(
    _ opType: String, domain: String = "", opset: Int = 21, _ inputs: [Tensor?],
    _ attributes: [Attribute] = [], outputs: Int = 1, code: ModelError.Code,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    for constants in [Set<Int>(), Set(1..<max(2, inputs.count))] {
      let error = #expect(throws: ModelError.self, sourceLocation: sourceLocation) {
        try run(
          opType, domain: domain, opset: opset, inputs.map { $0.map(Value.tensor) }, attributes,
          outputs: outputs, constants: constants)
      }
      #expect(error?.code == code, sourceLocation: sourceLocation)
    }
  }
}

extension ValueType {
  fileprivate var withoutExtents: ValueType {
    guard case .tensor(let type) = self else { return self }
    return .tensor(type.element, nil)
  }
}

extension Tensor {
  static func f32(_ values: [Float], _ shape: [Int]? = nil) throws -> Tensor {
    try Tensor(values, shape: shape ?? [values.count])
  }
  static func i64(_ values: [Int64], _ shape: [Int]? = nil) throws -> Tensor {
    try Tensor(values, shape: shape ?? [values.count])
  }
  /// 0, 1, 2, …
  static func counting(_ shape: [Int]) throws -> Tensor {
    try Tensor((0..<shape.reduce(1, *)).map(Float.init), shape: shape)
  }
}
