/// `NegativeLogLikelihoodLoss` and `SoftmaxCrossEntropyLoss`: how badly scores agree with labels.
///
///     p = scores, or LogSoftmax(scores) over the classes
///     loss[n, d…] = −p[n, label[n, d…], d…] · weight[label[n, d…]]; 0 where the label is `ignore_index`
///     sum: Σ loss          mean: Σ loss / Σ weight of the labels that count
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | scores | `[batch, classes, d…]` | `f16`, `bf16`, `f32`, `f64` |
/// | input  | labels | `[batch, d…]` | `i32`, `i64` |
/// | input  | weights, optional | `[classes]` | type of the scores |
/// | output | loss | `[]`, or of the labels with `reduction` `none` | type of the scores |
/// | output | `log_prob`, optional (cross entropy) | of the scores | type of the scores |
/// | attr   | `reduction`, `ignore_index` | | `mean` (default), `sum`, `none` |
///
/// A mean over nothing is NaN. Source: ONNX `NegativeLogLikelihoodLoss`, opsets 12, 13, 22,
/// `SoftmaxCrossEntropyLoss`, opsets 12 and 13.
struct ClassLoss: FloatOperator {
  private enum Reduction: String, CaseIterable { case none, sum, mean }

  private let takesLogarithm: Bool
  private let reduction: Reduction
  private let ignored: Int64?

  init(negativeLogLikelihood node: NodeReader) throws(ModelError) {
    try self.init(node, takesLogarithm: false)
  }

  init(softmaxCrossEntropy node: NodeReader) throws(ModelError) {
    try self.init(node, takesLogarithm: true)
  }

  private init(_ node: NodeReader, takesLogarithm: Bool) throws(ModelError) {
    try node.require(inputs: 2...3, outputs: 1...(takesLogarithm ? 2 : 1))
    self.takesLogarithm = takesLogarithm
    let name = try node.choice(
      "reduction", of: Reduction.allCases.map(\.rawValue), default: Reduction.mean.rawValue)
    reduction = Reduction(rawValue: name) ?? .mean
    ignored = node.has("ignore_index") ? Int64(try node.int("ignore_index")) : nil
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let scores = try inputs.tensor(0, of: ElementType.floats)
    let labels = try inputs.tensor(1, of: [.i32, .i64])
    let weights = inputs.has(2) ? try inputs.tensor(2, of: [scores.element]).shape : nil
    if let shape = scores.shape, let places = labels.shape {
      let rest = Array(shape.dimensions.prefix(1) + shape.dimensions.dropFirst(2))
      guard shape.rank >= 2, places.canBe(Shape(rest)) else {
        throw ModelError(
          .shapeMismatch, "labels \(places) for scores \(shape)",
          expected: "scores [batch, classes, …] and labels [batch, …]")
      }
      if let weights, !weights.canBe([shape[1]]) {
        throw ModelError(
          .shapeMismatch, "weights \(weights)", expected: "[\(shape[1])], one for each class")
      }
    }
    let loss = reduction == .none ? labels.shape : []
    return [.tensor(scores.element, loss), .tensor(scores)]
  }

  func lower<T: FloatElement>(_ io: NodeIO, as type: T.Type) throws(ModelError) -> Kernel {
    let (scores, labels) = (try io.input(0), try io.input(1))
    let layout = AxisLayout(scores.shape, along: 1)
    let loss = self
    let isWide = labels.element == .i64
    let hasWeights = io.has(2)
    let keepsLogarithm = io.outputs.count > 1 && io.outputs[1] != nil
    let wantsLoss = !io.outputs.isEmpty && io.outputs[0] != nil
    let scratch = takesLogarithm && !keepsLogarithm ? scores.byteCount : 0
    return Kernel("class_loss_\(T.elementType)", scratchBytes: scratch) {
      (context) throws(ModelError) in
      var logarithms = context.input(0, as: T.self)
      if loss.takesLogarithm {
        let place =
          keepsLogarithm
          ? context.output(1, as: T.self) : context.scratch.assumingMemoryBound(to: T.self)
        Softmax.rows(context, logarithms, place, layout, .logarithm)
        logarithms = UnsafePointer(place)
      }
      guard wantsLoss else { return }
      let weights = hasWeights ? context.input(2, as: T.self) : nil
      if isWide {
        let labels = context.input(1, as: Int64.self)
        try loss.run(logarithms, labels, weights, layout, context.output(as: T.self))
      } else {
        let labels = context.input(1, as: Int32.self)
        try loss.run(logarithms, labels, weights, layout, context.output(as: T.self))
      }
    }
  }

  private func run<T: FloatElement, Label: FixedWidthInteger>(
    _ scores: UnsafePointer<T>, _ labels: UnsafePointer<Label>, _ weights: UnsafePointer<T>?,
    _ layout: AxisLayout, _ output: UnsafeMutablePointer<T>
  ) throws(ModelError) {
    var (total, weight) = (0.0, 0.0)
    for n in 0..<layout.outer {
      for d in 0..<layout.inner {
        let place = n * layout.inner + d
        let label = Int(labels[place])
        guard Int64(label) != ignored else {
          if reduction == .none { output[place] = 0 }
          continue
        }
        guard label >= 0, label < layout.axis else {
          throw ModelError(
            .outOfRange, "label \(label) at place \(place)",
            expected: layout.axis == 0
              ? "scores with classes"
              : "0 ... \(layout.axis - 1)" + (ignored.map { " or \($0)" } ?? ""))
        }
        let factor = weights?[label] ?? 1
        let value = -scores[(n * layout.axis + label) * layout.inner + d] * factor
        if reduction == .none { output[place] = value }
        total += Double(value)
        weight += Double(factor)
      }
    }
    if reduction != .none { output[0] = T(reduction == .sum ? total : total / weight) }
  }
}
