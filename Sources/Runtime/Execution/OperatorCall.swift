/// One operator run by itself on values: how constants are folded, and how steps run whose extents are known only
/// when they are reached.
struct OperatorCall {
  let step: Program.Step
  let program: Program
  let threads: Int

  /// What was inferred of the outputs when the run was planned.
  var inferredTypes: [ValueType?] = []

  /// Runs the step's bodies; `inputs` are those of the body's graph.
  var body: (Program, [Value]) throws(ModelError) -> [Value] = { (_, _) throws(ModelError) in
    throw ModelError(.invalidRequest, "a subgraph cannot be folded")
  }

  /// Runs an operator that has no subgraphs on values.
  static func evaluate(
    _ op: any Operator, _ inputs: [Value?], outputCount: Int, threads: Int = 1
  ) throws(ModelError) -> [Value] {
    let slots = inputs.enumerated().map { index, value in value == nil ? 0 : index + 1 }
    let step = Program.Step(
      site: "", name: "", opType: "", op: op, inputs: slots,
      outputs: Array(repeating: inputs.count + 1, count: outputCount), bodies: [:], uses: [])
    let program = Program(
      steps: [], values: Array(repeating: nil, count: inputs.count + 2), inputs: [], captures: [],
      outputs: [], constants: [:], inputTypes: [], packedWeights: PackedWeights())
    return try OperatorCall(step: step, program: program, threads: threads).evaluate(inputs)
  }

  /// The outputs, or `nil` if they cannot be computed now.
  func foldable(_ inputs: [Value?]) throws(ModelError) -> [Value]? {
    // What goes wrong with data that is not needed after all must not keep a model from loading: it is reported when
    // the step runs.
    do { return try evaluate(inputs) } catch { return nil }
  }

  func evaluate(_ inputs: [Value?]) throws(ModelError) -> [Value] {
    if step.op.movesElements, inputs.contains(where: { $0?.isMovedAsOrdinals ?? false }) {
      return try move(inputs)
    }
    let types = try outputTypes(inputs)
    let fixed =
      inputs.allSatisfy { $0?.isFixedSize ?? true } && types.allSatisfy(\.isFixedSize)
    if let op = step.op.onTensors, fixed || step.op.onValues == nil {
      return try run(op, inputs, types)
    }
    guard let op = step.op.onValues else {
      throw ModelError(.unsupportedOperator, "an operator that cannot be run")
    }
    return try op.evaluate(
      ValueCall(
        inputs: inputs, outputTypes: types, outputCount: step.outputs.count,
        inferredTypes: inferredTypes, threads: threads,
        declaredInputs: { step.bodies[$0]?.inputTypes ?? [] }
      ) { (graph, values) throws(ModelError) in
        guard let body = step.bodies[graph] else {
          throw ModelError(.invalidGraph, "a subgraph that is not the node's own")
        }
        return try self.body(body, values)
      })
  }

  private func outputTypes(_ inputs: [Value?]) throws(ModelError) -> [ValueType] {
    try step.op.outputTypes(
      Operands(
        types: inputs.map { $0?.type }, known: inputs.map { $0?.tensor.map(KnownValue.constant) },
        isPresent: inputs.map { $0 != nil }, outputCount: step.outputs.count
      ) { (graph, given) throws(ModelError) in
        // The values themselves tell the types when they come.
        Array(repeating: nil, count: step.bodies[graph]?.outputs.count ?? 0)
      })
  }

  private func run(
    _ op: any TensorOperator, _ inputs: [Value?], _ types: [ValueType]
  ) throws(ModelError) -> [Value] {
    var operands: [NodeIO.Operand?] = []
    for (index, input) in inputs.enumerated() {
      guard let input else {
        operands.append(nil)
        continue
      }
      guard let tensor = input.tensor else {
        throw ModelError(
          .elementTypeMismatch, "input \(index) is \(input.type)", expected: "a tensor")
      }
      let slot = step.inputs[index]
      let weight = program.constants[slot] != nil ? program.values[slot] : nil
      operands.append(
        NodeIO.Operand(
          element: tensor.elementType, shape: tensor.shape, value: tensor, weight: weight))
    }
    let wanted = try types.enumerated().map { (index, type) throws(ModelError) in
      try concrete(type, isWanted: index < step.outputs.count && step.outputs[index] != 0)
    }
    let kernel = try op.lower(
      NodeIO(
        inputs: operands, outputs: wanted, packedWeights: program.packedWeights, threads: threads))
    return try execute(kernel, inputs, wanted)
  }

