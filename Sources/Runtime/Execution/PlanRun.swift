/// What a run tells whoever watches it.
protocol RunObserver: AnyObject {
  /// Called after each step with its time in nanoseconds.
  func finished(_ step: Plan.Step, of plan: Plan, nanoseconds: UInt64)
}

/// What all runs of a call of a session share.
struct RunOptions {
  let pool: RunPool
  let threads: Int
  var observer: (any RunObserver)?
}

/// One run of a plan.
struct PlanRun {
  let plan: Plan
  let state: RunState
  let options: RunOptions

  /// Runs `program` on values for its inputs and captures.
  ///
  /// - Parameters:
  ///   - recycled: Tensors that may become outputs again, by position; each is `nil` afterwards.
  ///   - check: Called if there is no plan for the values' extents yet.
  static func run(
    _ program: Program, _ inputs: [Value], _ options: RunOptions,
    recycling recycled: inout [Tensor?],
    check: () throws(ModelError) -> Void = { () throws(ModelError) in }
  ) throws(ModelError) -> [Value] {
    let state = try options.pool.take(program, inputs) { () throws(ModelError) in
      try check()
      return try PlanBuilder.plan(
        program, inputTypes: inputs.map(\.type), threads: options.threads)
    }
    defer {
      state.clear()
      options.pool.put(state)
    }
    return try PlanRun(plan: state.plan, state: state, options: options).run(inputs, &recycled)
  }

  private func run(
    _ inputs: [Value], _ recycled: inout [Tensor?]
  ) throws(ModelError) -> [Value] {
    for index in inputs.indices { set(plan.program.inputs[index], inputs[index]) }
    let written = try allocateOutputs(&recycled)
    try plan.operands.withUnsafeBufferPointer { (operands) throws(ModelError) in
      try plan.steps.withUnsafeBufferPointer { (steps) throws(ModelError) in
        guard let first = steps.baseAddress, let operands = operands.baseAddress else { return }
        // By address: a step that is passed by value is retained field by field.
        for index in steps.indices { try execute(first + index, operands) }
      }
    }
    return try collect(written)
  }

  private func set(_ slot: Int, _ value: Value) {
    state.values[slot] = value
    state.table[slot] = value.tensor?.base
  }

  /// Makes the tensors that kernels write outputs into, in the order of `plan.written`.
  private func allocateOutputs(_ recycled: inout [Tensor?]) throws(ModelError) -> [Value] {
    var values: [Value] = []
    values.reserveCapacity(plan.written.count)
    for output in plan.written {
      let tensor = try output.tensor(recycling: &recycled)
      state.table[output.slot] = tensor.base
      values.append(.tensor(tensor))
    }
    // Slots that share a call's value are pointed by steps of their own.
    for (slot, root) in plan.moving { state.table[slot] = state.table[root] }
    return values
  }

  private func execute(
    _ step: UnsafePointer<Plan.Step>, _ operands: UnsafePointer<Int32>
  ) throws(ModelError) {
    let start = options.observer == nil ? 0 : Clock.nanoseconds()
    do throws(ModelError) {
      switch step.pointee.action {
      case .kernel(let body):
        try body(
          KernelContext(
            table: state.table, slots: operands + step.pointee.firstOperand,
            inputCount: step.pointee.inputCount, outputCount: step.pointee.outputCount,
            threads: options.threads))
      case .alias(let root):
        state.table[step.pointee.firstOperand] = state.table[root]
      case .call:
        try call(plan.program.steps[step.pointee.program])
      case .branch(let op):
        try run(op, plan.program.steps[step.pointee.program])
      }
    } catch { throw error.at(node: plan.program.steps[step.pointee.program].site) }
    // Mostly there are none, and to go through none costs a retain.
    if !step.pointee.releases.isEmpty {
      for slot in step.pointee.releases { state.values[slot] = nil }
    }
    guard let observer = options.observer else { return }
    observer.finished(step.pointee, of: plan, nanoseconds: Clock.nanoseconds() - start)
  }

  private func call(_ step: Program.Step) throws(ModelError) {
    var inputs: [Value?] = []
    for slot in step.inputs { inputs.append(slot == 0 ? nil : try loan(slot)) }
    var call = OperatorCall(step: step, program: plan.program, threads: options.threads)
    call.inferredTypes = step.outputs.map { plan.types[$0] }
    call.body = { (body, given) throws(ModelError) in
      guard given.count == body.inputs.count - body.captures.count else {
        throw ModelError(
          .arityMismatch, "a subgraph with \(body.inputs.count - body.captures.count) inputs",
          expected: "\(given.count), as the operator gives it")
      }
      return try run(body, given)
    }
    try take(try call.evaluate(inputs), step)
  }

  private func run(_ op: any BranchOperator, _ step: Program.Step) throws(ModelError) {
    guard let condition = state.table[step.inputs[0]],
      let body = step.bodies[op.branch(if: condition.load(as: UInt8.self) != 0)]
    else { throw ModelError(.invalidGraph, "a condition or a subgraph that is not there") }
    try take(try run(body, []), step)
  }

  /// Runs a subgraph on what it is given and what it captures.
  private func run(_ body: Program, _ given: [Value]) throws(ModelError) -> [Value] {
    var values = given
    values.reserveCapacity(given.count + body.captures.count)
    for capture in body.captures { values.append(try captured(capture)) }
    var none: [Tensor?] = []
    return try PlanRun.run(body, values, options, recycling: &none)
  }

  /// Puts the values that a step has made where the plan has them.
  private func take(_ outputs: [Value], _ step: Program.Step) throws(ModelError) {
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

  /// The outputs, in the graph's order.
  private func collect(_ written: [Value]) throws(ModelError) -> [Value] {
    if written.count == plan.program.outputs.count { return written }
    var values: [Value] = []
    var next = 0
    for (position, slot) in plan.program.outputs.enumerated() {
      if next < written.count, plan.written[next].position == position {
        values.append(written[next])
        next += 1
      } else {
        values.append(try value(slot))
      }
    }
    return values
  }
}

extension Plan.Written {
  /// A tensor for the output: the one at its position if that is of its type and nobody else has it.
  fileprivate func tensor(recycling recycled: inout [Tensor?]) throws(ModelError) -> Tensor {
    if position < recycled.count,
      let again = Tensor.reusing(&recycled[position], element, shape: extents)
    {
      return again
    }
    return try Tensor(element, shape: extents) { (_) throws(ModelError) in }
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
