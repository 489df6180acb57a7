/// `Optional`: its input as an optional, or none of attribute `type`. Source: ONNX, opset 15.
struct OptionalOf: ValueOperator {
  private let wrapped: ValueType?

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 0...1)
    if case .type(let type)? = node.node.attribute("type") { wrapped = type } else { wrapped = nil }
    guard node.hasInput(0) || wrapped != nil else {
      throw ModelError(
        .invalidAttribute, "no attribute 'type' and no input", expected: "one of both")
    }
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    guard let type = inputs.types.first.flatMap({ $0 }) ?? wrapped else { return [] }
    return [.optional(type)]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    guard call.has(0) else { return [.optional(nil, wrapped: wrapped ?? .tensor(.f32, nil))] }
    let value = try call.value(0)
    return [.optional(value, wrapped: value.type)]
  }
}

/// `OptionalHasElement`: whether an optional holds a value, `bool []`; a value that is none counts as one, nothing at
/// all as none. Source: ONNX, opsets 15 and 18.
struct OptionalHasElement: ValueOperator {
  init(_ node: NodeReader) throws(ModelError) { try node.require(inputs: 0...1) }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] { [.tensor(.bool, [])] }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    var isThere = call.has(0)
    if isThere, case .optional(nil, _) = try call.value(0) { isThere = false }
    return [.tensor(try Tensor(scalar: isThere))]
  }
}

/// `OptionalGetElement`: the value in an optional; a value that is none stays as it is. Source: ONNX, opsets 15 and 18.
struct OptionalGetElement: ValueOperator {
  init(_ node: NodeReader) throws(ModelError) { try node.require(inputs: 1...1) }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    guard let type = inputs.types[0] else { return [] }
    if case .optional(let wrapped) = type { return [wrapped] }
    return [type]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    switch try call.value(0) {
    case .optional(let value?, _): return [value]
    case .optional(nil, let wrapped):
      throw ModelError(.outOfRange, "an optional without a value", expected: "\(wrapped)")
    case let value: return [value]
    }
  }
}
