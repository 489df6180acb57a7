/// The names that a graph defines, and those of the graphs around it.
///
/// All names of a graph are visible to all its nodes and to their subgraphs, whatever the order of the nodes; a name
/// that a subgraph defines itself hides the outer one.
final class Scope {
  private let parent: Scope?
  private var names: [NameKey: ValueID] = [:]

  init(parent: Scope?) { self.parent = parent }

  func find(_ name: NameKey) -> ValueID? {
    var scope: Scope? = self
    while let current = scope {
      if let id = current.names[name] { return id }
      scope = current.parent
    }
    return nil
  }

  func local(_ name: NameKey) -> ValueID? { names[name] }

  func define(_ name: NameKey, _ id: ValueID) { names[name] = id }
}

/// The fields of a `GraphProto` or `FunctionProto`, sorted by kind.
private struct GraphParts {
  var graph = Graph()
  var nodes: [WireMessage] = []
  var weights: [WireMessage] = []
  var sparseWeights: [WireMessage] = []
  var inputs: [ONNXTypeReader.Value] = []
  var outputs: [ONNXTypeReader.Value] = []
  var infos: [ONNXTypeReader.Value] = []
}

extension ONNXModelReader {
  /// A `GraphProto`: adds its graph and values to the model.
  mutating func graph(
    _ message: WireMessage, parent: Scope?, depth: Int
  ) throws(WireError) -> GraphID {
    let id = try reserveGraph(message, depth: depth)
    var parts = GraphParts()
    var cursor = message
    while let field = try cursor.next() {
      switch field.number {
      case 1: parts.nodes.append(try field.message())
      case 2: parts.graph.name = try field.string()
      case 5: parts.weights.append(try field.message())
      case 15: parts.sparseWeights.append(try field.message())
      case 10: parts.graph.documentation = try field.text()
      case 11: parts.inputs.append(try value(field))
      case 12: parts.outputs.append(try value(field))
      case 13: parts.infos.append(try value(field))
      case 16: parts.graph.metadata.append(try metadata(field))
      default: break
      }
    }
    try build(&parts, id, parent: parent, depth: depth)
    return id
  }

  /// A `FunctionProto`.
  mutating func function(_ message: WireMessage) throws(WireError) -> Function {
    let id = try reserveGraph(message, depth: 1)
    try charge(message.tag) { (budget) throws(ModelError) in
      try budget.row(.functions, bytes: MemoryLayout<Function>.stride)
    }
    var function = Function(name: "", domain: "", body: id)
    var parts = GraphParts()
    var defaults: [WireMessage] = []
    var opsets = OpsetTable()
    var cursor = message
    while let field = try cursor.next() {
      switch field.number {
      case 1: function.name = try field.string()
      case 4: parts.inputs.append(try parameter(field))
      case 5: parts.outputs.append(try parameter(field))
      case 6: function.attributeNames.append(try field.string())
      case 7: parts.nodes.append(try field.message())
      case 8: function.documentation = try field.text()
      case 9: try appendOpset(field, to: &opsets)
      case 10: function.domain = try field.string()
      case 11: defaults.append(try field.message())
      case 12: parts.infos.append(try value(field))
      case 13: function.overload = try field.string()
      case 14: function.metadata.append(try metadata(field))
      default: break
      }
    }
    guard !function.name.isEmpty else {
      throw WireError(message.tag, "a function without a name")
    }
    parts.graph.name = function.name
    function.opsets = opsets.imports
    for attribute in defaults {
      function.attributeDefaults.append(
        try self.attribute(attribute, scope: Scope(parent: nil), depth: 1))
    }
    try build(&parts, id, parent: nil, depth: 1)
    return function
  }

  private mutating func reserveGraph(
    _ message: WireMessage, depth: Int
  ) throws(WireError) -> GraphID {
    try charge(message.tag) { (budget) throws(ModelError) in
      try budget.depth(depth)
      try budget.row(.graphs, bytes: MemoryLayout<Graph>.stride)
    }
    return model.addGraph(Graph())
  }

