import ModelFormat

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The functions by which the standard defines some of its operators: what a node runs through whose operator has no
/// implementation of its own.
///
/// Only bodies that depend on nothing but the operator's version are there; tools/make_function_bodies.py takes them from
/// the standard's schemas.
enum StandardFunctions {
  /// The version that introduced each body is its overload.
  private static let library: Model = {
    // The table is part of this library: a test reads it.
    do {
      return try Model(bytes: Array(Data(base64Encoded: standardFunctionTable) ?? Data()))
    } catch { preconditionFailure("\(error)") }
  }()

  /// The names of all operators that have a body.
  static let names = Set(library.functions.map(\.name))

  /// The model with a function of its own for each operator of the standard that `registry` does not have.
  static func completed(_ model: Model, _ registry: OperatorRegistry) -> Model {
    var model = model
    // What has been looked up, and what the model brings itself.
    var asked: Set<String> = []
    for function in model.functions
    where Model.canonical(function.domain).isEmpty && function.overload.isEmpty {
      asked.insert(function.name)
    }
    var next = 0
    // A body that is added may need others.
    while next < model.graphs.count {
      for node in model.graphs[next].nodes where isMissing(node, registry) {
        guard asked.insert(node.opType).inserted, names.contains(node.opType),
          let function = function(node.opType, opset: model.opset(of: node))
        else { continue }
        var copy = FunctionCopy(library)
        copy.add(function, to: &model)
      }
      next += 1
    }
    return model
  }

  private static func isMissing(_ node: Node, _ registry: OperatorRegistry) -> Bool {
    Model.canonical(node.domain).isEmpty && node.overload.isEmpty
      && registry.entry(node.opType, domain: node.domain) == nil
  }

  /// The newest body that an opset knows.
  private static func function(_ name: String, opset: Int) -> Function? {
    library.functions.filter { $0.name == name && (Int($0.overload) ?? .max) <= opset }
      .max { (Int($0.overload) ?? 0) < (Int($1.overload) ?? 0) }
  }
}

/// A function on its way from one model to another.
private struct FunctionCopy {
  private let source: Model
  private var values: [ValueID: ValueID] = [:]

  init(_ source: Model) { self.source = source }

  mutating func add(_ function: Function, to model: inout Model) {
    var copy = function
    copy.overload = ""
    copy.body = graph(function.body, &model)
    model.functions.append(copy)
  }

  private mutating func graph(_ id: GraphID, _ model: inout Model) -> GraphID {
    let original = source[id]
    var copy = original
    copy.inputs = original.inputs.map { value($0, &model) }
    copy.weights = [:]
    for (id, weight) in original.weights { copy.weights[value(id, &model)] = weight }
    copy.nodes = original.nodes.map { node($0, &model) }
    copy.outputs = original.outputs.map { value($0, &model) }
    return model.addGraph(copy)
  }

  private mutating func node(_ node: Node, _ model: inout Model) -> Node {
    var copy = node
    copy.inputs = node.inputs.map { $0.map { value($0, &model) } }
    copy.outputs = node.outputs.map { $0.map { value($0, &model) } }
    copy.attributes = node.attributes.map { attribute in
      guard case .graph(let body) = attribute.value else { return attribute }
      return Attribute(attribute.name, .graph(graph(body, &model)))
    }
    return copy
  }

  private mutating func value(_ id: ValueID, _ model: inout Model) -> ValueID {
    if let known = values[id] { return known }
    let new = model.addValue(source[id].name, type: source[id].type)
    values[id] = new
    return new
  }
}
