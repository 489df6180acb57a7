// Running a session.
extension Session {
  /// Runs the model once.
  ///
  /// - Parameter inputs: One tensor for each of ``inputs``, by name; those that are not required may be left out.
  ///   Element types must match exactly: nothing is converted. A fixed extent must match; a symbolic one (`batch`,
  ///   `sequence`) may be any number ≥ 0, the same wherever that symbol occurs.
  /// - Returns: One tensor for each of ``outputs``, by name, in memory of its own.
  /// - Throws: ``ModelError`` with code `.missingInput`, `.unknownInput`, `.elementTypeMismatch` or
  ///   `.shapeMismatch` before anything is computed; `.outOfRange` when data leaves its legal range. After a throw
  ///   the session can be used again.
  /// - Complexity: The first run with a given set of extents plans, O(nodes); later runs allocate their outputs only.
  public func run(_ inputs: [String: Tensor]) throws(ModelError) -> [String: Tensor] {
    var results: [String: Tensor] = [:]
    try run(inputs, reusing: &results)
    return results
  }

  /// Runs the model once and writes its outputs where those of an earlier run are.
  ///
  ///     var results: [String: Tensor] = [:]
  ///     while let frame = next() { try session.run(["audio": frame], reusing: &results) }
  ///
  /// - Parameters:
  ///   - inputs: As for `run(_:)`.
  ///   - results: Becomes what `run(_:)` returns. A tensor that it holds for an output is written over if it has that
  ///     output's type and nobody else has a copy of it; all others are let go. Empty after a throw.
  public func run(
    _ inputs: [String: Tensor], reusing results: inout [String: Tensor]
  ) throws(ModelError) {
    var recycled: [Tensor?] = []
    if !results.isEmpty {
      recycled = outputs.map { results.removeValue(forKey: $0.name) }
      results.removeAll(keepingCapacity: true)
    }
    let computed = try run(
      count: inputs.count, names: { Array(inputs.keys) }, recycling: &recycled,
      value: { inputs[$0].map(Value.tensor) })
    results.reserveCapacity(computed.count)
    for (position, value) in computed.enumerated() {
      results[outputs[position].name] = try tensor(value, position)
    }
  }

  /// Runs the model once, on tensors in the order of ``inputs``; those at the end that are not required may be left out.
  ///
  /// - Returns: The outputs in the order of ``outputs``.
  /// - Throws: As `run(_:)` with names.
  public func run(_ inputs: [Tensor]) throws(ModelError) -> [Tensor] {
    guard inputs.count <= self.inputs.count else {
      throw ModelError(
        .unknownInput, "\(inputs.count) inputs", expected: "at most \(self.inputs.count)")
    }
    var recycled: [Tensor?] = []
    var next = 0
    let computed = try run(
      count: inputs.count, names: { [] }, recycling: &recycled,
      value: { _ in
        guard next < inputs.count else { return nil }
        defer { next += 1 }
        return .tensor(inputs[next])
      })
    var results: [Tensor] = []
    results.reserveCapacity(computed.count)
    for (position, value) in computed.enumerated() { results.append(try tensor(value, position)) }
    return results
  }

  /// Runs the model once, on values of any kind: tensors, sequences, optionals, maps.
  public func run(values: [String: Value]) throws(ModelError) -> [String: Value] {
    named(try run(values, observer: nil))
  }

  private func tensor(_ value: Value, _ position: Int) throws(ModelError) -> Tensor {
    if case .tensor(let tensor) = value { return tensor }
    throw ModelError(
      .elementTypeMismatch, "output '\(outputs[position].name)' is \(value.type)",
      expected: "a tensor", remedy: "call run(values:) for models with other outputs")
  }

  func named(_ computed: [Value]) -> [String: Value] {
    var results: [String: Value] = [:]
    results.reserveCapacity(computed.count)
    for (parameter, value) in zip(outputs, computed) { results[parameter.name] = value }
    return results
  }

  /// The outputs in the graph's order.
  func run(
    _ values: [String: Value], observer: (any RunObserver)?
  ) throws(ModelError) -> [Value] {
    var recycled: [Tensor?] = []
    return try run(
      count: values.count, names: { Array(values.keys) }, observer: observer,
      recycling: &recycled, value: { values[$0] })
  }

  /// - Parameters:
  ///   - count: How many values are given.
  ///   - names: What they are given for.
  ///   - recycled: Tensors that may become outputs again, by position.
  ///   - value: The value for an input; called for each in order.
  private func run(
    count: Int, names: () -> [String], observer: (any RunObserver)? = nil,
    recycling recycled: inout [Tensor?], value: (String) -> Value?
  ) throws(ModelError) -> [Value] {
    do throws(ModelError) {
      var changed: [String: Value] = [:]
      let ordered = try order(count, names, value, &changed)
      var session = self
      var values = ordered
      if let overriding, !changed.isEmpty {
        session = try overriding.session()
        values = try overriding.values(ordered, changed, inputs)
      }
      let options = RunOptions(pool: session.pool, threads: threads, observer: observer)
      return try PlanRun.run(session.program, values, options, recycling: &recycled) {
        () throws(ModelError) in
        try InputCheck.check(values, against: session.taken)
      }
    } catch { throw error.at(file: model.fileName) }
  }

  /// The values of required inputs, in order.
  ///
  /// - Parameter changed: Receives values of inputs that have a default.
  private func order(
    _ count: Int, _ names: () -> [String], _ value: (String) -> Value?,
    _ changed: inout [String: Value]
  ) throws(ModelError) -> [Value] {
    var ordered: [Value] = []
    ordered.reserveCapacity(taken.count)
    var missing: Parameter?
    for parameter in inputs {
      if let value = value(parameter.name) {
        if parameter.isRequired {
          ordered.append(value)
        } else {
          changed[parameter.name] = value
        }
      } else if missing == nil, parameter.isRequired {
        missing = parameter
      }
    }
    // A wrong name is also a missing one: the wrong one says more.
    if ordered.count + changed.count != count { throw InputCheck.unknown(names(), inputs) }
    if let missing { throw InputCheck.missing(missing, inputs) }
    return ordered
  }
}