  private mutating func value(_ field: WireField) throws(WireError) -> ONNXTypeReader.Value {
    try ONNXTypeReader.value(field.message(), budget: &tensors.budget)
  }

  private mutating func parameter(_ field: WireField) throws(WireError) -> ONNXTypeReader.Value {
    let name = try field.string()
    try charge(field.tag) { (budget) throws(ModelError) in
      try budget.row(.values, bytes: MemoryLayout<ONNXTypeReader.Value>.stride)
    }
    return ONNXTypeReader.Value(
      name: NameKey(try field.payload()), nameTag: field.tag, info: ValueInfo(name: name))
  }

  private mutating func build(
    _ parts: inout GraphParts, _ id: GraphID, parent: Scope?, depth: Int
  ) throws(WireError) {
    let scope = Scope(parent: parent)
    for input in parts.inputs {
      guard !input.name.isEmpty else {
        throw WireError(input.nameTag, .invalidGraph, "an input without a name")
      }
      parts.graph.inputs.append(
        try define(input.name, info: input.info, tag: input.nameTag, in: scope))
    }
    try readWeights(&parts, scope)
    for node in parts.nodes { try defineOutputs(of: node, in: scope) }
    for info in parts.infos { describe(scope.local(info.name), as: info.info) }
    parts.graph.nodes.reserveCapacity(parts.nodes.count)
    for node in parts.nodes {
      parts.graph.nodes.append(try self.node(node, scope: scope, depth: depth))
    }
    for output in parts.outputs {
      guard let value = scope.find(output.name) else {
        throw WireError(
          output.nameTag, .invalidGraph, "output '\(output.info.name)', which nothing produces",
          expected: "an output of a node, an input or an initializer")
      }
      describe(scope.local(output.name), as: output.info)
      parts.graph.outputs.append(value)
    }
    model[id] = parts.graph
  }

  private mutating func readWeights(
    _ parts: inout GraphParts, _ scope: Scope
  ) throws(WireError) {
    for message in parts.weights {
      let (name, weight) = try tensors.weight(message)
      try add(weight, message.name(of: 8) ?? .empty, name, message.tag, &parts.graph, scope)
    }
    for message in parts.sparseWeights {
      let (name, sparse) = try tensors.sparse(message)
      let weight = Weight(
        sparse.values.elementType, shape: sparse.shape, source: DensifiedTensor(sparse: sparse))
      let key = message.child(1)?.name(of: 8) ?? .empty
      try add(weight, key, name, message.tag, &parts.graph, scope)
    }
    // Before IR version 4 every initializer had to be listed as an input, too, and was constant all the same.
    if model.irVersion < 4 { parts.graph.inputs.removeAll { parts.graph.weights[$0] != nil } }
  }

  private mutating func add(
    _ weight: Weight, _ key: NameKey, _ name: String, _ tag: Int, _ graph: inout Graph,
    _ scope: Scope
  ) throws(WireError) {
    guard !key.isEmpty else {
      throw WireError(tag, .invalidGraph, "an initializer without a name")
    }
    try charge(tag) { (budget) throws(ModelError) in
      try budget.row(.weights, bytes: MemoryLayout<Weight>.stride + 128)
    }
    if let id = scope.local(key) {
      guard graph.weights.updateValue(weight, forKey: id) == nil else {
        throw WireError(
          tag, .invalidGraph, "a second initializer '\(name)'", expected: "names used once")
      }
      if model[id].type == nil { model[id].type = .tensor(weight.type) }
    } else {
      let info = ValueInfo(name: name, type: .tensor(weight.type))
      graph.weights[try define(key, info: info, tag: tag, in: scope)] = weight
    }
  }

  private mutating func define(
    _ name: NameKey, info: ValueInfo, tag: Int, in scope: Scope
  ) throws(WireError) -> ValueID {
    guard scope.local(name) == nil else {
      throw WireError(
        tag, .invalidGraph, "a second value '\(info.name)' in one graph",
        expected: "names that are defined once")
    }
    let id = ValueID(model.values.count)
    model.values.append(info)
    scope.define(name, id)
    return id
  }

