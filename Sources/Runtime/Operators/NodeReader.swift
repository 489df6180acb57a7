/// What an operator reads when it is made: the attributes of one node, in the meaning of the opset that the model
/// imports.
public struct NodeReader: Sendable {
  public let node: Node
  /// The version of the node's domain that the model imports.
  public let opset: Int

  public init(_ node: Node, opset: Int) {
    self.node = node
    self.opset = opset
  }

  public var inputCount: Int { node.inputs.count }
  public var outputCount: Int { node.outputs.count }

  public func hasInput(_ index: Int) -> Bool {
    index < node.inputs.count && node.inputs[index] != nil
  }

  public func hasOutput(_ index: Int) -> Bool {
    index < node.outputs.count && node.outputs[index] != nil
  }

  public func has(_ name: String) -> Bool { node.attribute(name) != nil }

  /// - Parameters:
  ///   - inputs: How many inputs there may be.
  ///   - outputs: How many outputs there may be.
  ///   - optional: Inputs before the last required one that may be left out, too.
  /// - Throws: `.arityMismatch` unless the node has that many inputs, the trailing ones possibly left out, and that
  ///   many outputs.
  public func require(
    inputs: ClosedRange<Int>, outputs: ClosedRange<Int> = 1...1, optional: Set<Int> = []
  ) throws(ModelError) {
    let given = (node.inputs.lastIndex { $0 != nil } ?? -1) + 1
    guard inputs.lowerBound <= given, given <= inputs.upperBound else {
      throw Self.arity(given, "input", inputs)
    }
    for index in 0..<inputs.lowerBound
    where node.inputs[index] == nil && !optional.contains(index) {
      throw ModelError(.missingInput, "input \(index) is left out", expected: "a value")
    }
    let made = (node.outputs.lastIndex { $0 != nil } ?? -1) + 1
    guard made <= outputs.upperBound else { throw Self.arity(made, "output", outputs) }
  }

  private static func arity(_ found: Int, _ what: String, _ range: ClosedRange<Int>) -> ModelError {
    let expected =
      range.count == 1
      ? "\(range.lowerBound)"
      : range.upperBound == Int.max
        ? "\(range.lowerBound) or more" : "\(range.lowerBound) to \(range.upperBound)"
    return ModelError(
      .arityMismatch, "\(found) \(what)\(found == 1 ? "" : "s")", expected: expected)
  }
}

// Attributes. Those with a default may be absent; those without must be there.
extension NodeReader {
  public func int(_ name: String, default value: Int) throws(ModelError) -> Int {
    has(name) ? try int(name) : value
  }

  public func int(_ name: String) throws(ModelError) -> Int {
    guard case .int(let value) = try required(name) else { throw wrongKind(name, "an integer") }
    return Int(value)
  }

  /// An integer attribute that is a truth value: 0 or 1. What others mean, runtimes do not agree on.
  public func bool(_ name: String, default value: Bool) throws(ModelError) -> Bool {
    let number = try int(name, default: value ? 1 : 0)
    guard number == 0 || number == 1 else {
      throw ModelError(
        .invalidAttribute, "attribute '\(name)' is \(number)", expected: "0 or 1")
    }
    return number == 1
  }

  public func float(_ name: String, default value: Float) throws(ModelError) -> Float {
    has(name) ? try float(name) : value
  }

  public func float(_ name: String) throws(ModelError) -> Float {
    guard case .float(let value) = try required(name) else { throw wrongKind(name, "a float") }
    return value
  }

  public func string(_ name: String, default value: String) throws(ModelError) -> String {
    has(name) ? try string(name) : value
  }

  public func string(_ name: String) throws(ModelError) -> String {
    guard case .string(let value) = try required(name) else { throw wrongKind(name, "a string") }
    return value
  }

  /// A string attribute that must be one of `choices`.
  public func choice(
    _ name: String, of choices: [String], default value: String
  ) throws(ModelError) -> String {
    let found = try string(name, default: value)
    guard choices.contains(found) else {
      throw ModelError(
        .invalidAttribute, "attribute '\(name)' is '\(found)'",
        expected: "one of " + choices.map { "'\($0)'" }.joined(separator: ", "))
    }
    return found
  }

  public func ints(_ name: String, default value: [Int]) throws(ModelError) -> [Int] {
    has(name) ? try ints(name) : value
  }

  public func ints(_ name: String) throws(ModelError) -> [Int] {
    switch try required(name) {
    case .ints(let values): return values.map(Int.init)
    // An empty list carries no kind in files that were written without one.
    case .floats(let values) where values.isEmpty: return []
    case .strings(let values) where values.isEmpty: return []
    default: throw wrongKind(name, "a list of integers")
    }
  }

  public func floats(_ name: String, default value: [Float]) throws(ModelError) -> [Float] {
    has(name) ? try floats(name) : value
  }

  public func floats(_ name: String) throws(ModelError) -> [Float] {
    switch try required(name) {
    case .floats(let values): return values
    case .ints(let values) where values.isEmpty: return []
    default: throw wrongKind(name, "a list of floats")
    }
  }

  public func strings(_ name: String, default value: [String]) throws(ModelError) -> [String] {
    has(name) ? try strings(name) : value
  }

  public func strings(_ name: String) throws(ModelError) -> [String] {
    switch try required(name) {
    case .strings(let values): return values
    case .ints(let values) where values.isEmpty: return []
    default: throw wrongKind(name, "a list of strings")
    }
  }

  public func tensor(_ name: String) throws(ModelError) -> Tensor {
    guard case .tensor(let weight) = try required(name) else {
      throw wrongKind(name, "a tensor")
    }
    return try weight.tensor()
  }

  public func graph(_ name: String) throws(ModelError) -> GraphID {
    guard case .graph(let graph) = try required(name) else { throw wrongKind(name, "a graph") }
    return graph
  }

  /// An element type, given as ONNX's number.
  public func elementType(_ name: String) throws(ModelError) -> ElementType {
    let number = try int(name)
    guard let type = Int32(exactly: number).flatMap(ElementType.init(rawValue:)) else {
      throw ModelError(
        .invalidAttribute, "attribute '\(name)' is \(number)", expected: "an element type's number")
    }
    return type
  }

  private func required(_ name: String) throws(ModelError) -> AttributeValue {
    guard let value = node.attribute(name) else {
      throw ModelError(.invalidAttribute, "no attribute '\(name)'", expected: "a value for it")
    }
    return value
  }

  private func wrongKind(_ name: String, _ expected: String) -> ModelError {
    ModelError(
      .invalidAttribute, "attribute '\(name)' is of another kind", expected: expected)
  }
}
