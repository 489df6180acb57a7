import CKernels
import ModelFormat

/// An operator that is defined by others: its types are theirs, its kernel is theirs one after the other.
///
/// It stays one step of the plan; what its parts hand to each other lies in its scratch memory.
protocol ComposedOperator: TensorOperator {
  /// Puts the parts together.
  ///
  /// - Returns: The outputs; `nil` for one that is not wanted.
  func compose(_ parts: inout Composition) throws(ModelError) -> [Composition.Value?]
}

extension ComposedOperator {
  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    var parts = Composition(inputs)
    let results = try compose(&parts)
    return results.map { result in
      result.map { .tensor($0.type) } ?? .tensor(.f32, nil)
    }
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    var parts = Composition(io)
    let results = try compose(&parts)
    return try parts.kernel(results)
  }
}

/// Follows the parts of a composed operator: their types while extents may be symbols, their kernels when all are numbers.
struct Composition {
  /// What goes into a part and comes out of it.
  struct Value {
    fileprivate let place: Int
    let type: TensorType
    fileprivate let known: KnownValue?
    fileprivate var weight: ValueID?

    var element: ElementType { type.element }
    var shape: Shape? { type.shape }
    var rank: Int? { type.shape?.rank }

    /// The elements, if they are known.
    var constant: Tensor? { known?.constant(type.element) }
  }

  private let inputs: [Value?]
  private let wanted: [Bool]
  private let io: NodeIO?
  private var run = ComposedRun()
  private var isDeferred = false

  fileprivate init(_ operands: Operands) {
    inputs = operands.types.indices.map { index in
      guard operands.has(index), case .tensor(let type)? = operands.types[index] else { return nil }
      return Value(place: index, type: type, known: operands.knownValue(index))
    }
    wanted = Array(repeating: true, count: operands.outputCount)
    io = nil
    run.homes = operands.types.indices.map(ComposedRun.Home.input)
  }

  fileprivate init(_ io: NodeIO) {
    inputs = io.inputs.enumerated().map { index, operand in
      operand.map {
        Value(
          place: index, type: TensorType($0.element, $0.shape),
          known: $0.value.map(KnownValue.constant), weight: $0.weight)
      }
    }
    wanted = io.outputs.map { $0 != nil }
    self.io = io
    run.homes = io.inputs.indices.map(ComposedRun.Home.input)
  }

  /// Whether somebody wants output `index`.
  func wants(_ index: Int) -> Bool { index < wanted.count && wanted[index] }

  /// Input `index`, `nil` if it is left out.
  func optional(_ index: Int) -> Value? { index < inputs.count ? inputs[index] : nil }

  /// Input `index`, `nil` if it is left out, whose elements must be of one of `elements`.
  func optional(_ index: Int, of elements: Set<ElementType>) throws(ModelError) -> Value? {
    optional(index) == nil ? nil : try input(index, of: elements)
  }

  /// - Throws: `.missingInput` if input `index` is left out.
  func input(_ index: Int) throws(ModelError) -> Value {
    guard let value = optional(index) else {
      throw ModelError(.missingInput, "input \(index) is left out", expected: "a tensor")
    }
    return value
  }

  /// Input `index`, whose elements must be of one of `elements`.
  func input(_ index: Int, of elements: Set<ElementType>) throws(ModelError) -> Value {
    let value = try input(index)
    try Operands.require(value.type, index, of: elements)
    return value
  }

  /// Input `index`, which must have `rank` axes if its rank is known.
  func input(
    _ index: Int, of elements: Set<ElementType>, rank: Int
  ) throws(ModelError) -> Value {
    let value = try input(index, of: elements)
    guard let shape = value.shape, shape.rank != rank else { return value }
    throw ModelError(
      .shapeMismatch, "input \(index) is \(shape)", expected: "a tensor of rank \(rank)")
  }

  /// A constant of the operator's own.
  mutating func constant(_ tensor: Tensor) -> Value {
    run.homes.append(.constant(tensor))
    return Value(
      place: run.homes.count - 1, type: tensor.type, known: .constant(tensor), weight: nil)
  }

  /// A value whose shape depends on data that is not known yet.
  mutating func undetermined(_ element: ElementType) -> Value {
    isDeferred = true
    run.homes.append(.temporary(bytes: 0))
    return Value(place: run.homes.count - 1, type: TensorType(element, nil), known: nil)
  }

  mutating func integers(_ values: [Int]) throws(ModelError) -> Value {
    constant(try Tensor(values.map(Int64.init), shape: [values.count]))
  }

  mutating func scalar<T: TensorElement>(_ value: T) throws(ModelError) -> Value {
    constant(try Tensor(scalar: value))
  }
}

// Parts.
extension Composition {
  /// The one output of operator `name` of the standard, as opset 25 has it.
  mutating func callAsFunction(
    _ name: String, _ operands: Value?..., attributes: KeyValuePairs<String, AttributeValue> = [:]
  ) throws(ModelError) -> Value {
    try call(name, operands, attributes)
  }

