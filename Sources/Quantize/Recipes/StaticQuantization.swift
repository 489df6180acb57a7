import ZooRuntime

/// Weights as `int8` and activations as `uint8` with ranges that were found from samples beforehand, in the form of
/// `QuantizeLinear` and `DequantizeLinear` around the operators (QDQ), which runtimes turn into integer kernels.
///
///     x → QuantizeLinear(s, z) → DequantizeLinear(s, z) ┐
///     w (int8, per output channel) → DequantizeLinear   ├→ Conv, MatMul, Gemm → y
///     b (int32, in steps of s · sw) → DequantizeLinear  ┘
///
/// Tables that `Gather` reads row by row become `int8` with a scale for each row.
///
/// What goes into these operators is rounded: what comes out of matrix products is left alone, because most of the
/// accuracy is lost there (`MiniLM`: cosine 0.989 against 0.94 and less with rounded outputs). Between convolutions, sums
/// and gates round what they read, too, so that a runtime stays in integers. What scales and shifts their channels is folded into convolutions
/// first. Inputs whose values one scale cannot carry are left alone, and the report says so.
public struct StaticQuantization: CompressionRecipe {
  public let name = "static"
  public let summary = "int8 weights and inputs, whose ranges are found from samples"
  public var selection = LayerSelection()
  public var method = CalibrationMethod.minMax
  /// Keeps weights within 7 bits, for other runtimes on CPUs with AVX2 and without VNNI: their 8-bit kernels add pairs
  /// of products in 16 bits, which saturate. This library's kernels are exact on all CPUs.
  public var reducesRange = false
  /// An input is left alone if rounding it would lose more than this: the ratio of signal to noise in decibels.
  public var minimumDecibels = 15.0

  public init() {}

  private static let operators: Set = ["Conv", "MatMul", "Gemm", "Gather"]

  public func apply(
    to model: Model, samples: [[String: Value]], options: Session.Options
  ) throws(ModelError) -> (Model, CompressionReport) {
    try check(samples)
    var run = try RecipeRun(
      model, recipe: "static int8 (\(method), \(samples.count) samples)", selection: selection,
      opset: 13, options: options, folding: [AffineFolding(staysStandard: true)])
    let layers = candidates(&run)
    let editor = GraphEditor(run.model, .main)
    let convolutions = layers.filter { $0.node.opType == "Conv" }.map(\.index)
    let joins = StaticFollowers(editor).joins(behind: Set(convolutions))
    let products = layers.filter { $0.node.opType != "Gather" }
    let watched = products.map { $0.node.inputs[0] } + joins.flatMap(\.node.inputs)
    let names = Set(watched.compactMap { value in value.map { editor.name(of: $0) } })
    let calibration = try Calibration(
      run.model, values: names, samples: samples, options: options)
    var rewriter = StaticRewriter(
      NodeWriter(run.model, .main), WeightQuantizer(reducesRange ? .int7 : .int8))
    var tables = TableQuantizer()
    for layer in layers {
      guard let input = layer.node.inputs[0] else { continue }
      if layer.node.opType == "Gather" {
        guard let values = try run.elements(layer) else { continue }
        try tables.rewrite(layer, values, &rewriter.writer, &run.report)
        continue
      }
      switch range(of: editor.name(of: input), calibration) {
      case .failure(let refusal): run.report.leave(layer, refusal.reason)
      case .success(let range):
        guard let values = try run.elements(layer) else { continue }
        try rewriter.rewrite(layer, values, input: range, &run.report)
      }
    }
    try follow(joins, calibration, &rewriter, &run.report)
    run.model = rewriter.writer.finish()
    return try run.finish(samples: samples)
  }

  /// Rounds what stands between the layers.
  private func follow(
    _ joins: [StaticFollowers.Follower], _ calibration: Calibration,
    _ rewriter: inout StaticRewriter,
    _ report: inout CompressionReport
  ) throws(ModelError) {
    var count = 0
    for join in joins {
      var ranges: [StaticRewriter.Range] = []
      for case let value? in join.node.inputs {
        guard
          case .success(let range) = range(of: rewriter.writer.editor.name(of: value), calibration)
        else { break }
        ranges.append(range)
      }
      guard ranges.count == join.inputs.count else {
        report.notes.append(
          "'\(rewriter.writer.editor.displayName(of: join.node))' (\(join.node.opType)) was left alone: 256 steps "
            + "are too coarse for what it reads")
        continue
      }
      try rewriter.round(join.inputs, of: join.index, ranges)
      count += 1
    }
    let pools = StaticFollowers(rewriter.writer.editor).pools(of: rewriter.roundedValues)
    for pool in pools { try rewriter.round(pool.inputs, of: pool.index, []) }
    if count + pools.count > 0 {
      report.notes.append(
        "between the layers, \(count) sums and products and \(pools.count) pools and joins read rounded values"
      )
    }
  }

  private func check(_ samples: [[String: Value]]) throws(ModelError) {
    if samples.isEmpty {
      throw ModelError(
        .invalidRequest, "no calibration samples", expected: "at least one",
        remedy: "give samples such as the model will meet, or use dynamic quantization")
    }
    if case .percentile(let percent) = method, !(percent > 50 && percent <= 100) {
      throw ModelError(
        .invalidRequest, "percentile \(percent)", expected: "more than 50, at most 100")
    }
  }

  private func candidates(_ run: inout RecipeRun) -> [WeightedLayer] {
    var layers: [WeightedLayer] = []
    for layer in run.layers {
      if let reason = refusal(layer) {
        run.report.leave(layer, reason)
      } else {
        layers.append(layer)
      }
    }
    return layers
  }

  private func refusal(_ layer: WeightedLayer) -> String? {
    guard Self.operators.contains(layer.node.opType) else {
      return "static quantization is for Conv, MatMul, Gemm and Gather"
    }
    if layer.graph != .main { return "it is in a subgraph, where samples cannot be watched" }
    if layer.node.opType == "Gather" { return nil }
    if layer.input == 0 { return "its left operand is the weight" }
    let type = layer.weight.elementType
    return type == .f32 ? nil : "its weight is \(type), not f32"
  }

  private struct Refusal: Error {
    let reason: String
  }

  private func range(
    of value: String, _ calibration: Calibration
  ) -> Result<StaticRewriter.Range, Refusal> {
    guard let statistics = calibration.statistics[value], statistics.count > 0 else {
      return .failure(Refusal(reason: "its input was empty in all samples"))
    }
    if statistics.unfinite > 0 {
      return .failure(Refusal(reason: "its input held values that are not finite"))
    }
    var (low, high) = (statistics.lowest, statistics.highest)
    if case .percentile(let percent) = method {
      let cut = (1 - percent / 100) / 2
      (low, high) = (statistics.value(at: cut), statistics.value(at: 1 - cut))
    }
    let (scale, zeroPoint) = IntegerRange.uint8.parameters(low: low, high: high)
    let error = SignalError.decibels(
      ofRelativeNoise: statistics.relativeError(.uint8, scale: scale, zeroPoint: zeroPoint))
    if error < minimumDecibels {
      let loss = CompressionReport.fixed(error, 1)
      let least = CompressionReport.fixed(minimumDecibels, 1)
      return .failure(
        Refusal(
          reason: "256 steps are too coarse for its input (\(loss) dB, below \(least) dB)"))
    }
    return .success(StaticRewriter.Range(scale: scale, zeroPoint: zeroPoint))
  }
}
