import ModelFormat

/// All that a model holds, as text: equal texts mean equal models, bit by bit.
struct ModelText {
  private(set) var lines: [String] = []

  /// - Throws: What decoding its weights throws.
  static func of(_ model: Model) throws -> [String] {
    var text = ModelText()
    try text.add(model)
    return text.lines
  }

  private mutating func add(_ what: String, _ content: Any...) {
    lines.append(what + ": " + content.map { Self.bits(of: $0) }.joined(separator: " | "))
  }

  /// Swift compares strings by their meaning; a file keeps their bytes.
  private static func bits(of value: Any) -> String {
    switch value {
    case let text as String: "\(Array(text.utf8))"
    case let texts as [String]: "\(texts.map { Array($0.utf8) })"
    case let entries as [MetadataEntry]:
      "\(entries.map { (Array($0.key.utf8), Array($0.value.utf8)) })"
    case let opsets as [OpsetImport]: "\(opsets.map { (Array($0.domain.utf8), $0.version) })"
    case let type as ValueType: "\(Array("\(type)".utf8))"
    case let tensor as Tensor: bits(of: tensor)
    default: "\(value)"
    }
  }

  private static func bits(of tensor: Tensor) -> String {
    if let strings = tensor.strings { return "\(tensor.shape) \(bits(of: strings))" }
    let bytes = try? tensor.withBytes { [UInt8]($0) }
    return "\(tensor.elementType) \(tensor.shape) \(bytes ?? [])"
  }

  private mutating func add(_ model: Model) throws {
    add("model", model.irVersion, model.producerName, model.producerVersion, model.domain)
    add("version", model.version, model.documentation, model.opsets, model.metadata)
    for value in model.values {
      add("value", value.name, value.documentation, value.metadata)
      if let type = value.type { add("type", type) }
    }
    for graph in model.graphs { try add(graph) }
    for function in model.functions {
      add("function", function.name, function.domain, function.overload, function.documentation)
      add("parameters", function.attributeNames, function.opsets, function.body, function.metadata)
      for attribute in function.attributeDefaults { try add(attribute) }
    }
    for asset in model.assets { add("asset", asset.name, asset.mediaType, asset.bytes) }
    for recorded in model.cases {
      add("case", recorded.name, recorded.absolute, recorded.relative)
      for value in recorded.inputs {
        add("input", value.name)
        add(value.value)
      }
      for value in recorded.outputs {
        add("output", value.name)
        add(value.value)
      }
    }
  }

  private mutating func add(_ graph: Graph) throws {
    add("graph", graph.name, graph.documentation, graph.inputs, graph.outputs, graph.metadata)
    for node in graph.nodes {
      add("node", node.name, node.opType, node.domain, node.overload, node.documentation)
      add("operands", node.inputs, node.outputs, node.metadata)
      for attribute in node.attributes { try add(attribute) }
    }
    for (id, weight) in graph.weights.sorted(by: { $0.key < $1.key }) {
      add("weight", id, weight.elementType, weight.shape, try weight.tensor())
    }
  }

  private mutating func add(_ attribute: Attribute) throws {
    add("attribute", attribute.name)
    switch attribute.value {
    case .float(let value): add("float", value.bitPattern)
    case .floats(let values): add("floats", values.map(\.bitPattern))
    case .string(let value): add("string", value)
    case .strings(let values): add("strings", values)
    case .tensor(let weight): add("tensor", try weight.tensor())
    case .tensors(let weights):
      add("tensors", weights.count)
      for weight in weights { add("tensor", try weight.tensor()) }
    case .sparseTensor(let value): add(.sparse(value))
    case .sparseTensors(let values):
      add("sparse", values.count)
      for value in values { add(.sparse(value)) }
    case .type(let type): add("type", type)
    case .types(let types):
      add("types", types.count)
      for type in types { add("type", type) }
    case .reference(let name, let kind): add("reference", name, kind)
    case .int, .ints, .bytes, .graph, .graphs: add("value", attribute.value)
    }
  }

  private mutating func add(_ value: Value) {
    switch value {
    case .tensor(let tensor): add("tensor", tensor)
    case .sparse(let sparse): add("sparse", sparse.shape, sparse.values, sparse.indices)
    case .sequence(let values, let element):
      add("sequence", values.count, element)
      for value in values { add(value) }
    case .optional(let value, let wrapped):
      add("optional", value == nil, wrapped)
      if let value { add(value) }
    case .map(let map):
      add("map", map.keys)
      add(map.values)
    }
  }
}
