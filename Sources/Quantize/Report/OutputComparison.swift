import ZooRuntime

/// Runs a model before and after side by side and measures what its layers and outputs lost.
struct OutputComparison {
  /// Measures over all samples; one sample's values are in memory at a time.
  static func measure(
    _ before: Model, _ after: Model, _ samples: [[String: Value]], _ options: Session.Options,
    _ report: inout CompressionReport
  ) throws(ModelError) {
    if samples.isEmpty { return }
    let taps = taps(before, after, report)
    let old = try ValueTap(before, taps.values.sorted(), options)
    let new = try ValueTap(after, taps.values.sorted(), options)
    var errors: [String: SignalError] = [:]
    for sample in samples {
      let want = try old.run(sample)
      let got = try new.run(sample)
      for (name, value) in want {
        guard let a = try value.tensor?.floats(), let b = try got[name]?.tensor?.floats(),
          a.count == b.count
        else { continue }
        for (x, y) in zip(a, b) { errors[name, default: SignalError()].add(x, got: y) }
      }
    }
    for index in report.layers.indices {
      guard let name = taps[report.layers[index].node] else { continue }
      report.layers[index].outputDecibels = errors[name]?.decibels.finite
    }
    report.outputs = before.main.outputs.compactMap { output in
      let name = before[output].name
      guard let error = errors[name] else { return nil }
      return CompressionReport.Output(
        name: name, decibels: error.decibels.finite, relativeError: error.relative,
        cosine: error.cosine, largestError: error.largest)
    }
  }

  /// For each changed layer of the main graph the value that it makes, if both models have it.
  private static func taps(
    _ before: Model, _ after: Model, _ report: CompressionReport
  ) -> [String: String] {
    let kept = Set(after.main.nodes.flatMap(\.outputs).compactMap { $0.map { after[$0].name } })
    let changed = Set(report.layers.map(\.node))
    let editor = GraphEditor(before, .main)
    var taps: [String: String] = [:]
    for node in before.main.nodes {
      let name = editor.displayName(of: node)
      guard changed.contains(name), let output = node.outputs.first ?? nil,
        kept.contains(before[output].name)
      else { continue }
      taps[name] = before[output].name
    }
    return taps
  }
}

/// A model that also gives values from inside its main graph.
struct ValueTap {
  private let session: Session

  /// - Parameter names: Values that nodes of the main graph make.
  init(_ model: Model, _ names: [String], _ options: Session.Options) throws(ModelError) {
    var model = model
    var ids: [String: ValueID] = [:]
    for node in model.main.nodes {
      for value in node.outputs { if let value { ids[model[value].name] = value } }
    }
    let outputs = Set(model.main.outputs)
    for name in names {
      guard let value = ids[name], !outputs.contains(value) else { continue }
      model.main.outputs.append(value)
    }
    model.cases = []
    session = try Session(model, options: options)
  }

  /// All outputs and all tapped values, by name.
  func run(_ sample: [String: Value]) throws(ModelError) -> [String: Value] {
    try session.run(values: sample)
  }
}
