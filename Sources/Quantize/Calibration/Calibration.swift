import ZooRuntime

/// How the range of an activation is found from samples.
public enum CalibrationMethod: Sendable, Hashable {
  /// From the least to the greatest value seen.
  case minMax
  /// So that the share `percent` of all values is inside, half of the rest on either side is cut. 99.99 is usual: rare
  /// outliers then do not coarsen the step for all.
  case percentile(_ percent: Double)
}

extension CalibrationMethod: CustomStringConvertible {
  public var description: String {
    switch self {
    case .minMax: "min–max"
    case .percentile(let percent): "percentile \(percent)"
    }
  }
}

/// The statistics of values inside a model over samples.
struct Calibration {
  private(set) var statistics: [String: ValueStatistics] = [:]

  /// Runs the model on all samples; one sample's values are in memory at a time.
  ///
  /// - Parameter names: Values of the main graph: inputs, or outputs of nodes.
  init(
    _ model: Model, values names: Set<String>, samples: [[String: Value]],
    options: Session.Options
  ) throws(ModelError) {
    let inputs = Set(model.main.inputs.map { model[$0].name })
    let tap = try ValueTap(model, names.subtracting(inputs).sorted(), options)
    for (index, sample) in samples.enumerated() {
      do throws(ModelError) {
        var values = try tap.run(sample)
        for name in inputs.intersection(names) { values[name] = sample[name] }
        for name in names {
          guard let tensor = values[name]?.tensor, tensor.elementType == .f32 else { continue }
          try tensor.withElements(of: Float.self) { elements in
            statistics[name, default: ValueStatistics()].add(elements)
          }
        }
      } catch { throw error.at(operand: "calibration sample \(index)") }
    }
  }
}
