import ModelFormat

/// Turns the rows of an output into answers: the contents of a `postprocessing.json`.
enum OutputDecoding: Sendable {
  /// Scores of classes, with their names.
  case classification(output: String, labels: [String], softmax: Bool)
  /// One number, under the name `field`.
  case regression(output: String, field: String, exponential: Bool)

  /// - Throws: `.malformed` or `.invalidRequest` if the asset or the labels are missing or wrong.
  init(_ model: Model) throws(ModelError) {
    let settings = try model.json(AssetName.postprocessing)
    let name = try settings.value("output") == nil ? nil : settings.string("output")
    let output = try model.singleName(model.main.outputs, name, "output")
    switch try settings.string("type") {
    case "classification":
      let labels = try model.lines(settings.string("labels", default: AssetName.labels))
      let activation = try settings.string("activation", default: "none")
      guard ["none", "softmax"].contains(activation) else {
        throw settings.error("activation", "'\(activation)'", expected: "none or softmax")
      }
      self = .classification(output: output, labels: labels, softmax: activation == "softmax")
    case "regression":
      let transform = try settings.string("transform", default: "none")
      guard ["none", "exp"].contains(transform) else {
        throw settings.error("transform", "'\(transform)'", expected: "none or exp")
      }
      self = .regression(
        output: output, field: try settings.string("name", default: "value"),
        exponential: transform == "exp")
    case let other:
      throw settings.error("type", "'\(other)'", expected: "classification or regression")
    }
  }

  func answers(_ outputs: [String: Tensor], count: Int) throws(ModelError) -> [Answer] {
    switch self {
    case .classification(let output, let labels, let softmax):
      let rows = try outputs.rows(output, count)
      var answers: [Answer] = []
      for row in rows {
        guard row.count == labels.count else {
          throw ModelError(
            .shapeMismatch, "\(row.count) scores in '\(output)'",
            expected: "\(labels.count), one for each label")
        }
        answers.append(Self.classify(softmax ? Self.softmax(row) : row, labels))
      }
      return answers
    case .regression(let output, let field, let exponential):
      return try outputs.rows(output, count).map { row in
        let value = JSON(row.first ?? .nan)
        guard exponential, case .double(let number) = value else {
          return Answer([JSON.Member(field, value)])
        }
        return Answer([JSON.Member(field, .double(number.exponential))])
      }
    }
  }

  /// The best label, its score, and all scores by label.
  static func classify(_ scores: [Float], _ labels: [String]) -> Answer {
    let best = scores.indices.max { scores[$0] < scores[$1] } ?? 0
    let all = zip(labels, scores).map { JSON.Member($0, JSON($1)) }
    return Answer([
      JSON.Member("label", .string(labels.isEmpty ? "" : labels[best])),
      JSON.Member("score", JSON(scores.isEmpty ? 0 : scores[best])),
      JSON.Member("scores", .object(all)),
    ])
  }

  static func softmax(_ scores: [Float]) -> [Float] {
    let peak = scores.max() ?? 0
    let powers = scores.map { Double($0 - peak).exponential }
    let sum = powers.reduce(0, +)
    return powers.map { Float($0 / sum) }
  }
}

extension [String: Tensor] {
  func output(_ name: String) throws(ModelError) -> Tensor {
    if let tensor = self[name] { return tensor }
    throw ModelError(
      .invalidRequest, "no output '\(name)'", expected: keys.sorted().joined(separator: ", "))
  }

  /// The output's elements as floats, split evenly into `count` rows.
  func rows(_ name: String, _ count: Int) throws(ModelError) -> [[Float]] {
    let tensor = try output(name)
    let values = try tensor.floats()
    guard count > 0, values.count % count == 0, tensor.shape.first ?? 1 == count || count == 1
    else {
      throw ModelError(
        .shapeMismatch, "output '\(name)' of shape \(tensor.shape)",
        expected: "\(count) along its first axis")
    }
    let length = values.count / count
    return (0..<count).map { Array(values[$0 * length..<($0 + 1) * length]) }
  }
}

extension Tensor {
  /// Elements of `f32`, `f64`, `f16` or `bf16` as `f32`.
  func floats() throws(ModelError) -> [Float] {
    switch elementType {
    case .f64: try array(of: Double.self).map { Float($0) }
    case .f16: try array(of: Float16.self).map { Float($0) }
    case .bf16: try array(of: BFloat16.self).map(\.float)
    default: try array(of: Float.self)
    }
  }

  /// A tensor of integers in the element type that an input has: `i64` or `i32`.
  static func integers(
    _ values: [Int32], shape: [Int], as type: ElementType?
  ) throws(ModelError) -> Tensor {
    if type == .i32 { return try Tensor(values, shape: shape) }
    return try Tensor(values.map(Int64.init), shape: shape)
  }
}
