import ModelFormat

/// Makes models that hold something of everything that a model can hold. They are no valid graphs for a runtime; a
/// file keeps them all the same.
struct RandomModel {
  var generator: SeededGenerator
  var model = Model(irVersion: 12, opsets: [])
  let types: [ElementType]

  /// - Parameters:
  ///   - seed: Equal seeds and types give equal models.
  ///   - types: Those to choose from.
  static func make(
    seed: UInt64, types: [ElementType] = ElementType.allCases
  ) throws -> Model {
    var random = RandomModel(generator: SeededGenerator(seed: seed), types: types)
    try random.fill()
    return random.model
  }

  private mutating func number(_ range: ClosedRange<Int>) -> Int {
    Int.random(in: range, using: &generator)
  }

  private mutating func some<T>(
    _ range: ClosedRange<Int> = 0...3, _ make: (inout RandomModel) throws -> T
  ) rethrows -> [T] {
    let count = number(range)
    return try (0..<count).map { _ in try make(&self) }
  }

  private mutating func text() -> String {
    let texts = ["", "x", "a\0b", "é", "e\u{301}", "模型", "🦒", "line\nend", "batch", "encoder/w"]
    return texts[number(0...texts.count - 1)]
      + (number(0...1) == 0 ? "" : String(generator.next(), radix: 36))
  }

  private mutating func metadata() -> [MetadataEntry] {
    some { MetadataEntry($0.text(), $0.text()) }
  }

  private mutating func elementType() -> ElementType {
    types[number(0...types.count - 1)]
  }

  private mutating func dimension() -> Dimension {
    switch number(0...5) {
    case 0: return .unknown
    case 1: return .fixed(number(-1...1000))
    case 2: return .fixed(.max)
    case 3: return .symbol(text() + "n")
    case 4: return 2 * .symbol("batch") * .symbol("time") - .symbol("é") + 7
    default: return .symbol("e\u{301}") / 3
    }
  }

  private mutating func tensorType() -> TensorType {
    TensorType(elementType(), number(0...3) == 0 ? nil : Shape(some { $0.dimension() }))
  }

  mutating func valueType(depth: Int = 3) -> ValueType {
    switch depth == 0 ? 0 : number(0...5) {
    case 0, 1: .tensor(tensorType())
    case 2: .sparseTensor(tensorType())
    case 3: .sequence(valueType(depth: depth - 1))
    case 4: .optional(valueType(depth: depth - 1))
    default: .map(key: elementType(), value: valueType(depth: depth - 1))
    }
  }

  mutating func tensor() throws -> Tensor {
    let element = elementType()
    let shape = some { $0.number(0...7) }
    let count = shape.reduce(1, *)
    if element == .string {
      return try Tensor(strings: (0..<count).map { _ in text() }, shape: shape)
    }
    let pattern = Pattern.allCases[number(0...Pattern.allCases.count - 1)]
    return try pattern.tensor(element, count: count, seed: generator.next()).reshaped(to: shape)
  }

  private mutating func sparse() throws -> SparseTensor {
    let count = number(0...5)
    let values = try Pattern.noise.tensor(.f32, count: count, seed: generator.next())
    let indices = try Tensor((0..<count).map { $0 * 2 }, shape: [count])
    return SparseTensor(values: values, indices: indices, shape: [count * 2 + 1])
  }

  mutating func value(depth: Int = 3) throws -> Value {
    switch depth == 0 ? 0 : number(0...5) {
    case 0, 1: return .tensor(try tensor())
    case 2: return .sparse(try sparse())
    case 3:
      let values = try some { try $0.value(depth: depth - 1) }
      return .sequence(values, element: valueType())
    case 4:
      let value = number(0...1) == 0 ? nil : try value(depth: depth - 1)
      return .optional(value, wrapped: valueType())
    default:
      let keys = try Tensor(strings: ["a", "b"], shape: [2])
      return .map(ValueMap(keys: keys, values: try value(depth: depth - 1)))
    }
  }

