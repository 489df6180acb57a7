/// Makes the messages of graphs, nodes and functions.
struct ONNXGraphWriter {
  let model: Model
  let names: ONNXNames
  var tensors: ONNXTensorWriter

  mutating func graph(_ id: GraphID) throws(ModelError) -> WireBuilder {
    let graph = model[id]
    var message = WireBuilder()
    for node in graph.nodes { message.message(1, try self.node(node)) }
    message.string(2, graph.name.isEmpty ? "graph_\(id.index)" : graph.name)
    let weights = graph.weights.keys.sorted()
    for value in weights {
      guard let weight = graph.weights[value] else { continue }
      if let sparse = weight.source as? DensifiedTensor {
        message.message(15, try tensors.sparse(sparse.sparse, name: names[value]))
      } else {
        message.message(5, try tensors.tensor(weight, name: names[value]))
      }
    }
    message.text(10, graph.documentation)
    for value in graph.inputs { message.message(11, info(value)) }
    if model.irVersion < 4 {
      let inputs = Set(graph.inputs)
      for value in weights where !inputs.contains(value) { message.message(11, info(value)) }
    }
    for value in graph.outputs { message.message(12, info(value)) }
    for value in describedValues(graph) { message.message(13, info(value)) }
    for entry in graph.metadata { message.message(16, ONNXTensorWriter.entry(entry)) }
    return message
  }

  mutating func function(_ function: Function) throws(ModelError) -> WireBuilder {
    let graph = model[function.body]
    var message = WireBuilder()
    message.string(1, function.name)
    for value in graph.inputs { message.string(4, names[value]) }
    for value in graph.outputs { message.string(5, names[value]) }
    for name in function.attributeNames { message.string(6, name) }
    // A function has no initializers.
    for value in graph.weights.keys.sorted() {
      guard let weight = graph.weights[value] else { continue }
      let constant = Node(
        "Constant", inputs: [], outputs: [value], attributes: [Attribute("value", .tensor(weight))])
      message.message(7, try node(constant))
    }
    for node in graph.nodes { message.message(7, try self.node(node)) }
    message.text(8, function.documentation)
    for opset in function.opsets { message.message(9, Self.opset(opset)) }
    message.string(10, function.domain)
    for attribute in function.attributeDefaults {
      message.message(11, try self.attribute(attribute))
    }
    let parameters = (graph.inputs + graph.outputs).filter { model[$0].isDescribed }
    for value in parameters + describedValues(graph) { message.message(12, info(value)) }
    message.text(13, function.overload)
    for entry in function.metadata { message.message(14, ONNXTensorWriter.entry(entry)) }
    return message
  }

  static func opset(_ opset: OpsetImport) -> WireBuilder {
    var message = WireBuilder()
    message.string(1, opset.domain)
    message.varint(2, Int64(opset.version))
    return message
  }

  /// Values between inputs and outputs of which something is known.
  private func describedValues(_ graph: Graph) -> [ValueID] {
    var seen = Set(graph.inputs).union(graph.outputs)
    var values = graph.weights.keys.sorted().filter {
      !seen.contains($0) && !(model[$0].documentation.isEmpty && model[$0].metadata.isEmpty)
    }
    seen.formUnion(values)
    for node in graph.nodes {
      for case .some(let value) in node.outputs where model[value].isDescribed {
        if seen.insert(value).inserted { values.append(value) }
      }
    }
    return values
  }

  private func info(_ value: ValueID) -> WireBuilder {
    let info = model[value]
    var message = WireBuilder()
    message.string(1, names[value])
    if let type = info.type { message.message(2, ONNXTensorWriter.type(type)) }
    message.text(3, info.documentation)
    for entry in info.metadata { message.message(4, ONNXTensorWriter.entry(entry)) }
    return message
  }

  private mutating func node(_ node: Node) throws(ModelError) -> WireBuilder {
    var message = WireBuilder()
    for value in node.inputs { message.string(1, names[value]) }
    for value in node.outputs { message.string(2, names[value]) }
    message.text(3, node.name)
    message.string(4, node.opType)
    for attribute in node.attributes { message.message(5, try self.attribute(attribute)) }
    message.text(6, node.documentation)
    message.text(7, node.domain)
    message.text(8, node.overload)
    for entry in node.metadata { message.message(9, ONNXTensorWriter.entry(entry)) }
    return message
  }

  private mutating func attribute(_ attribute: Attribute) throws(ModelError) -> WireBuilder {
    var message = WireBuilder()
    message.string(1, attribute.name)
    switch attribute.value {
    case .float(let value): message.float(2, value)
    case .int(let value): message.varint(3, value)
    case .string(let value): message.string(4, value)
    case .bytes(let value): message.bytes(4, value)
    case .tensor(let weight): message.message(5, try tensors.tensor(weight))
    case .graph(let id): message.message(6, try graph(id))
    case .floats(let values): for value in values { message.float(7, value) }
    case .ints(let values): for value in values { message.varint(8, value) }
    case .strings(let values): for value in values { message.string(9, value) }
    case .tensors(let weights):
      for weight in weights { message.message(10, try tensors.tensor(weight)) }
    case .graphs(let ids): for id in ids { message.message(11, try graph(id)) }
    case .sparseTensor(let sparse): message.message(22, try tensors.sparse(sparse))
    case .sparseTensors(let all):
      for sparse in all { message.message(23, try tensors.sparse(sparse)) }
    case .type(let type): message.message(14, ONNXTensorWriter.type(type))
    case .types(let types): for type in types { message.message(15, ONNXTensorWriter.type(type)) }
    case .reference(let name, _): message.string(21, name)
    }
    message.varint(20, Int64(attribute.value.onnxKind))
    return message
  }
}

extension ValueInfo {
  fileprivate var isDescribed: Bool {
    type != nil || !documentation.isEmpty || !metadata.isEmpty
  }
}

extension AttributeValue {
  /// ONNX's `AttributeType`.
  package var onnxKind: Int32 {
    switch self {
    case .float: 1
    case .int: 2
    case .string, .bytes: 3
    case .tensor: 4
    case .graph: 5
    case .floats: 6
    case .ints: 7
    case .strings: 8
    case .tensors: 9
    case .graphs: 10
    case .sparseTensor: 11
    case .sparseTensors: 12
    case .type: 13
    case .types: 14
    case .reference(_, let kind): kind
    }
  }
}
