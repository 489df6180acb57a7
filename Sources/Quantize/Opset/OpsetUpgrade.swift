import ZooRuntime

/// Raises the version of ONNX's operators that a model imports, keeping what it computes.
///
/// Versions differ in many operators, mostly by more element types, which changes nothing for a model that was right
/// before. Where the meaning or the place of an operand changed, a row of ``OpsetSteps/all`` rewrites the node, or
/// refuses. Source: ONNX, `docs/Changelog.md`.
struct OpsetUpgrade {
  /// The version that this knows all changes up to, and the one that it knows them from.
  static let known = 7...21

  private var writer: NodeWriter
  private let version: Int
  /// Types of values, as far as they are known: what steps of `typed` versions ask for.
  private let types: [ValueID: TensorType]
  private static let typed: Set = [11, 13]

  /// - Throws: `.invalidRequest` if the model uses an operator whose change cannot be followed.
  static func raise(_ model: Model, to version: Int) throws(ModelError) -> Model {
    var model = withoutWeightsAmongInputs(model)
    guard let current = model.opset("") else { return model }
    if current >= version { return model }
    guard known.contains(current), known.contains(version), model.functions.isEmpty else {
      let found = model.functions.isEmpty ? "opset \(current)" : "a model with functions of its own"
      throw ModelError(
        .invalidRequest, "\(found) where opset \(version) is needed",
        expected: "opset \(known.lowerBound) to \(version), without functions",
        remedy: "export the model with opset \(version) or later")
    }
    for next in current + 1...version {
      guard OpsetSteps.all[next] != nil else { continue }
      let types = typed.contains(next) ? Self.types(of: model) : [:]
      for index in model.graphs.indices {
        var upgrade = OpsetUpgrade(
          writer: NodeWriter(model, GraphID(index)), version: next, types: types)
        try upgrade.run()
        model = upgrade.writer.finish()
      }
      model.set(opset: next)
    }
    model.set(opset: version)
    // The format's version that came with these operators: 4-bit integers need 10.
    model.irVersion = max(model.irVersion, version >= 21 ? 10 : version >= 13 ? 7 : 4)
    return model
  }

  /// Before IR version 4 each weight is an input as well, though nobody may set it.
  private static func withoutWeightsAmongInputs(_ model: Model) -> Model {
    guard model.irVersion < 4 else { return model }
    var model = model
    model.irVersion = 4
    for index in model.graphs.indices {
      let weights = model.graphs[index].weights
      model.graphs[index].inputs.removeAll { weights[$0] != nil }
    }
    return model
  }

  private static func types(of model: Model) -> [ValueID: TensorType] {
    var types: [ValueID: TensorType] = [:]
    for (index, value) in model.values.enumerated() {
      types[ValueID(index)] = value.type?.tensorType
    }
    for (value, type) in (try? ModelTypes(model))?.types ?? [:] {
      if let type = type.tensorType { types[value] = type }
    }
    return types
  }

  private mutating func run() throws(ModelError) {
    for index in writer.editor.indices {
      guard let node = writer.editor.nodes[index], Model.canonical(node.domain).isEmpty,
        let step = OpsetSteps.all[version]?[node.opType]
      else { continue }
      var edit = NodeUpgrade(node: node, index: index, writer: writer, types: types)
      do throws(ModelError) {
        try step(&edit)
      } catch { throw error.at(node: "'\(writer.editor.displayName(of: node))' (\(node.opType))") }
      writer = edit.writer
      writer.replace(index, with: edit.node)
    }
  }
}

/// One node on its way to the next version.
struct NodeUpgrade {
  var node: Node
  let index: Int
  var writer: NodeWriter
  let types: [ValueID: TensorType]

  /// Removes an attribute.
  mutating func take(_ name: String) -> AttributeValue? {
    guard let position = node.attributes.firstIndex(where: { $0.name == name }) else { return nil }
    return node.attributes.remove(at: position).value
  }

  mutating func takeInts(_ name: String) -> [Int64]? {
    if case .ints(let values)? = take(name) { values } else { nil }
  }

  mutating func takeFloat(_ name: String) -> Float? {
    if case .float(let value)? = take(name) { value } else { nil }
  }

  mutating func takeInt(_ name: String) -> Int64? {
    if case .int(let value)? = take(name) { value } else { nil }
  }

  /// Makes `tensor` input `position`; inputs before it that are not there are left out.
  mutating func setInput(_ position: Int, _ name: String, _ tensor: Tensor) {
    while node.inputs.count <= position { node.inputs.append(nil) }
    node.inputs[position] = writer.weight("\(writer.editor.displayName(of: node))/\(name)", tensor)
  }

  mutating func setInput(_ position: Int, _ name: String, _ values: [Int64]) throws(ModelError) {
    setInput(position, name, try Tensor(values, shape: [values.count]))
  }

  /// Makes a number of the type of input 0 input `position`.
  mutating func setInput(_ position: Int, _ name: String, number: Float) throws(ModelError) {
    let element = (node.inputs.first ?? nil).flatMap { types[$0]?.element } ?? .f32
    setInput(position, name, try Tensor(scalar: number).converted(to: element))
  }

  /// Whether a `Resize` takes the nearest element.
  var isNearest: Bool {
    guard case .string(let mode)? = node.attribute("mode") else { return true }
    return mode == "nearest"
  }

  func refusal(_ found: String, remedy: String? = nil) -> ModelError {
    ModelError(
      .invalidRequest, found, expected: "an operator that newer opsets have",
      remedy: remedy ?? "export the model with a newer opset")
  }
}

extension Model {
  mutating func set(opset version: Int) {
    for index in opsets.indices where Model.canonical(opsets[index].domain).isEmpty {
      opsets[index].version = version
    }
  }
}
