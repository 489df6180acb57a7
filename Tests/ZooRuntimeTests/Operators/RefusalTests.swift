import Testing
import ZooRuntime

/// Every operator with everything wrong: too few and too many operands, of wrong types and ranks, with attributes that
/// are missing, of another kind, or out of all ranges. Each is refused before it runs, with a site, what was found and
/// what was expected, or runs to an end.
@Suite struct RefusalTests {
  private static let arities = [0, 1, 2, 3, 5, 9]

  private static let operands: [ValueType] = [
    .tensor(TensorType(.f32, [2, 3])), .tensor(TensorType(.i64, [2])),
    .tensor(TensorType(.string, [2])), .tensor(TensorType(.bool, [] as [Int])),
    .tensor(TensorType(.f16, [1, 2, 3, 4])), .tensor(TensorType(.u4, [3])),
    .tensor(TensorType(.c64, [2, 2])), .tensor(TensorType(.u8, [1, 1, 4, 4])),
    .tensor(TensorType(.f32, [0])), .sequence(.tensor(TensorType(.f32, [2]))),
  ]

  /// Types of all inputs: each the same, or the first of floats and the others what shapes and axes are made of.
  private static func inputs(_ count: Int) -> [[ValueType]] {
    let alike = operands.map { Array(repeating: $0, count: count) }
    if count < 2 { return count == 0 ? [[]] : alike }
    return alike + [[operands[0]] + Array(repeating: operands[1], count: count - 1)]
  }

  struct Target: Sendable, CustomTestStringConvertible {
    let entry: OperatorEntry
    var testDescription: String { "\(entry.domain) \(entry.name)" }
  }

  static let targets = OperatorRegistry.standard.all.map(Target.init)

  private func model(
    _ entry: OperatorEntry, _ version: Int, _ inputs: [ValueType], _ attributes: [Attribute]
  ) throws -> Model {
    var model = Model(opsets: [OpsetImport("", 21)])
    model.opsets.removeAll { $0.domain == entry.domain }
    model.opsets.append(OpsetImport(entry.domain, version))
    for (index, type) in inputs.enumerated() {
      model.main.inputs.append(model.addValue("x\(index)", type: type))
    }
    let output = model.addValue("y")
    model.main.outputs = [output]
    _ = model.addGraph(Graph())
    model.main.nodes = [
      Node(
        entry.name, domain: entry.domain, inputs: model.main.inputs, outputs: [output],
        attributes: attributes)
    ]
    return model
  }

  @Test(arguments: targets)
  func everyOperatorRefusesOrRuns(target: Target) throws {
    let versions = [target.entry.versions.first, target.entry.versions.last].compactMap { $0 }
    for (index, profile) in AttributeProfile.all.enumerated() {
      let attributes = try profile.attributes(graph: GraphID(1))
      for inputs in Self.arities.flatMap(Self.inputs) {
        let model = try model(target.entry, versions[index % 2], inputs, attributes)
        let check = ModelCheck(model)
        if check.runs { run(model) }
        for refusal in check.refusals {
          #expect(refusal.node?.contains(target.entry.name) == true, "\(refusal)")
          #expect(refusal.reason.contains("; expected "), "\(refusal) \(inputs)")
        }
      }
    }
  }

  /// Runs a model that was accepted on numbers that mean nothing: an error is right, a crash is not.
  private func run(_ model: Model) {
    do throws(ModelError) {
      let session = try Session(model)
      let bytes = session.outputs.compactMap { output -> Int? in
        guard let type = output.type?.tensorType, let shape = type.shape?.extents else {
          return nil
        }
        return try? Tensor.byteCount(type.element, shape: shape)
      }
      // What would only fill memory proves nothing.
      if bytes.contains(where: { $0 > 1 << 24 }) { return }
      _ = try session.run(values: session.sampleInputs())
    } catch {
      #expect(!error.description.isEmpty)
    }
  }
}
