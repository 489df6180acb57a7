extension ONNXModelReader {
  /// An `AttributeProto`; `scope` is what its graphs can see.
  mutating func attribute(
    _ message: WireMessage, scope: Scope, depth: Int
  ) throws(WireError) -> Attribute {
    var parts = AttributeParts()
    var cursor = message
    while let field = try cursor.next() {
      try read(field, into: &parts, scope: scope, depth: depth)
    }
    let bytes = MemoryLayout<Attribute>.stride + parts.memory
    try charge(message.tag) { (budget) throws(ModelError) in
      try budget.row(.attributes, bytes: bytes)
    }
    if !parts.reference.isEmpty {
      let kind = Int32(truncatingIfNeeded: parts.kind ?? 0)
      return Attribute(parts.name, .reference(name: parts.reference, kind: kind))
    }
    let kind = parts.kind.flatMap { $0 == 0 ? nil : $0 } ?? parts.onlyKind
    guard let kind, let value = parts.value(kind) else {
      throw WireError(
        message.tag, "attribute '\(parts.name)' of type \(parts.kind ?? 0) without its value",
        expected: "a value of that type")
    }
    return Attribute(parts.name, value)
  }

  private mutating func read(
    _ field: WireField, into parts: inout AttributeParts, scope: Scope, depth: Int
  ) throws(WireError) {
    switch field.number {
    case 1: parts.name = try field.string()
    case 21: parts.reference = try field.string()
    case 20: parts.kind = Int(try field.int32())
    case 2: parts.float = try field.float()
    case 3: parts.int = try field.int64()
    case 4: parts.string = try field.stringOrBytes()
    case 5:
      try field.requireFirst(parts.tensor == nil)
      parts.tensor = try tensors.weight(field.message()).weight
    case 6:
      try field.requireFirst(parts.graph == nil)
      parts.graph = try graph(field.message(), parent: scope, depth: depth + 1)
    case 22:
      try field.requireFirst(parts.sparse == nil)
      parts.sparse = try tensors.sparse(field.message()).tensor
    case 14:
      try field.requireFirst(parts.type == nil)
      parts.type = try type(of: field)
    case 7, 8: try readNumbers(field, into: &parts)
    case 9: parts.strings.append(try field.string())
    case 10: parts.tensors.append(try tensors.weight(field.message()).weight)
    case 11: parts.graphs.append(try graph(field.message(), parent: scope, depth: depth + 1))
    case 23: parts.sparses.append(try tensors.sparse(field.message()).tensor)
    case 15: parts.types.append(try type(of: field))
    default: return
    }
    parts.seen(field.number)
    parts.memory +=
      field.type == .bytes && field.number != 7 && field.number != 8
      ? 16 + min(field.count, 1 << 20) : 0
  }

  private mutating func readNumbers(
    _ field: WireField, into parts: inout AttributeParts
  ) throws(WireError) {
    let count = field.number == 8 ? try field.varintCount() : field.count / 4
    try charge(field.tag) { (budget) throws(ModelError) in try budget.graph(8 * count) }
    if field.number == 7 {
      var floats: [Float] = []
      try field.fixeds(UInt32.self) { (bits) throws(WireError) in
        floats.append(Float(bitPattern: bits))
      }
      parts.floats += floats
    } else {
      var ints: [Int64] = []
      try field.varints { (value) throws(WireError) in ints.append(Int64(bitPattern: value)) }
      parts.ints += ints
    }
  }

  private mutating func type(of field: WireField) throws(WireError) -> ValueType {
    let type = try ONNXTypeReader.type(field.message(), depth: 1, budget: &tensors.budget)
    guard let type else {
      throw WireError(field.tag, "a type that says nothing", expected: "a tensor or container type")
    }
    return type
  }
}

/// The fields of an `AttributeProto` that were found.
private struct AttributeParts {
  var name = ""
  var reference = ""
  var kind: Int?
  var float: Float?
  var int: Int64?
  var string: AttributeValue?
  var tensor: Weight?
  var graph: GraphID?
  var sparse: SparseTensor?
  var type: ValueType?
  var floats: [Float] = []
  var ints: [Int64] = []
  var strings: [String] = []
  var tensors: [Weight] = []
  var graphs: [GraphID] = []
  var sparses: [SparseTensor] = []
  var types: [ValueType] = []
  var memory = 0
  private var fields: Set<Int> = []

  mutating func seen(_ field: Int) { fields.insert(field) }

  private static let kinds: [Int: Int] = [
    2: 1, 3: 2, 4: 3, 5: 4, 6: 5, 7: 6, 8: 7, 9: 8, 10: 9, 11: 10, 22: 11, 23: 12, 14: 13, 15: 14,
  ]

  /// The kind that the fields show, if they show one: files of IR version 1 do not declare it.
  var onlyKind: Int? {
    let kinds = fields.compactMap { Self.kinds[$0] }
    return kinds.count == 1 ? kinds[0] : nil
  }

  /// The value of an attribute of ONNX's `AttributeType` `kind`. Protobuf leaves out lists without elements; proto3
  /// writers also leave out numbers that are 0 and strings that are empty.
  func value(_ kind: Int) -> AttributeValue? {
    switch kind {
    case 1: .float(float ?? 0)
    case 2: .int(int ?? 0)
    case 3: string ?? .string("")
    case 4: tensor.map(AttributeValue.tensor)
    case 5: graph.map(AttributeValue.graph)
    case 6: .floats(floats)
    case 7: .ints(ints)
    case 8: .strings(strings)
    case 9: .tensors(tensors)
    case 10: .graphs(graphs)
    case 11: sparse.map(AttributeValue.sparseTensor)
    case 12: .sparseTensors(sparses)
    case 13: type.map(AttributeValue.type)
    case 14: .types(types)
    default: nil
    }
  }
}

extension WireField {
  fileprivate func stringOrBytes() throws(WireError) -> AttributeValue {
    let payload = try payload()
    return String(validatingUTF8: payload).map(AttributeValue.string) ?? .bytes(Array(payload))
  }
}
