import ModelFormat

/// Small questions about quantized values: which codes stand for a value, and what it is rounded to.
struct QuantizedMatcher {
  /// 8-bit codes that stand for real numbers: real = (code − zero) · scale.
  struct Codes {
    let value: ValueID
    let element: ElementType
    let scale: Float
    let zero: Int

    /// Whether the codes mean the same numbers.
    func agrees(with other: Codes) -> Bool {
      element == other.element && scale == other.scale && zero == other.zero
    }

    /// What the operators of domain `zoo` read: `name_scale`, `name_zero`.
    func attributes(_ name: String) -> [Attribute] {
      [
        Attribute("\(name)_scale", .float(scale)), Attribute("\(name)_zero", .int(Int64(zero))),
      ]
    }

    /// Those of an output, with its type and the bounds of its codes.
    func attributes(_ name: String, bounds: ClosedRange<Int>?) -> [Attribute] {
      var all = attributes(name)
      all.append(Attribute("\(name)_type", .int(Int64(element.rawValue))))
      if let bounds {
        all.append(Attribute("\(name)_low", .int(Int64(bounds.lowerBound))))
        all.append(Attribute("\(name)_high", .int(Int64(bounds.upperBound))))
      }
      return all
    }

    /// The code of a real number.
    func code(_ real: Float) -> Int {
      let range = QuantizedEpilogue.Codes.range(element)
      let steps = (real / scale).rounded(.toNearestOrEven) + Float(zero)
      if !(steps > Float(range.lowerBound)) { return range.lowerBound }
      return steps < Float(range.upperBound) ? Int(steps) : range.upperBound
    }
  }

  let context: PassContext
  let graph: GraphMatcher

  init(_ context: PassContext) {
    self.context = context
    graph = GraphMatcher(context)
  }

  /// The node that makes `value`, if it is a standard one of that type.
  func producer(_ value: ValueID?, _ opType: String) -> (index: Int, node: Node)? {
    guard let index = context.editor.producer(of: value), let node = graph.standard(index),
      node.opType == opType
    else { return nil }
    return (index, node)
  }

  /// The codes that `value` is dequantized from, all with one scale.
  func codes(_ value: ValueID?) -> Codes? {
    guard let (_, node) = producer(value, "DequantizeLinear"), let source = node.inputs[0],
      context.type(value)?.element == .f32
    else { return nil }
    return codes(source, node)
  }

  /// The node that alone reads `value` and rounds it to 8 bits with one scale, and those codes.
  func rounding(_ value: ValueID?) -> (index: Int, codes: Codes)? {
    guard let index = context.editor.soleConsumer(of: value), let codes = rounded(index),
      context.editor.nodes[index]?.inputs[0] == value
    else { return nil }
    return (index, codes)
  }

  /// What node `index` rounds to, if it rounds f32 to 8 bits with one scale.
  func rounded(_ index: Int) -> Codes? {
    graph.standard(index).flatMap { codes(of: $0) }
  }

  /// What a standard node rounds to, if it rounds f32 to 8 bits with one scale.
  func codes(of node: Node) -> Codes? {
    guard node.opType == "QuantizeLinear", let result = node.outputs.first ?? nil,
      context.type(node.inputs[0])?.element == .f32
    else { return nil }
    return codes(result, node)
  }

  private func codes(_ value: ValueID, _ node: Node) -> Codes? {
    guard let element = context.type(value)?.element, element == .u8 || element == .i8,
      node.inputs.count > 1, let scale = scalar(node.inputs[1]), scale.isNormal, scale > 0
    else { return nil }
    var zero = 0
    if node.inputs.count > 2, node.inputs[2] != nil {
      guard let tensor = constant(node.inputs[2]), tensor.count == 1,
        tensor.elementType == element, let number = Self.integers(tensor)?.first
      else { return nil }
      zero = number
    }
    return Codes(value: value, element: element, scale: scale, zero: zero)
  }

  func constant(_ value: ValueID?) -> Tensor? {
    guard let value else { return nil }
    return context.constants[value] ?? (try? context.editor.weight(value)?.tensor())
  }

  /// The elements of a tensor of integers that dequantization takes.
  static func integers(_ tensor: Tensor) -> [Int]? {
    switch tensor.elementType {
    case .u8: (try? tensor.array(of: UInt8.self))?.map(Int.init)
    case .i8: (try? tensor.array(of: Int8.self))?.map(Int.init)
    default: tensor.integers
    }
  }

  /// The only element of an f32 constant of any rank up to 1.
  func scalar(_ value: ValueID?) -> Float? {
    guard let tensor = constant(value), tensor.shape.count <= 1 else { return nil }
    return graph.scalar(value)
  }

  /// The two values that a node adds.
  func addends(_ node: Node) -> (ValueID, ValueID)? {
    guard node.opType == "Add" || node.opType == "Sum", node.inputs.count == 2,
      let left = node.inputs[0], let right = node.inputs[1]
    else { return nil }
    return (left, right)
  }

  /// The shape of a value of which every extent is a number or a symbol.
  func shape(_ value: ValueID?) -> Shape? {
    guard let shape = context.type(value)?.shape, !shape.dimensions.contains(.unknown) else {
      return nil
    }
    return shape
  }
}
