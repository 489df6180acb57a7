import ZooRuntime

/// Recorded cases of a model whose numbers have changed on purpose: its outputs are recorded anew.
enum CaseRecording {
  /// What rounding may make of integers that lie on an edge, relative to the largest output.
  private static let tolerance = 2e-2

  static func record(
    _ model: inout Model, _ options: Session.Options, _ report: inout CompressionReport
  ) throws(ModelError) {
    if model.cases.isEmpty { return }
    var plain = model
    plain.cases = []
    let session: Session
    do {
      session = try Session(plain, options: options)
    } catch  where error.code == .unsupportedOperator {
      report.notes.append("recorded cases were dropped: \(error)")
      model = plain
      return
    }
    for index in model.cases.indices {
      let inputs = model.cases[index].inputs.map { ($0.name, $0.value) }
      let values = try session.run(values: Dictionary(inputs) { first, _ in first })
      var largest = 0.0
      for position in model.cases[index].outputs.indices {
        guard let value = values[model.cases[index].outputs[position].name] else { continue }
        model.cases[index].outputs[position].value = value
        for number in try value.tensor?.floats() ?? [] where number.isFinite {
          largest = max(largest, Double(number.magnitude))
        }
      }
      model.cases[index].absolute = max(model.cases[index].absolute, tolerance * largest)
    }
    let count = model.cases.count
    report.notes.append("\(count) recorded case\(count == 1 ? "" : "s") recorded anew")
  }
}
