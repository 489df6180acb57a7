import ZooRuntime

/// Sets the smallest elements of weights to zero. The model keeps its form; a `.zoo` file keeps only what is not zero.
///
///     let pruner = try Pruner(sparsity: 0.5)
///     let (sparse, report) = try pruner.apply(to: model)
///
/// Magnitude pruning: the elements with the smallest |w| go. Of equal ones the first go, so that the share is met
/// exactly. Prune before quantizing: zeros stay zeros in every quantization of this library.
public struct Pruner: CompressionRecipe {
  public let name = "prune"
  public let summary = "the smallest weights become zero"
  public var selection: LayerSelection
  public let pattern: SparsityPattern
  /// The share of elements that become zero, 0 ..< 1.
  public let sparsity: Double
  /// Whether the share is met over all layers together, those with small weights losing more, or in each.
  public let isGlobal: Bool

  /// Layers whose products are sums over many weights; tables and norms are left alone unless they are asked for.
  private static let operators: Set = [
    "MatMul", "Gemm", "Conv", "ConvTranspose", "LSTM", "GRU", "RNN",
  ]

  /// - Parameters:
  ///   - sparsity: 0 ..< 1; for a pattern `n:m` it may be left out and must otherwise be 1 − n / m.
  ///   - pattern: Which weights may go together.
  ///   - isGlobal: Only for the unstructured pattern.
  ///   - selection: Which layers to prune.
  /// - Throws: `.invalidRequest` if these do not fit together.
  public init(
    sparsity: Double? = nil, pattern: SparsityPattern = .unstructured, isGlobal: Bool = false,
    selection: LayerSelection = LayerSelection()
  ) throws(ModelError) {
    var implied: Double?
    if case .nOfM(let kept, let group) = pattern { implied = 1 - Double(kept) / Double(group) }
    guard let share = sparsity ?? implied, share >= 0, share < 1 else {
      throw ModelError(
        .invalidRequest, sparsity.map { "sparsity \($0)" } ?? "no sparsity",
        expected: "a share of elements from 0 to less than 1")
    }
    if let implied, abs(implied - share) > 1e-9 {
      throw ModelError(
        .invalidRequest, "sparsity \(share) with pattern \(pattern)", expected: "\(implied)",
        remedy: "leave the sparsity out")
    }
    if implied != nil, isGlobal {
      throw ModelError(
        .invalidRequest, "pattern \(pattern) over all layers together",
        expected: "the unstructured pattern", remedy: "leave 'global' out")
    }
    self.pattern = pattern
    self.sparsity = share
    self.isGlobal = isGlobal
    self.selection = selection
  }

  public func apply(
    to model: Model, samples: [[String: Value]], options: Session.Options
  ) throws(ModelError) -> (Model, CompressionReport) {
    var run = try RecipeRun(
      model, recipe: title, selection: selection, opset: 1, options: options)
    let layers = candidates(&run)
    let shared = isGlobal ? try globalThreshold(layers) : nil
    // Ties at the common threshold that are still to be cut.
    var ties = shared?.ties ?? 0
    for layer in layers {
      guard var values = try run.elements(layer) else { continue }
      let original = values
      if case .nOfM(let kept, let group) = pattern {
        Self.prune(&values, layer, kept: kept, group: group)
      } else if let shared {
        Self.cut(&values, below: shared.bits, ties: &ties)
      } else {
        try prune(&values)
      }
      try replace(layer, original, values, &run)
    }
    return try run.finish(samples: samples)
  }

  private var title: String {
    if case .nOfM = pattern { return "pruned \(pattern)" }
    let percent = CompressionReport.fixed(sparsity * 100, 1)
    return "pruned \(percent) % \(isGlobal ? "over all layers" : "of each layer")"
  }

