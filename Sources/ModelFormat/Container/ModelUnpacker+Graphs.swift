import CSchemas

// Graphs, nodes, attributes and functions.
extension ModelUnpacker {
  func graph(
    _ row: UnsafeMutablePointer<Zoo__Graph>?, _ operators: [OperatorName]
  ) throws(ModelError) -> Graph {
    let row = try present(row)
    var graph = Graph()
    graph.name = try text(row.name)
    graph.documentation = try text(row.documentation)
    graph.inputs = try values(numbers(row.inputs, row.n_inputs))
    graph.outputs = try values(numbers(row.outputs, row.n_outputs))
    graph.nodes.reserveCapacity(row.n_nodes)
    for (index, node) in rows(row.nodes, row.n_nodes).enumerated() {
      do throws(ModelError) {
        graph.nodes.append(try self.node(node, operators))
      } catch {
        throw error.at(node: "node #\(index)")
      }
    }
    let constants = try values(numbers(row.constants, row.n_constants))
    let tensors = numbers(row.tensors, row.n_tensors)
    guard constants.count == tensors.count else {
      throw .badGraph(
        "\(tensors.count) tensors for \(constants.count) constants", expected: "as many of both")
    }
    for (value, tensor) in zip(constants, tensors) {
      let weight = try element(self.tensors, tensor, "tensor")
      guard graph.weights.updateValue(weight, forKey: value) == nil else {
        throw .badGraph("two constants for value \(value.index)", expected: "one")
      }
    }
    graph.metadata = try metadata(numbers(row.metadata, row.n_metadata))
    return graph
  }

  private func values(_ rows: UnsafeBufferPointer<UInt32>) throws(ModelError) -> [ValueID] {
    var values: [ValueID] = []
    values.reserveCapacity(rows.count)
    for row in rows {
      guard row < message.n_values else { throw .badRow("value", row, of: message.n_values) }
      values.append(ValueID(Int(row)))
    }
    return values
  }

  private func operands(_ rows: UnsafeBufferPointer<UInt32>) throws(ModelError) -> [ValueID?] {
    var values: [ValueID?] = []
    values.reserveCapacity(rows.count)
    for number in rows {
      guard number <= message.n_values else {
        throw .badRow("value", number - 1, of: message.n_values)
      }
      values.append(number == 0 ? nil : ValueID(Int(number) - 1))
    }
    return values
  }

  private func graphID(_ row: UInt32) throws(ModelError) -> GraphID {
    guard row < message.n_graphs else { throw .badRow("graph", row, of: message.n_graphs) }
    return GraphID(Int(row))
  }

  private func node(
    _ row: UnsafeMutablePointer<Zoo__Node>?, _ operators: [OperatorName]
  ) throws(ModelError) -> Node {
    let row = try present(row)
    let name = try element(operators, row.op, "operator")
    var node = Node(
      name.type, domain: name.domain, name: try text(row.name),
      inputs: try operands(numbers(row.inputs, row.n_inputs)),
      outputs: try operands(numbers(row.outputs, row.n_outputs)),
      attributes: try attributes(rows(row.attributes, row.n_attributes)))
    node.overload = name.overload
    node.documentation = try text(row.documentation)
    node.metadata = try metadata(numbers(row.metadata, row.n_metadata))
    return node
  }

  func function(
    _ row: UnsafeMutablePointer<Zoo__Function>?
  ) throws(ModelError) -> Function {
    let row = try present(row)
    var function = Function(
      name: try text(row.name), domain: try text(row.domain), body: try graphID(row.body))
    function.overload = try text(row.overload)
    function.documentation = try text(row.documentation)
    function.attributeNames = try texts(numbers(row.attribute_names, row.n_attribute_names))
    function.attributeDefaults = try attributes(
      rows(row.attribute_defaults, row.n_attribute_defaults))
    function.opsets = try opsets(rows(row.opsets, row.n_opsets))
    function.metadata = try metadata(numbers(row.metadata, row.n_metadata))
    return function
  }

