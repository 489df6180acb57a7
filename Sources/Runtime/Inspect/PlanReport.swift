/// How a model runs for one set of input extents.
public struct PlanReport: Sendable, Encodable {
  public struct Step: Sendable, Encodable {
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

  public let steps: [Step]
  /// Memory that all intermediate values share, in bytes.
  public let arenaBytes: Int
  public let notes: [Note]
}

extension Session {
  /// Plans the model without running it.
  ///
  /// - Parameters:
  ///   - extents: Values for the symbols of the input types, such as `["batch": 4]`.
  ///   - other: The value of all symbols and unknown extents that `extents` does not name.
  /// - Throws: A refusal of these extents.
  public func planReport(
    extents: [String: Int] = [:], other: Int = 1
  ) throws(ModelError) -> PlanReport {
    let types = try inputs.map { (input) throws(ModelError) in
      guard let type = input.type else {
        throw ModelError(.elementTypeMismatch, "input '\(input.name)' has no declared type")
      }
      return type.bound(extents, other)
    }
    let plan = try PlanBuilder.plan(program, inputTypes: types, threads: 1)
    let steps = plan.steps.map { step in
      let source = plan.program.steps[step.program]
      return PlanReport.Step(
        node: source.site, kernel: step.kernelName,
        outputs: source.outputs.filter { $0 != 0 }.map { plan.types[$0]?.description ?? "?" })
    }
    let notes = passLog.map {
      PlanReport.Note(
        pass: $0.pass, applied: $0.outcome == .applied, node: $0.node, reason: $0.reason)
    }
    return PlanReport(steps: steps, arenaBytes: plan.arenaBytes, notes: notes)
  }
}

extension ValueType {
  /// The type with a number for each symbol.
  func bound(_ extents: [String: Int], _ other: Int) -> ValueType {
    guard case .tensor(let type) = self else { return self }
    let dimensions = (type.shape ?? []).dimensions.map { dimension -> Dimension in
      switch dimension {
      case .fixed: dimension
      case .symbolic(let symbol): .fixed(extents[symbol.description] ?? other)
      case .unknown: .fixed(other)
      }
    }
    return .tensor(type.element, Shape(dimensions))
  }
}
