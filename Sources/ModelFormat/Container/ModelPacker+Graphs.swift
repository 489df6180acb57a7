import CSchemas

// Graphs, nodes, attributes and functions.
extension ModelPacker {
  mutating func graph(_ graph: Graph) throws(ModelError) -> UnsafeMutablePointer<Zoo__Graph>? {
    try arena.message(zoo__graph__init) { (m) throws(ModelError) in
      m.name = text.number(of: graph.name)
      m.documentation = text.number(of: graph.documentation)
      (m.n_inputs, m.inputs) = arena.array(try graph.inputs.rows(check))
      (m.n_outputs, m.outputs) = arena.array(try graph.outputs.rows(check))
      (m.n_nodes, m.nodes) = arena.array(
        try rows(graph.nodes) { p, n throws(ModelError) in
          try p.node(n)
        })
      let constants = graph.weights.sorted { $0.key < $1.key }
      (m.n_constants, m.constants) = arena.array(try constants.map(\.key).rows(check))
      var tensors: [UInt32] = []
      for (value, weight) in constants {
        do throws(ModelError) {
          tensors.append(try tensor(weight))
        } catch {
          throw error.at(operand: "'\(valueNames[value.index])'")
        }
      }
      (m.n_tensors, m.tensors) = arena.array(tensors)
      (m.n_metadata, m.metadata) = arena.array(metadata(graph.metadata))
    }
  }

  private mutating func node(_ node: Node) throws(ModelError) -> UnsafeMutablePointer<Zoo__Node>? {
    try arena.message(zoo__node__init) { (m) throws(ModelError) in
      m.op = operators.row(
        of: OperatorRow(
          type: text.number(of: node.opType), domain: text.number(of: node.domain),
          overload: text.number(of: node.overload)))
      m.name = text.number(of: node.name)
      (m.n_inputs, m.inputs) = arena.array(try operands(node.inputs))
      (m.n_outputs, m.outputs) = arena.array(try operands(node.outputs))
      (m.n_attributes, m.attributes) = arena.array(
        try rows(node.attributes) { p, a throws(ModelError) in try p.attribute(a) })
      m.documentation = text.number(of: node.documentation)
      (m.n_metadata, m.metadata) = arena.array(metadata(node.metadata))
    }
  }

  mutating func function(
    _ function: Function
  ) throws(ModelError) -> UnsafeMutablePointer<Zoo__Function>? {
    try arena.message(zoo__function__init) { (m) throws(ModelError) in
      m.name = text.number(of: function.name)
      m.domain = text.number(of: function.domain)
      m.overload = text.number(of: function.overload)
      m.documentation = text.number(of: function.documentation)
      (m.n_attribute_names, m.attribute_names) = arena.array(texts(function.attributeNames))
      (m.n_attribute_defaults, m.attribute_defaults) = arena.array(
        try rows(function.attributeDefaults) { p, a throws(ModelError) in try p.attribute(a) })
      (m.n_opsets, m.opsets) = arena.array(try opsets(function.opsets))
      m.body = try row(function.body)
      (m.n_metadata, m.metadata) = arena.array(metadata(function.metadata))
    }
  }

  private mutating func attribute(
    _ attribute: Attribute
  ) throws(ModelError) -> UnsafeMutablePointer<Zoo__Attribute>? {
    var content = AttributeContent()
    try fill(&content, attribute.value)
    return try arena.message(zoo__attribute__init) { m in
      m.name = text.number(of: attribute.name)
      m.kind = content.kind
      (m.n_integers, m.integers) = arena.array(content.integers)
      (m.n_floats, m.floats) = arena.array(content.floats.map(\.bitPattern))
      (m.n_rows, m.rows) = arena.array(content.rows)
    }
  }

  private struct AttributeContent {
    var kind = ZOO__ATTRIBUTE_KIND__INT
    var integers: [Int64] = []
    var floats: [Float] = []
    var rows: [UInt32] = []
  }