  private func attributes(
    _ rows: UnsafeBufferPointer<UnsafeMutablePointer<Zoo__Attribute>?>
  ) throws(ModelError) -> [Attribute] {
    var attributes: [Attribute] = []
    attributes.reserveCapacity(rows.count)
    for row in rows {
      let row = try present(row)
      let name = try text(row.name)
      do throws(ModelError) {
        attributes.append(Attribute(name, try attributeValue(row)))
      } catch {
        throw error.at(operand: "attribute '\(name)'")
      }
    }
    return attributes
  }

  private func attributeValue(_ row: Zoo__Attribute) throws(ModelError) -> AttributeValue {
    let integers = numbers(row.integers, row.n_integers)
    let floats = numbers(row.floats, row.n_floats)
    switch row.kind {
    case ZOO__ATTRIBUTE_KIND__INT: return .int(try only(integers))
    case ZOO__ATTRIBUTE_KIND__FLOAT: return .float(Float(bitPattern: try only(floats)))
    case ZOO__ATTRIBUTE_KIND__INTS: return .ints(Array(integers))
    case ZOO__ATTRIBUTE_KIND__FLOATS: return .floats(floats.map { Float(bitPattern: $0) })
    case ZOO__ATTRIBUTE_KIND__REFERENCE:
      guard let kind = Int32(exactly: try only(integers)) else {
        throw .badGraph("an attribute kind of more than 32 bits")
      }
      return .reference(name: try text(only(numbers(row.rows, row.n_rows))), kind: kind)
    default: return try attributeRows(row.kind, numbers(row.rows, row.n_rows))
    }
  }

  private func attributeRows(
    _ kind: Zoo__AttributeKind, _ rows: UnsafeBufferPointer<UInt32>
  ) throws(ModelError) -> AttributeValue {
    switch kind {
    case ZOO__ATTRIBUTE_KIND__STRING: .string(try text(only(rows)))
    case ZOO__ATTRIBUTE_KIND__BYTES: .bytes(try text.bytes(only(rows)))
    case ZOO__ATTRIBUTE_KIND__TENSOR_VALUE: .tensor(try element(tensors, only(rows), "tensor"))
    case ZOO__ATTRIBUTE_KIND__SPARSE_VALUE:
      .sparseTensor(try element(sparse, only(rows), "sparse tensor"))
    case ZOO__ATTRIBUTE_KIND__GRAPH: .graph(try graphID(only(rows)))
    case ZOO__ATTRIBUTE_KIND__TYPE: .type(try element(types, only(rows), "type"))
    case ZOO__ATTRIBUTE_KIND__STRINGS: .strings(try texts(rows))
    case ZOO__ATTRIBUTE_KIND__TENSORS:
      .tensors(try all(rows) { r throws(ModelError) in try element(tensors, r, "tensor") })
    case ZOO__ATTRIBUTE_KIND__SPARSES:
      .sparseTensors(
        try all(rows) { r throws(ModelError) in try element(sparse, r, "sparse tensor") })
    case ZOO__ATTRIBUTE_KIND__GRAPHS: .graphs(try all(rows, graphID))
    case ZOO__ATTRIBUTE_KIND__TYPES:
      .types(try all(rows) { r throws(ModelError) in try element(types, r, "type") })
    default:
      throw ModelError(
        .unsupportedVersion, "a value of kind \(kind.rawValue)", expected: "0 ... 15",
        remedy: "use a newer version of this library")
    }
  }

  private func all<T>(
    _ rows: UnsafeBufferPointer<UInt32>, _ element: (UInt32) throws(ModelError) -> T
  ) throws(ModelError) -> [T] {
    var elements: [T] = []
    for row in rows { elements.append(try element(row)) }
    return elements
  }

  private func only<T>(_ elements: UnsafeBufferPointer<T>) throws(ModelError) -> T {
    guard elements.count == 1 else {
      throw .badGraph("\(elements.count) elements of a single value", expected: "1")
    }
    return elements[0]
  }
}