  mutating func call(
    _ name: String, domain: String = "", _ operands: [Value?],
    _ attributes: KeyValuePairs<String, AttributeValue> = [:]
  ) throws(ModelError) -> Value {
    try call(name, domain: domain, operands, attributes, wants: [true])[0]
  }

  /// The outputs that are wanted of an operator, and something of no use in the place of the others.
  mutating func call(
    _ name: String, domain: String = "", _ operands: [Value?],
    _ attributes: KeyValuePairs<String, AttributeValue>, wants: [Bool]
  ) throws(ModelError) -> [Value] {
    guard let entry = OperatorRegistry.standard.entry(name, domain: domain) else {
      throw ModelError(.unsupportedOperator, "operator \(domain).\(name)")
    }
    let node = Node(
      name, domain: domain,
      inputs: operands.enumerated().map { $1 == nil ? nil : ValueID($0) },
      outputs: wants.enumerated().map { $1 ? ValueID(operands.count + $0) : nil },
      attributes: attributes.map { Attribute($0.key, $0.value) })
    let op = try entry.make(NodeReader(node, opset: domain.isEmpty ? 25 : 1))
    guard let op = op.onTensors else {
      throw ModelError(.unsupportedOperator, "operator \(name) as a part of another")
    }
    return try apply(op, operands, wants: wants)
  }

  mutating func apply(_ op: any TensorOperator, _ operands: Value?...) throws(ModelError) -> Value {
    try apply(op, operands, wants: [true])[0]
  }

  mutating func apply(
    _ op: any TensorOperator, _ operands: [Value?], wants: [Bool]
  ) throws(ModelError) -> [Value] {
    let given = Operands(
      types: operands.map { $0.map { .tensor($0.type) } }, known: operands.map { $0?.known },
      isPresent: operands.map { $0 != nil }, outputCount: wants.count)
    if let folded = folded(op, operands, wants.count) { return folded }
    let types = try op.outputTypes(given)
    let known = try op.knownOutputs(given)
    var outputs: [Value] = []
    for index in wants.indices {
      let type = index < types.count ? types[index].tensorType : nil
      run.homes.append(.temporary(bytes: 0))
      outputs.append(
        Value(
          place: run.homes.count - 1, type: type ?? TensorType(.f32, nil),
          known: index < known.count ? known[index] : nil))
    }
    if let io, !isDeferred { try add(op, operands, outputs, wants, io) }
    return outputs
  }

  /// The outputs as constants, if all inputs are known and small.
  private mutating func folded(
    _ op: any TensorOperator, _ operands: [Value?], _ count: Int
  ) -> [Value]? {
    var inputs: [ModelFormat.Value?] = []
    for operand in operands {
      guard let operand else {
        inputs.append(nil)
        continue
      }
      guard let tensor = operand.constant, tensor.count <= 64 else { return nil }
      inputs.append(.tensor(tensor))
    }
    guard let results = try? OperatorCall.evaluate(op, inputs, outputCount: count) else {
      return nil
    }
    let tensors = results.compactMap(\.tensor)
    guard tensors.count == count else { return nil }
    return tensors.map { constant($0) }
  }

  private mutating func add(
    _ op: any TensorOperator, _ operands: [Value?], _ outputs: [Value], _ wants: [Bool],
    _ io: NodeIO
  ) throws(ModelError) {
    var sides: ([NodeIO.Operand?], [NodeIO.Operand?]) = ([], [])
    for value in operands { sides.0.append(value.flatMap(Self.operand)) }
    for (value, wanted) in zip(outputs, wants) {
      let operand = Self.operand(value)
      if let operand {
        let bytes = try TensorMemory.require(operand.element, shape: operand.shape)
        run.homes[value.place] = .temporary(bytes: bytes)
      } else if wanted {
        isDeferred = true
      }
      sides.1.append(wanted ? operand : nil)
    }
    if isDeferred { return }
    let kernel = try op.lower(
      NodeIO(
        inputs: sides.0, outputs: sides.1, packedWeights: io.packedWeights, threads: io.threads))
    switch kernel.action {
    case .deferred: isDeferred = true
    case .alias(let input):
      guard let source = operands[input] else { return }
      run.homes[outputs[0].place] = .alias(of: source.place)
    case .run(let body):
      run.add(
        body, operands.map { $0?.place }, zip(outputs, wants).map { $1 ? $0.place : nil },
        scratch: kernel.scratchBytes)
    }
  }

  private static func operand(_ value: Value) -> NodeIO.Operand? {
    guard let extents = value.shape?.extents else { return nil }
    return NodeIO.Operand(
      element: value.element, shape: extents, value: value.constant, weight: value.weight)
  }

  fileprivate consuming func kernel(_ results: [Value?]) throws(ModelError) -> Kernel {
    if isDeferred { return .deferred }
    for (index, value) in results.enumerated() where wants(index) {
      guard let value else {
        throw ModelError(
          .unsupportedOperator, "output \(index) of these operands", expected: "outputs without it")
      }
      run.bind(value.place, output: index, bytes: Self.operand(value)?.byteCount ?? 0)
    }
    return try run.kernel()
  }
}