  private mutating func fill(
    _ content: inout AttributeContent, _ value: AttributeValue
  ) throws(ModelError) {
    switch value {
    case .int(let value): (content.kind, content.integers) = (ZOO__ATTRIBUTE_KIND__INT, [value])
    case .float(let value): (content.kind, content.floats) = (ZOO__ATTRIBUTE_KIND__FLOAT, [value])
    case .ints(let values): (content.kind, content.integers) = (ZOO__ATTRIBUTE_KIND__INTS, values)
    case .floats(let values): (content.kind, content.floats) = (ZOO__ATTRIBUTE_KIND__FLOATS, values)
    case .reference(let name, let kind):
      content.kind = ZOO__ATTRIBUTE_KIND__REFERENCE
      content.rows = texts([name])
      content.integers = [Int64(kind)]
    default:
      (content.kind, content.rows) = try rows(of: value)
    }
  }

  private mutating func rows(
    of value: AttributeValue
  ) throws(ModelError) -> (Zoo__AttributeKind, [UInt32]) {
    switch value {
    case .string(let value): return (ZOO__ATTRIBUTE_KIND__STRING, texts([value]))
    case .bytes(let value): return (ZOO__ATTRIBUTE_KIND__BYTES, [text.number(of: value)])
    case .tensor(let value): return (ZOO__ATTRIBUTE_KIND__TENSOR_VALUE, [try tensor(value)])
    case .sparseTensor(let value): return (ZOO__ATTRIBUTE_KIND__SPARSE_VALUE, [try sparse(value)])
    case .graph(let value): return (ZOO__ATTRIBUTE_KIND__GRAPH, [try row(value)])
    case .type(let value): return (ZOO__ATTRIBUTE_KIND__TYPE, [row(of: value)])
    case .strings(let values): return (ZOO__ATTRIBUTE_KIND__STRINGS, texts(values))
    case .tensors(let values):
      var rows: [UInt32] = []
      for value in values { rows.append(try tensor(value)) }
      return (ZOO__ATTRIBUTE_KIND__TENSORS, rows)
    case .sparseTensors(let values):
      var rows: [UInt32] = []
      for value in values { rows.append(try sparse(value)) }
      return (ZOO__ATTRIBUTE_KIND__SPARSES, rows)
    case .graphs(let values):
      var rows: [UInt32] = []
      for value in values { rows.append(try row(value)) }
      return (ZOO__ATTRIBUTE_KIND__GRAPHS, rows)
    case .types(let values):
      var rows: [UInt32] = []
      for value in values { rows.append(row(of: value)) }
      return (ZOO__ATTRIBUTE_KIND__TYPES, rows)
    case .int, .float, .ints, .floats, .reference:
      preconditionFailure("these have no rows")
    }
  }

  private func row(_ graph: GraphID) throws(ModelError) -> UInt32 {
    guard graph.index >= 0, graph.index < graphCount else {
      throw ModelError(
        .invalidGraph, "graph \(graph.index) of a model that has \(graphCount) graphs")
    }
    return UInt32(graph.index)
  }

  private func check(_ value: ValueID) throws(ModelError) {
    guard value.index >= 0, value.index < valueNames.count else {
      throw ModelError(
        .invalidGraph, "value \(value.index) of a model that has \(valueNames.count) values")
    }
  }

  /// Numbers of values; 0 where an operand is left out.
  private func operands(_ values: [ValueID?]) throws(ModelError) -> [UInt32] {
    var numbers: [UInt32] = []
    for value in values {
      if let value { try check(value) }
      numbers.append(value.map { UInt32($0.index) + 1 } ?? 0)
    }
    return numbers
  }
}

extension [ValueID] {
  fileprivate func rows(
    _ check: (ValueID) throws(ModelError) -> Void
  ) throws(ModelError) -> [UInt32] {
    var rows: [UInt32] = []
    for value in self {
      try check(value)
      rows.append(UInt32(value.index))
    }
    return rows
  }
}
