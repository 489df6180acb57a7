/// `SequenceConstruct`: its inputs as a sequence. Source: ONNX, opset 11.
struct SequenceConstruct: ValueOperator {
  init(_ node: NodeReader) throws(ModelError) { try node.require(inputs: 1...Int.max) }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    var element: ValueType = .tensor(try inputs.tensor(0))
    for index in 1..<max(1, inputs.count) {
      guard let joined = element.joined(.tensor(try inputs.tensor(index))) else {
        throw ModelError(
          .elementTypeMismatch, "a sequence of \(element) and \(try inputs.tensor(index))",
          expected: "one element type")
      }
      element = joined
    }
    return [.sequence(element)]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    let values = call.inputs.compactMap { $0 }
    guard case .sequence(let element)? = call.outputTypes.first else { return [] }
    return [.sequence(values, element: element)]
  }
}

/// `SequenceEmpty`: no tensors, of the element type `dtype` (default f32). Source: ONNX, opset 11.
struct SequenceEmpty: ValueOperator {
  private let element: ElementType

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 0...0)
    element = node.has("dtype") ? try node.elementType("dtype") : .f32
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    [.sequence(.tensor(element, nil))]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    [.sequence([], element: .tensor(element, nil))]
  }
}

/// `SequenceAt`: the tensor at a place; negative places count from the end. Source: ONNX, opset 11.
struct SequenceAt: ValueOperator {
  init(_ node: NodeReader) throws(ModelError) { try node.require(inputs: 2...2) }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    _ = try inputs.tensor(1, of: [.i32, .i64])
    return [try inputs.sequenceElement(0)]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    let values = try call.sequence(0).values
    return [values[try call.place(1, values.count)]]
  }
}

/// `SequenceInsert`: the sequence with a tensor put before a place, by default at the end. Source: ONNX, opset 11.
struct SequenceInsert: ValueOperator {
  init(_ node: NodeReader) throws(ModelError) { try node.require(inputs: 2...3) }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let (element, added) = (try inputs.sequenceElement(0), try inputs.tensor(1))
    guard let joined = element.joined(.tensor(added)) else {
      throw ModelError(
        .elementTypeMismatch, "a tensor \(added) put into a sequence of \(element)",
        expected: "one element type")
    }
    return [.sequence(joined)]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    var (values, element) = try call.sequence(0)
    var place = values.count
    if call.has(2) {
      let count = values.count
      place = try call.tensor(2).integers?.first == count ? count : try call.place(2, count)
    }
    let added = try call.value(1)
    values.insert(added, at: place)
    element = element.joined(added.type) ?? element
    return [.sequence(values, element: element)]
  }
}

/// `SequenceErase`: the sequence without the tensor at a place, by default the last. Source: ONNX, opset 11.
struct SequenceErase: ValueOperator {
  init(_ node: NodeReader) throws(ModelError) { try node.require(inputs: 1...2) }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    [.sequence(try inputs.sequenceElement(0))]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    let (given, element) = try call.sequence(0)
    var values = given
    guard !values.isEmpty else {
      throw ModelError(.outOfRange, "an empty sequence", expected: "an element to erase")
    }
    values.remove(at: call.has(1) ? try call.place(1, values.count) : values.count - 1)
    return [.sequence(values, element: element)]
  }
}

/// `SequenceLength`: the number of tensors, `i64 []`. Source: ONNX, opset 11.
struct SequenceLength: ValueOperator {
  init(_ node: NodeReader) throws(ModelError) { try node.require(inputs: 1...1) }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    _ = try inputs.sequenceElement(0)
    return [.tensor(.i64, [])]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    [.tensor(try Tensor(scalar: Int64(call.sequence(0).values.count)))]
  }
}
