extension Model {
  /// The model as text, one line for each value and node, in an order that depends on nothing but the model: two
  /// models with the same text compute the same.
  ///
  ///     model ir 10
  ///     import "" 17
  ///     graph #0 "main" {
  ///       input %ids: i64 [batch, 8]
  ///       weight %w: f32 [384] = crc32c 5fd1a2c3
  ///       %y: f32 [batch, 384] = Gather(%table, %ids) axis=0 "lookup"
  ///       output %y
  ///     }
  ///
  /// Weights of up to eight elements are written out, larger ones by the checksum of their bytes. Names are those that
  /// an ONNX file would give. Documentation is left out.
  public var text: String {
    var printer = GraphPrinter(self)
    return printer.print()
  }
}

private struct GraphPrinter {
  private let model: Model
  private let names: ONNXNames?
  private var text = ""

  init(_ model: Model) {
    self.model = model
    names = try? ONNXNames(model)
  }

  mutating func print() -> String {
    line(0, "model ir \(model.irVersion)")
    for opset in model.opsets { line(0, "import \(quoted(opset.domain)) \(opset.version)") }
    for entry in model.metadata { line(0, "metadata \(quoted(entry.key)) \(quoted(entry.value))") }
    if !model.graphs.isEmpty { graph(.main, indent: 0, depth: 0) }
    for function in model.functions { self.function(function) }
    return text
  }

  private mutating func function(_ function: Function) {
    let overload = function.overload.isEmpty ? "" : " overload \(quoted(function.overload))"
    line(0, "function \(quoted(function.domain)) \(quoted(function.name))\(overload) {")
    for opset in function.opsets { line(1, "import \(quoted(opset.domain)) \(opset.version)") }
    for name in function.attributeNames { line(1, "attribute \(quoted(name))") }
    for attribute in function.attributeDefaults { line(1, "default \(self.attribute(attribute))") }
    graph(function.body, indent: 1, depth: 0)
    line(0, "}")
  }

  private mutating func graph(_ id: GraphID, indent: Int, depth: Int) {
    guard model.graphs.indices.contains(id.index), depth < 512 else {
      return line(indent, "graph #\(id.index), which is not there")
    }
    let graph = model[id]
    line(indent, "graph #\(id.index) \(quoted(graph.name)) {")
    for value in graph.inputs { line(indent + 1, "input \(declaration(value))") }
    for (value, weight) in graph.weights.sorted(by: { $0.key < $1.key }) {
      line(indent + 1, "weight \(name(value)): \(weight.type) = \(content(of: weight))")
    }
    for node in graph.nodes {
      line(indent + 1, self.node(node))
      for body in node.graphs { self.graph(body, indent: indent + 2, depth: depth + 1) }
    }
    for value in graph.outputs { line(indent + 1, "output \(name(value))") }
    line(indent, "}")
  }

  private func node(_ node: Node) -> String {
    let outputs = node.outputs.map { $0.map(declaration) ?? "_" }.joined(separator: ", ")
    let inputs = node.inputs.map { $0.map(name) ?? "_" }.joined(separator: ", ")
    var words = ["\(outputs) = \(node.qualifiedType)(\(inputs))"]
    if !node.overload.isEmpty { words.append("overload \(quoted(node.overload))") }
    words += node.attributes.sorted { $0.name < $1.name }.map(attribute)
    if !node.name.isEmpty { words.append(quoted(node.name)) }
    return words.joined(separator: " ")
  }

  private func declaration(_ value: ValueID) -> String {
    guard model.values.indices.contains(value.index), let type = model[value].type else {
      return name(value)
    }
    return "\(name(value)): \(type)"
  }

  private func name(_ value: ValueID) -> String {
    guard let names, model.values.indices.contains(value.index) else { return "%#\(value.index)" }
    let name = names[value]
    if name.isEmpty { return "%#\(value.index)" }
    let isPlain = name.utf8.allSatisfy { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x2E, 0x2F: true
      default: false
      }
    }
    return isPlain ? "%\(name)" : "%\(quoted(name))"
  }

  private func attribute(_ attribute: Attribute) -> String {
    let value =
      switch attribute.value {
      case .int(let value): "\(value)"
      case .float(let value): "\(value)"
      case .string(let value): quoted(value)
      case .bytes(let value): "bytes \(value)"
      case .tensor(let weight): "\(weight.type) \(content(of: weight))"
      case .sparseTensor(let sparse): self.sparse(sparse)
      case .graph(let id): "graph #\(id.index)"
      case .type(let type): "type \(type)"
      case .ints(let values): "\(values)"
      case .floats(let values): "\(values)"
      case .strings(let values): list(values.map(quoted))
      case .tensors(let weights): list(weights.map { "\($0.type) \(content(of: $0))" })
      case .sparseTensors(let all): list(all.map(sparse))
      case .graphs(let ids): list(ids.map { "graph #\($0.index)" })
      case .types(let types): list(types.map { "type \($0)" })
      case .reference(let name, let kind): "@\(quoted(name)) kind \(kind)"
      }
    return "\(attribute.name)=\(value)"
  }

  private func list(_ items: [String]) -> String { "[\(items.joined(separator: ", "))]" }

  private func sparse(_ sparse: SparseTensor) -> String {
    "sparse \(sparse.shape) \(content(of: Weight(sparse.values)))"
      + " at \(content(of: Weight(sparse.indices)))"
  }

  private func content(of weight: Weight) -> String {
    do throws(ModelError) {
      let tensor = try weight.tensor()
      if tensor.count <= 8, let items = tensor.items { return list(items) }
      let sum = try TensorBytes.with(tensor) { (bytes) throws(ModelError) in crc32c(bytes) }
      let digits = String(sum, radix: 16)
      return "crc32c " + String(repeating: "0", count: 8 - digits.count) + digits
    } catch {
      return "unreadable: \(error)"
    }
  }

  private mutating func line(_ indent: Int, _ line: String) {
    // Strings are quoted; names of symbols, operators and attributes are not.
    text += String(repeating: "  ", count: indent) + line.printable + "\n"
  }
}

/// The text in quotes, on one line.
func quoted(_ text: String) -> String {
  var result = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": result += "\\\""
    case "\\": result += "\\\\"
    case "\n": result += "\\n"
    case "\t": result += "\\t"
    case _ where scalar.steersTerminals: result += "\\u{\(scalar.hexadecimal)}"
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result + "\""
}

extension Tensor {
  /// The elements as text; `nil` for types that Swift has no number for.
  fileprivate var items: [String]? {
    switch elementType {
    case .f32: items(Float.self)
    case .f64: items(Double.self)
    case .f16: items(Float16.self)
    case .bf16: (try? array(of: BFloat16.self))?.map { "\($0.float)" }
    case .i8: items(Int8.self)
    case .i16: items(Int16.self)
    case .i32: items(Int32.self)
    case .i64: items(Int64.self)
    case .u8: items(UInt8.self)
    case .u16: items(UInt16.self)
    case .u32: items(UInt32.self)
    case .u64: items(UInt64.self)
    case .bool: items(Bool.self)
    case .string: strings?.map(quoted)
    default: nil
    }
  }

  private func items<T: TensorElement>(_ type: T.Type) -> [String]? {
    (try? array(of: type))?.map { "\($0)" }
  }
}
