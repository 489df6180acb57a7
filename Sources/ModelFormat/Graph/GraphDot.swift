extension Model {
  /// The main graph and its subgraphs in Graphviz's language: nodes as boxes, values as arrows with names and types,
  /// inputs and outputs as ellipses, subgraphs as frames. Weights are left out.
  public var dot: String {
    var printer = DotPrinter(self)
    return printer.print()
  }
}

private struct DotPrinter {
  private let model: Model
  /// The graph's node that makes each value.
  private var sources: [ValueID: String] = [:]
  private var text = ""
  private var edges = ""

  init(_ model: Model) { self.model = model }

  mutating func print() -> String {
    text = "digraph model {\n  node [shape=box, fontname=\"sans-serif\"]\n"
    if !model.graphs.isEmpty { graph(.main, indent: 1, depth: 0) }
    return text + edges + "}\n"
  }

  private mutating func graph(_ id: GraphID, indent: Int, depth: Int) {
    guard model.graphs.indices.contains(id.index), depth < 512 else { return }
    let graph = model[id]
    for value in graph.inputs where graph.weights[value] == nil {
      let name = "input_\(value.index)"
      sources[value] = name
      line(indent, "\(name) [shape=ellipse, label=\(label(value))]")
    }
    for (index, node) in graph.nodes.enumerated() {
      let name = "node_\(id.index)_\(index)"
      for case .some(let value) in node.outputs { sources[value] = name }
      let title = node.name.isEmpty ? "" : "\n" + node.name
      line(indent, "\(name) [label=\(quoted(node.qualifiedType + title))]")
      for case .some(let value) in node.inputs { edge(value, to: name) }
      for body in node.graphs {
        line(indent, "subgraph cluster_\(body.index) {")
        let title = model.graphs.indices.contains(body.index) ? model[body].name : ""
        line(indent + 1, "label=\(quoted(title))")
        self.graph(body, indent: indent + 1, depth: depth + 1)
        line(indent, "}")
      }
    }
    for (index, value) in graph.outputs.enumerated() {
      let name = "output_\(id.index)_\(index)"
      line(indent, "\(name) [shape=ellipse, label=\(label(value))]")
      edge(value, to: name)
    }
  }

  private mutating func edge(_ value: ValueID, to target: String) {
    guard let source = sources[value] else { return }
    edges += "  \(source) -> \(target) [label=\(label(value))]\n"
  }

  private func label(_ value: ValueID) -> String {
    let info = model[value]
    return quoted(info.name + (info.type.map { "\n\($0)" } ?? ""))
  }

  private mutating func line(_ indent: Int, _ line: String) {
    text += String(repeating: "  ", count: indent) + line + "\n"
  }
}
