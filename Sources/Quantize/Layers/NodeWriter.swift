import ZooRuntime

/// Puts nodes before a node of a graph, with names that nothing else in the model has.
struct NodeWriter {
  private(set) var editor: GraphEditor
  private var names: Set<String>
  private var constants: [Float: ValueID] = [:]
  private var axes: [[Int64]: ValueID] = [:]

  init(_ model: Model, _ graph: GraphID) {
    editor = GraphEditor(model, graph)
    names = Set(model.values.map(\.name))
    for graph in model.graphs { names.formUnion(graph.nodes.map(\.name)) }
  }

  /// `name`, with a number behind it if it is taken.
  private mutating func unique(_ name: String) -> String {
    var candidate = name
    var number = 2
    while !names.insert(candidate).inserted {
      candidate = "\(name)_\(number)"
      number += 1
    }
    return candidate
  }

  /// Inserts a node with one output, which has the node's name.
  mutating func add(
    _ opType: String, _ inputs: [ValueID?], named name: String, before index: Int,
    attributes: [Attribute] = [], type: ValueType? = nil
  ) -> ValueID {
    let name = unique(name)
    let output = editor.addValue(name, type: type)
    editor.insert(
      Node(opType, name: name, inputs: inputs, outputs: [output], attributes: attributes),
      before: index)
    return output
  }

  mutating func cast(
    _ input: ValueID, to type: ElementType, _ name: String, before index: Int
  ) -> ValueID {
    add(
      "Cast", [input], named: name, before: index,
      attributes: [Attribute("to", .int(Int64(type.rawValue)))])
  }

  mutating func weight(_ name: String, _ tensor: Tensor) -> ValueID {
    editor.addWeight(unique(name), tensor)
  }

  /// A scalar constant, one for all nodes that need the same.
  mutating func scalar(_ value: Float) throws(ModelError) -> ValueID {
    if let known = constants[value] { return known }
    let id = weight("quantize/\(value)", try Tensor(scalar: value))
    constants[value] = id
    return id
  }

  /// A list of axes, one for all nodes that need the same.
  mutating func list(_ values: [Int64]) throws(ModelError) -> ValueID {
    if let known = axes[values] { return known }
    let text = values.map(String.init).joined(separator: ",")
    let id = weight("quantize/axes_\(text)", try Tensor(values, shape: [values.count]))
    axes[values] = id
    return id
  }

  mutating func replace(_ index: Int, with node: Node) { editor.replace(index, with: node) }

  /// The model with all changes, and without the weights that nobody needs any more.
  func finish() -> Model {
    var editor = editor
    editor.removeDeadNodes()
    return editor.model
  }
}