  private func concrete(
    _ type: ValueType, isWanted: Bool
  ) throws(ModelError) -> NodeIO.Operand? {
    guard isWanted else { return nil }
    guard case .tensor(let tensor) = type, let extents = tensor.shape?.extents else {
      throw ModelError(
        .shapeMismatch, "an output \(type) whose extents cannot be told from the inputs")
    }
    try TensorMemory.require(tensor.element, shape: extents)
    return NodeIO.Operand(element: tensor.element, shape: extents, value: nil, weight: nil)
  }

  private func execute(
    _ kernel: Kernel, _ inputs: [Value?], _ outputs: [NodeIO.Operand?]
  ) throws(ModelError) -> [Value] {
    let body: Kernel.Body
    switch kernel.action {
    case .alias(let input):
      guard let tensor = inputs[input]?.tensor, let output = outputs.first ?? nil else {
        throw ModelError(.missingInput, "input \(input) is left out", expected: "a tensor")
      }
      let others = Array(repeating: try Tensor.zeros(.bool, shape: [0]), count: outputs.count - 1)
      return try ([tensor.reshaped(to: output.shape)] + others).map(Value.tensor)
    case .deferred:
      throw ModelError(.unsupportedOperator, "a kernel that is not there for known values")
    case .run(let run): body = run
    }
    var results: [Tensor] = []
    var pointers: [UnsafeMutableRawPointer?] = [nil]
    var slots: [Int32] = []
    func add(_ tensor: Tensor?) {
      slots.append(tensor == nil ? 0 : Int32(pointers.count))
      if let bytes = tensor?.bytes { pointers.append(bytes.buffer.base + bytes.offset) }
    }
    for input in inputs { add(input?.tensor) }
    for output in outputs {
      guard let output else {
        add(nil)
        results.append(try Tensor.zeros(.bool, shape: [0]))
        continue
      }
      let tensor = try Tensor(output.element, shape: output.shape) { (_) throws(ModelError) in }
      add(tensor)
      results.append(tensor)
    }
    let scratch = try TensorBuffer(byteCount: kernel.scratchBytes)
    slots.append(Int32(pointers.count))
    pointers.append(scratch.base)
    try Self.call(body, &pointers, slots, inputs.count, outputs.count, threads)
    withExtendedLifetime((inputs, results, scratch)) {}
    return results.map(Value.tensor)
  }

  /// Runs a kernel on operands that lie where `pointers` say: inputs, outputs and scratch memory, by `slots`.
  static func call(
    _ body: Kernel.Body, _ pointers: inout [UnsafeMutableRawPointer?], _ slots: [Int32],
    _ inputCount: Int, _ outputCount: Int, _ threads: Int
  ) throws(ModelError) {
    try pointers.withUnsafeMutableBufferPointer { (table) throws(ModelError) in
      try slots.withUnsafeBufferPointer { (slots) throws(ModelError) in
        guard let table = table.baseAddress, let slots = slots.baseAddress else { return }
        try body(
          KernelContext(
            table: table, slots: slots, inputCount: inputCount, outputCount: outputCount,
            threads: threads))
      }
    }
  }
}

extension Value {
  fileprivate var isFixedSize: Bool { tensor.map { $0.elementType != .string } ?? false }

  fileprivate var isMovedAsOrdinals: Bool {
    tensor.map { $0.elementType == .string || $0.elementType.isPacked } ?? false
  }
}

extension ValueType {
  var isFixedSize: Bool { tensorType.map { $0.element != .string } ?? false }
}
