/// Whether a session still computes what was recorded.
public struct CaseVerification: Sendable, Encodable {
  public struct Output: Sendable, Encodable {
    public let name: String
    public let comparison: ValueComparison
  }

  public let name: String
  public let outputs: [Output]

  public var passes: Bool { outputs.allSatisfy(\.comparison.matches) }
}

extension Session {
  /// Replays a recorded case.
  ///
  /// - Throws: What ``run(values:)`` throws; `.unknownInput` if the case names an output that the model does not have.
  public func verify(_ recorded: RecordedCase) throws(ModelError) -> CaseVerification {
    var inputs: [String: Value] = [:]
    for input in recorded.inputs { inputs[input.name] = input.value }
    let computed = try run(values: inputs)
    var outputs: [CaseVerification.Output] = []
    for expected in recorded.outputs {
      guard let got = computed[expected.name] else {
        throw ModelError(
          .unknownInput, "case '\(recorded.name)' expects an output '\(expected.name)'",
          expected: "one of " + self.outputs.map { "'\($0.name)'" }.joined(separator: ", "))
      }
      outputs.append(
        .init(
          name: expected.name,
          comparison: try ValueComparison(
            got: got, want: expected.value, absolute: recorded.absolute,
            relative: recorded.relative)))
    }
    return CaseVerification(name: recorded.name, outputs: outputs)
  }
}