  private mutating func describe(_ id: ValueID?, as info: ValueInfo) {
    guard let id else { return }
    if model[id].type == nil { model[id].type = info.type }
    if model[id].documentation.isEmpty { model[id].documentation = info.documentation }
    if model[id].metadata.isEmpty { model[id].metadata = info.metadata }
  }

  private mutating func defineOutputs(
    of message: WireMessage, in scope: Scope
  ) throws(WireError) {
    var cursor = message
    while let field = try cursor.next() {
      guard field.number == 2 else { continue }
      let name = try field.string()
      if name.isEmpty { continue }
      try charge(field.tag) { (budget) throws(ModelError) in
        try budget.row(.values, bytes: MemoryLayout<ValueInfo>.stride + 64 + name.utf8.count)
      }
      _ = try define(
        NameKey(try field.payload()), info: ValueInfo(name: name), tag: field.tag, in: scope)
    }
  }

  private mutating func node(
    _ message: WireMessage, scope: Scope, depth: Int
  ) throws(WireError) -> Node {
    var node = Node("", inputs: [], outputs: [])
    var attributes: [WireMessage] = []
    var cursor = message
    while let field = try cursor.next() {
      switch field.number {
      case 1: node.inputs.append(try use(field, scope))
      case 2: node.outputs.append(scope.local(NameKey(try field.payload())))
      case 3: node.name = try field.string()
      case 4: node.opType = try field.string()
      case 5: attributes.append(try field.message())
      case 6: node.documentation = try field.text()
      case 7: node.domain = try field.string()
      case 8: node.overload = try field.string()
      case 9: node.metadata.append(try metadata(field))
      default: break
      }
    }
    guard !node.opType.isEmpty else {
      throw WireError(message.tag, .invalidGraph, "a node without an operator")
    }
    let operands = 16 * (node.inputs.count + node.outputs.count)
    let text = node.name.utf8.count + node.opType.utf8.count + node.documentation.utf8.count
    try charge(message.tag) { (budget) throws(ModelError) in
      try budget.row(.nodes, bytes: MemoryLayout<Node>.stride + operands + text)
    }
    var names: Set<String> = []
    for attribute in attributes {
      let attribute = try self.attribute(attribute, scope: scope, depth: depth)
      guard names.insert(attribute.name).inserted else {
        throw WireError(
          message.tag, .invalidGraph, "a second attribute '\(attribute.name)' of one node")
      }
      node.attributes.append(attribute)
    }
    return node
  }

  private func use(_ field: WireField, _ scope: Scope) throws(WireError) -> ValueID? {
    let name = NameKey(try field.payload())
    if name.isEmpty { return nil }
    guard let id = scope.find(name) else {
      throw WireError(
        field.tag, .invalidGraph, "input '\(name)' of a node, which nothing produces",
        expected: "an output of a node, an input or an initializer")
    }
    return id
  }

  mutating func metadata(_ field: WireField) throws(WireError) -> MetadataEntry {
    let entry = try field.message().metadataEntry()
    let bytes = MemoryLayout<MetadataEntry>.stride + field.count
    try charge(field.tag) { (budget) throws(ModelError) in
      try budget.row(.metadata, bytes: bytes)
    }
    return entry
  }
}

extension WireMessage {
  /// The bytes of the last string field of that number.
  fileprivate func name(of number: Int) -> NameKey? {
    var cursor = self
    var name: NameKey?
    while let field = try? cursor.next() {
      if field.number == number, let payload = try? field.payload() { name = NameKey(payload) }
    }
    return name
  }

  fileprivate func child(_ number: Int) -> WireMessage? {
    var cursor = self
    while let field = try? cursor.next() {
      if field.number == number { return try? field.message() }
    }
    return nil
  }
}