  /// Each weight once, though several nodes may use it.
  private func candidates(_ run: inout RecipeRun) -> [WeightedLayer] {
    var seen: Set<ValueID> = []
    var layers: [WeightedLayer] = []
    for layer in run.layers {
      if selection.operators == nil, !Self.operators.contains(layer.node.opType) {
        run.report.leave(layer, "its weight is a table; name the operator to prune it")
      } else if let reason = refusal(layer) {
        run.report.leave(layer, reason)
      } else if seen.insert(layer.value).inserted {
        layers.append(layer)
      }
    }
    return layers
  }

  private func refusal(_ layer: WeightedLayer) -> String? {
    guard case .nOfM(_, let group) = pattern else { return nil }
    let extent = layer.weight.shape[layer.reductionAxis]
    if extent % group == 0 { return nil }
    return "its sums of \(extent) products are no multiple of \(group)"
  }

  private func prune(_ values: inout [Float]) throws(ModelError) {
    let all = values
    let threshold = try MagnitudeThreshold(cutting: Int(sparsity * Double(values.count))) { add in
      for value in all { add(MagnitudeThreshold.magnitude(value)) }
    }
    var ties = threshold.ties
    Self.cut(&values, below: threshold.bits, ties: &ties)
  }

  private func globalThreshold(_ layers: [WeightedLayer]) throws(ModelError) -> MagnitudeThreshold {
    // Weights that are not finite are left alone; they must not count either.
    var counted: [WeightedLayer] = []
    for layer in layers {
      if let values = try layer.weight.tensor().floats(), values.allSatisfy(\.isFinite) {
        counted.append(layer)
      }
    }
    let total = counted.reduce(0) { $0 + $1.weight.elementCount }
    return try MagnitudeThreshold(cutting: Int(sparsity * Double(total))) {
      (add) throws(ModelError) in
      for layer in counted {
        for value in try layer.weight.tensor().floats() ?? [] {
          add(MagnitudeThreshold.magnitude(value))
        }
      }
    }
  }

  private static func cut(_ values: inout [Float], below bits: UInt32, ties: inout Int) {
    for index in values.indices {
      let magnitude = MagnitudeThreshold.magnitude(values[index])
      if magnitude < bits {
        values[index] = 0
      } else if magnitude == bits, ties > 0 {
        values[index] = 0
        ties -= 1
      }
    }
  }

  /// Zeroes all but the `kept` largest of each `group` neighbours along the reduction axis; of equal ones the first
  /// go.
  private static func prune(
    _ values: inout [Float], _ layer: WeightedLayer, kept: Int, group: Int
  ) {
    let grid = WeightGrid(shape: layer.weight.shape, axis: layer.reductionAxis)
    let inner = grid.inner
    for o in 0..<grid.outer {
      for block in 0..<grid.extent / group {
        for i in 0..<inner {
          let first = (o * grid.extent + block * group) * inner + i
          let order = (0..<group).sorted { a, b in
            let (x, y) = (values[first + a * inner], values[first + b * inner])
            return (x.magnitude, a) < (y.magnitude, b)
          }
          for position in order.prefix(group - kept) { values[first + position * inner] = 0 }
        }
      }
    }
  }

  private func replace(
    _ layer: WeightedLayer, _ original: [Float], _ values: [Float], _ run: inout RecipeRun
  ) throws(ModelError) {
    let tensor = try layer.weight.tensor().replacingElements(values)
    for index in run.model.graphs.indices where run.model.graphs[index].weights[layer.value] != nil
    {
      run.model.graphs[index].weights[layer.value] = Weight(tensor)
    }
    var error = SignalError()
    var zeros = 0
    for (want, got) in zip(original, values) {
      error.add(want, got: got)
      if got == 0 { zeros += 1 }
    }
    let count = max(values.count, 1)
    let packed = (count + 7) / 8 + (count - zeros) * layer.weight.elementType.bitWidth / 8
    let bytes = min(layer.weight.byteCount, packed)
    run.bytesOfZeros += layer.weight.byteCount - bytes
    run.report.add(
      layer, method: "pruned \(pattern)", bytes: bytes, error: error,
      sparsity: Double(zeros) / Double(count))
  }
}
