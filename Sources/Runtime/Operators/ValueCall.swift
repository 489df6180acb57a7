/// What a value operator is given when it runs.
public struct ValueCall {
  /// `nil` where an optional input is left out. The values are the operator's to keep.
  public let inputs: [Value?]
  /// What `outputTypes` answered for the inputs as they are now.
  public let outputTypes: [ValueType]
  public let outputCount: Int
  /// What was inferred of the outputs when the run was planned: known even if no data tells.
  let inferredTypes: [ValueType?]
  /// The most threads that the operator may use.
  public let threads: Int
  let declaredInputs: (GraphID) -> [ValueType?]
  let body: (GraphID, [Value]) throws(ModelError) -> [Value]

  public func has(_ index: Int) -> Bool { index < inputs.count && inputs[index] != nil }

  /// - Throws: `.missingInput` if input `index` is left out.
  public func value(_ index: Int) throws(ModelError) -> Value {
    guard index < inputs.count, let value = inputs[index] else {
      throw ModelError(.missingInput, "input \(index) is left out", expected: "a value")
    }
    return value
  }

  /// - Throws: `.elementTypeMismatch` if input `index` is no tensor.
  public func tensor(_ index: Int) throws(ModelError) -> Tensor {
    let value = try value(index)
    guard let tensor = value.tensor else {
      throw ModelError(
        .elementTypeMismatch, "input \(index) is \(value.type)", expected: "a tensor")
    }
    return tensor
  }

  public func optionalTensor(_ index: Int) throws(ModelError) -> Tensor? {
    has(index) ? try tensor(index) : nil
  }

  /// What a subgraph of the node declares of its inputs; nothing if it is not the node's own.
  public func inputTypes(of graph: GraphID) -> [ValueType?] { declaredInputs(graph) }

  /// Runs a subgraph of the node.
  public func run(_ graph: GraphID, _ inputs: [Value]) throws(ModelError) -> [Value] {
    try body(graph, inputs)
  }
}
