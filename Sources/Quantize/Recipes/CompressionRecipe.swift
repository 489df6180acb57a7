import ZooRuntime

/// A way of making a model smaller: quantization, pruning, palettes. Plugins add their own.
///
///     let recipe = DynamicQuantization()
///     let (small, report) = try recipe.apply(to: model)
///     print(report)
///     try small.write(to: "small.zoo")
///
/// What comes back is an ordinary model in standard ONNX operators: it runs, is saved, exported and compressed
/// further like any other, and computes the same in other runtimes.
///
/// The same model, recipe and samples always give the same model.
public protocol CompressionRecipe: Sendable {
  /// What people call it: `dynamic`, `static`, `weight-only`.
  var name: String { get }
  /// One line for people.
  var summary: String { get }

  /// Makes the model smaller.
  ///
  /// - Parameters:
  ///   - model: What to make smaller.
  ///   - samples: Inputs of the model, by name, such as it will meet. Recipes that need none measure with them what
  ///     the outputs lost.
  ///   - options: How to run it: which operators there are.
  /// - Returns: The model, and what was done to it. Recorded cases come back with the new model's outputs.
  /// - Throws: `.invalidRequest` if the recipe does not apply to the model at all or a pattern matches no layer;
  ///   whatever running the model on the samples throws.
  func apply(
    to model: Model, samples: [[String: Value]], options: Session.Options
  ) throws(ModelError) -> (Model, CompressionReport)
}

extension CompressionRecipe {
  public func apply(
    to model: Model, samples: [[String: Value]] = []
  ) throws(ModelError) -> (Model, CompressionReport) {
    try apply(to: model, samples: samples, options: Session.Options())
  }
}

/// What all recipes begin and end with.
struct RecipeRun {
  let original: Model
  var model: Model
  var report: CompressionReport
  /// How the model is run on samples and recorded cases.
  let options: Session.Options
  /// Bytes that the zeros of pruned weights need not take.
  var bytesOfZeros = 0
  /// The layers that the selection lets through, in order.
  private(set) var layers: [WeightedLayer] = []

  /// - Parameters:
  ///   - opset: The least version of ONNX's operators that the result needs.
  ///   - folding: Passes that rewrite the model before its layers are looked for.
  ///   - operators: Operators whose layers are mentioned in the report if they are left alone.
  init(
    _ model: Model, recipe: String, selection: LayerSelection, opset: Int,
    options: Session.Options, folding: [any Pass] = [],
    operators: Set<String> = LayerFinder.operators
  ) throws(ModelError) {
    original = model
    self.options = options
    report = CompressionReport(recipe: recipe)
    let lifted = try WeightLifting.lift(model)
    report.bytesBefore = lifted.weightByteCount
    self.model = try OpsetUpgrade.raise(lifted, to: opset)
    if !folding.isEmpty { self.model = try self.model.rewritten(by: folding) }
    if let before = model.opset(""), before < opset {
      report.notes.append("the model's operators were raised from opset \(before) to \(opset)")
    }
    try select(selection, operators)
  }

  private mutating func select(
    _ selection: LayerSelection, _ operators: Set<String>
  ) throws(ModelError) {
    let all = LayerFinder.layers(of: model)
    try selection.check(against: all)
    for layer in all where operators.contains(layer.node.opType) {
      if let reason = refusal(layer) ?? selection.refusal(layer) {
        report.leave(layer, reason)
      } else {
        layers.append(layer)
      }
    }
  }

  private func refusal(_ layer: WeightedLayer) -> String? {
    let type = layer.weight.elementType
    return type.isWidelyRepresentable ? nil : "its weight is \(type) already"
  }

  /// The elements of a layer's weight; `nil`, and a line in the report, if some are not finite.
  mutating func elements(_ layer: WeightedLayer) throws(ModelError) -> [Float]? {
    do throws(ModelError) {
      guard let values = try layer.weight.tensor().floats() else { return nil }
      if values.allSatisfy(\.isFinite) { return values }
      report.leave(layer, "its weight holds values that are not finite")
      return nil
    } catch { throw error.at(operand: "weight '\(layer.weightName)'") }
  }

  /// Measures what was lost and records the cases anew.
  mutating func finish(
    samples: [[String: Value]]
  ) throws(ModelError) -> (Model, CompressionReport) {
    report.bytesAfter = model.weightByteCount - bytesOfZeros
    if report.layers.isEmpty {
      let why =
        report.leftAlone.isEmpty ? "no layer has a constant weight" : "see what was left alone"
      report.notes.append("nothing was changed: \(why)")
    }
    try CaseRecording.record(&model, options, &report)
    try OutputComparison.measure(original, model, samples, options, &report)
    return (model, report)
  }
}
