/// How a model runs for one set of input extents.
public struct PlanReport: Sendable, Encodable {
  public struct Step: Sendable, Encodable {
    /// Of which node the step is a subgraph's, from the outside in; empty in the main graph.
    public let inside: [String]
    public let node: String
    public let kernel: String
    /// Output types, with numbers for all extents that are known before the model runs.
    public let outputs: [String]
  }

  public struct Note: Sendable, Encodable {
    public let pass: String
    public let applied: Bool
    public let node: String
    public let reason: String
  }

  /// In the order in which they run, those of subgraphs behind the step that runs them.
  public let steps: [Step]
  /// Memory that all intermediate values of the main graph share, in bytes.
  public let arenaBytes: Int
  public let notes: [Note]
}

extension Session {
  /// Plans the model without running it. Subgraphs are shown as they would be planned if what the main graph does not
  /// tell about their inputs were `other` as well.
  ///
  /// - Parameters:
  ///   - extents: Values for the symbols of the input types, such as `["batch": 4]`, or for axes of inputs, such as
  ///     `["x.0": 4]`.
  ///   - other: The value of all symbols and unknown extents that `extents` does not name.
  /// - Throws: A refusal of these extents.
  public func planReport(
    extents: [String: Int] = [:], other: Int = 1
  ) throws(ModelError) -> PlanReport {
    let types = try inputTypes(extents, other: other)
    let plan = try PlanBuilder.plan(program, inputTypes: types, threads: 1)
    let notes = passLog.map {
      PlanReport.Note(
        pass: $0.pass, applied: $0.outcome == .applied, node: $0.node, reason: $0.reason)
    }
    let steps = Self.steps(of: plan, inside: [], other)
    return PlanReport(steps: steps, arenaBytes: plan.arenaBytes, notes: notes)
  }

  private static func steps(
    of plan: Plan, inside: [String], _ other: Int
  ) -> [PlanReport.Step] {
    plan.steps.flatMap { step in
      let source = plan.program.steps[step.program]
      let types = source.outputs.filter { $0 != 0 }.map { plan.types[$0]?.description ?? "?" }
      let shown = PlanReport.Step(
        inside: inside, node: source.site, kernel: step.kernelName, outputs: types)
      let bodies = source.bodies.sorted { $0.key.index < $1.key.index }.map(\.value)
      return bodies.reduce(into: [shown]) { steps, body in
        guard let plan = Self.plan(body, in: plan, other) else { return }
        steps += Self.steps(of: plan, inside: inside + [source.site], other)
      }
    }
  }

  /// The plan of a subgraph; `nil` if it cannot be told before the model runs.
  private static func plan(_ body: Program, in outer: Plan, _ other: Int) -> Plan? {
    let captured = body.captures.map { value in
      outer.program.slot(of: value).flatMap { outer.types[$0] }
    }
    let open = InputExtents(numbers: [:], other: other)
    let types = (body.inputTypes + captured).compactMap { type -> ValueType? in
      if case .tensor(let tensor)? = type, tensor.shape == nil { return nil }
      return type.map { open.bind($0, of: "") }
    }
    guard types.count == body.inputs.count else { return nil }
    return try? PlanBuilder.plan(body, inputTypes: types, threads: 1)
  }
}