  private mutating func attributeValue(_ kind: Int, graphs: Int) throws -> AttributeValue {
    switch kind {
    case 0: .int(Int64(bitPattern: generator.next()))
    case 1: .float(Float(bitPattern: UInt32(truncatingIfNeeded: generator.next())))
    case 2: .string(text())
    case 3: .bytes([0xFF, 0, 0xC0] + [UInt8](text().utf8))
    case 4: .tensor(Weight(try tensor()))
    case 5: .sparseTensor(try sparse())
    case 6: .graph(GraphID(number(0...graphs - 1)))
    case 7: .type(valueType())
    case 8: .ints(some { Int64(bitPattern: $0.generator.next()) })
    case 9: .floats([.nan, -.infinity, -0.0] + some { _ in 1.5 })
    case 10: .strings(some { $0.text() })
    case 11: .tensors(try some { Weight(try $0.tensor()) })
    case 12: .sparseTensors(try some { try $0.sparse() })
    case 13: .graphs(some { GraphID($0.number(0...graphs - 1)) })
    case 14: .types(some { $0.valueType() })
    default: .reference(name: text(), kind: Int32(number(0...14)))
    }
  }

  private mutating func node(graphs: Int) throws -> Node {
    var node = Node(
      text(), domain: text(), name: text(), inputs: some { $0.operand() },
      outputs: some { $0.operand() })
    node.overload = text()
    node.documentation = text()
    node.metadata = metadata()
    for kind in 0...15 where number(0...3) == 0 {
      node.attributes.append(Attribute(text(), try attributeValue(kind, graphs: graphs)))
    }
    return node
  }

  private mutating func operand() -> ValueID? {
    number(0...4) == 0 ? nil : ValueID(number(0...model.values.count - 1))
  }

  private mutating func graph(graphs: Int) throws -> Graph {
    var graph = Graph()
    graph.name = text()
    graph.documentation = text()
    graph.inputs = some { $0.operand() }.compactMap { $0 }
    graph.outputs = some { $0.operand() }.compactMap { $0 }
    graph.nodes = try some(1...6) { try $0.node(graphs: graphs) }
    for id in 0..<model.values.count where number(0...2) == 0 {
      graph.weights[ValueID(id)] = Weight(try tensor())
    }
    graph.metadata = metadata()
    return graph
  }

  private mutating func fill() throws {
    model.producerName = text()
    model.producerVersion = text()
    model.domain = text()
    model.version = Int64(bitPattern: generator.next())
    model.documentation = text()
    model.opsets = some { OpsetImport($0.text(), $0.number(0...30)) }
    model.metadata = metadata()
    model.values = some(5...12) { random in
      var value = ValueInfo(name: random.text())
      if random.number(0...2) > 0 { value.type = random.valueType() }
      value.documentation = random.text()
      value.metadata = random.metadata()
      return value
    }
    let graphs = number(1...4)
    model.graphs = try (0..<graphs).map { _ in try graph(graphs: graphs) }
    model.functions = try some { random in
      var function = Function(
        name: random.text(), domain: random.text(), body: GraphID(random.number(0...graphs - 1)))
      function.overload = random.text()
      function.documentation = random.text()
      function.attributeNames = random.some { $0.text() }
      function.attributeDefaults = try random.some {
        Attribute($0.text(), try $0.attributeValue($0.number(0...15), graphs: graphs))
      }
      function.opsets = random.some { OpsetImport($0.text(), $0.number(0...30)) }
      function.metadata = random.metadata()
      return function
    }
    model.assets = some { random in
      let size = random.number(0...2000)
      let bytes = (0..<size).map { _ in UInt8(random.number(0...20)) }
      return Asset(name: random.text(), mediaType: random.text(), bytes: bytes)
    }
    model.cases = try some { random in
      RecordedCase(
        name: random.text(), inputs: try random.some { NamedValue($0.text(), try $0.value()) },
        outputs: try random.some { NamedValue($0.text(), try $0.value()) }, absolute: 1e-4,
        relative: .ulpOfOne)
    }
  }
}
