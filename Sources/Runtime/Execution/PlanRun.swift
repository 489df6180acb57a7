/// What a run tells whoever watches it.
protocol RunObserver: AnyObject {
  /// Called after each step with its time in nanoseconds.
  func finished(_ step: Plan.Step, of plan: Plan, nanoseconds: UInt64)
}

/// One run of a plan.
struct PlanRun {
  let plan: Plan
  let state: RunState
  let threads: Int
  let observer: (any RunObserver)?

  /// Runs `program` on values for its inputs and captures; `check` is called if there is no plan for their extents yet.
  static func run(
    _ program: Program, _ inputs: [Value], threads: Int, observer: (any RunObserver)? = nil,
    check: () throws(ModelError) -> Void = { () throws(ModelError) in }
  ) throws(ModelError) -> [Value] {
    let plan = try program.plans.plan(for: inputs) { () throws(ModelError) in
      try check()
      return try PlanBuilder.plan(program, inputTypes: inputs.map(\.type), threads: threads)
    }
    let state = try plan.states.take(plan)
    defer {
      for slot in plan.valueSlots { state.values[slot] = nil }
      plan.states.put(state)
    }
    let run = PlanRun(plan: plan, state: state, threads: threads, observer: observer)
    return try run.run(inputs)
  }

  private func run(_ inputs: [Value]) throws(ModelError) -> [Value] {
    for (slot, value) in zip(plan.program.inputs, inputs) { set(slot, value) }
    let outputs = try allocateOutputs()
    try plan.operands.withUnsafeBufferPointer { (operands) throws(ModelError) in
      try plan.steps.withUnsafeBufferPointer { (steps) throws(ModelError) in
        for index in steps.indices { try execute(steps[index], operands) }
      }
    }
    return try collect(outputs)
  }

  private func set(_ slot: Int, _ value: Value) {
    state.values[slot] = value
    state.table[slot] = value.tensor?.base
  }

  /// Makes the tensors that kernels write outputs into.
  private func allocateOutputs() throws(ModelError) -> [Tensor?] {
    var outputs = [Tensor?](repeating: nil, count: plan.program.outputs.count)
    for output in plan.written {
      let tensor = try Tensor(output.element, shape: output.extents) { (_) throws(ModelError) in }
      outputs[output.position] = tensor
      state.table[output.slot] = tensor.base
    }
    // Slots that share a call's value are pointed by steps of their own.
    for (slot, root) in plan.moving { state.table[slot] = state.table[root] }
    return outputs
  }

  private func execute(
    _ step: Plan.Step, _ operands: UnsafeBufferPointer<Int32>
  ) throws(ModelError) {
    let start = observer == nil ? 0 : Clock.nanoseconds()
    do throws(ModelError) {
      switch step.action {
      case .kernel(let body):
        guard let base = operands.baseAddress else { return }
        try body(
          KernelContext(
            table: state.table, slots: base + step.firstOperand, inputCount: step.inputCount,
            outputCount: step.outputCount, threads: threads))
      case .alias(let root):
        state.table[step.firstOperand] = state.table[root]
      case .call:
        try call(plan.program.steps[step.program])
      }
    } catch { throw error.at(node: plan.program.steps[step.program].site) }
    for slot in step.releases { state.values[slot] = nil }
    observer?.finished(step, of: plan, nanoseconds: Clock.nanoseconds() - start)
  }

  private func call(_ step: Program.Step) throws(ModelError) {
    var inputs: [Value?] = []
    for slot in step.inputs { inputs.append(slot == 0 ? nil : try loan(slot)) }
    var call = OperatorCall(step: step, program: plan.program, threads: threads)
    call.inferredTypes = step.outputs.map { plan.types[$0] }
    call.body = { (body, given) throws(ModelError) in
      guard given.count == body.inputs.count - body.captures.count else {
        throw ModelError(
          .arityMismatch, "a subgraph with \(body.inputs.count - body.captures.count) inputs",
          expected: "\(given.count), as the operator gives it")
      }
      var values = given
      for capture in body.captures { values.append(try captured(capture)) }
      return try PlanRun.run(body, values, threads: threads, observer: observer)
    }
    let outputs = try call.evaluate(inputs)
    guard outputs.count >= step.outputs.count else {
      throw ModelError(
        .arityMismatch, "\(outputs.count) outputs were made", expected: "\(step.outputs.count)")
    }
    for (slot, value) in zip(step.outputs, outputs) where slot != 0 {
      try check(value, slot)
      set(slot, try value.kept(from: state))
    }
  }

  /// Kernels after this one count on the extents that were inferred.
  private func check(_ value: Value, _ slot: Int) throws(ModelError) {
    guard case .tensor(let expected)? = plan.types[slot], let extents = expected.shape?.extents,
      let tensor = value.tensor
    else { return }
    guard tensor.elementType == expected.element, tensor.shape == extents else {
      throw ModelError(
        .shapeMismatch, "an output \(tensor.type)", expected: "\(expected), as inferred")
    }
  }

  private func captured(_ value: ValueID) throws(ModelError) -> Value {
    guard let slot = plan.program.slot(of: value) else {
      throw ModelError(.invalidGraph, "a subgraph uses a value that this graph does not have")
    }
    return try loan(slot)
  }

  /// The value of a slot, in memory that another step may write once this one is done.
  private func loan(_ slot: Int) throws(ModelError) -> Value {
    if state.values[slot] == nil, case .tensor(let type)? = plan.types[slot],
      let extents = type.shape?.extents, let source = state.table[slot]
    {
      let bytes = try Tensor.byteCount(type.element, shape: extents)
      let buffer = TensorBuffer(viewing: source, byteCount: bytes, owner: state)
      return .tensor(try Tensor(type.element, shape: extents, sharing: buffer))
    }
    return try value(slot)
  }

  /// The value of a slot, in memory that outlives the run.
  private func value(_ slot: Int) throws(ModelError) -> Value {
    if let value = state.values[slot] { return value }
    if case .constant(let tensor) = plan.homes[slot] { return .tensor(tensor) }
    guard case .tensor(let type)? = plan.types[slot], let extents = type.shape?.extents,
      let source = state.table[slot]
    else {
      throw ModelError(.invalidGraph, "a value that has not been computed")
    }
    return .tensor(
      try Tensor(type.element, shape: extents) { (bytes) throws(ModelError) in
        bytes.baseAddress?.copyMemory(from: source, byteCount: bytes.count)
      })
  }

  private func collect(_ outputs: [Tensor?]) throws(ModelError) -> [Value] {
    var values: [Value] = []
    for (slot, output) in zip(plan.program.outputs, outputs) {
      if let output { values.append(.tensor(output)) } else { values.append(try value(slot)) }
    }
    return values
  }
}

extension Value {
  /// The value in memory that does not belong to `state`.
  fileprivate func kept(from state: RunState) throws(ModelError) -> Value {
    switch self {
    case .tensor(let tensor):
      guard let bytes = tensor.bytes, bytes.buffer.isView(ownedBy: state) else { return self }
      return .tensor(
        try Tensor(tensor.elementType, shape: tensor.shape) { (target) throws(ModelError) in
          try tensor.withBytes { source in target.copyMemory(from: source) }
        })
    case .sequence(let values, let element):
      return .sequence(
        try values.map { (value) throws(ModelError) in try value.kept(from: state) },
        element: element)
    case .optional(let value?, let wrapped):
      return .optional(try value.kept(from: state), wrapped: wrapped)
    case .map(let map):
      guard case .tensor(let keys) = try Value.tensor(map.keys).kept(from: state) else {
        return self
      }
      return .map(ValueMap(keys: keys, values: try map.values.kept(from: state)))
    case .sparse, .optional(nil, _): return self
    }
  }
}
