/// `TreeEnsemble` and `TreeEnsembleRegressor`: numbers that decision trees vote for.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `X`  | `[N, F]` or `[F]` | `f32`, `f64`, `i64`, `i32`; `TreeEnsemble`: `f16`, `f32`, `f64` |
/// | output | `Y`  | `[N, targets]` | `f32`; for `TreeEnsemble` the type of `X` |
/// | attr   | lists of nodes and leaves, `post_transform`, `aggregate_function`, `base_values` | | |
///
/// Source: `ai.onnx.ml` `TreeEnsemble`, version 5, `TreeEnsembleRegressor`, versions 1, 3, 5.
struct TreeEnsemble: TensorOperator {
  let forest: FlatForest
  let transform: PostTransform
  let keepsType: Bool

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    forest = FlatForest(try TreeForest(ensemble: node))
    let number = try node.int("post_transform", default: 0)
    let transforms: [PostTransform] = [.none, .softmax, .logistic, .softmaxZero, .probit]
    transform = transforms[checked: number] ?? .none
    keepsType = true
  }

  init(regressor node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    forest = FlatForest(
      try TreeForest(node, prefix: "target", targets: try node.int("n_targets", default: 1)))
    transform = try PostTransform(node)
    keepsType = false
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let type = try inputs.tensor(0, of: keepsType ? [.f16, .f32, .f64] : FeatureRows.types)
    var rows = Dimension.unknown
    if let shape = type.shape {
      rows = shape.rank < 2 ? 1 : shape[0]
      try forest.check(columns: shape.dimensions.last ?? 1)
    }
    return [.tensor(keepsType ? type.element : .f32, [rows, .fixed(forest.targets)])]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let input = try io.input(0)
    let output = try io.output().element
    let (forest, transform) = (forest, transform)
    let (columns, rows) = (input.shape.last ?? 1, try io.output().shape[0])
    let name = "trees"
    let grain = forest.grain
    func kernel<X: TensorElement & BinaryFloatingPoint, Y: TensorElement>(
      _ x: X.Type, _ made: @escaping @Sendable (Double) -> Y
    ) -> Kernel {
      Kernel(name) { context in
        nonisolated(unsafe) let x = context.input(0, as: X.self)
        nonisolated(unsafe) let y = context.output(as: Y.self)
        context.parallel(rows, grain: grain) { range in
          forest.write(x, columns, range, transform) { y[$0] = made($1) }
        }
      }
    }
    switch (input.element, output) {
    case (.f32, _): return kernel(Float.self) { Float($0) }
    case (.f64, .f64): return kernel(Double.self) { $0 }
    case (.f64, _): return kernel(Double.self) { Float($0) }
    default: break
    }
    let features = FeatureRows(input)
    return Kernel(name, scratchBytes: features.scratchBytes) { context in
      let x = features.floats(context.inputBytes(0), scratch: context.scratch)
      guard output == .f16 else {
        let y = context.output(as: Float.self)
        return forest.write(x, columns, 0..<rows, transform) { y[$0] = Float($1) }
      }
      let y = context.output(as: Float16.self)
      forest.write(x, columns, 0..<rows, transform) { y[$0] = Float16($1) }
    }
  }
}

extension FlatForest {
  /// The least number of rows that is worth a thread.
  var grain: Int { max(8, 1 << 14 / max(1, treeCount * 8)) }

  /// Gives `write` each row's scores, base values added and transformed.
  func write<T: BinaryFloatingPoint>(
    _ x: UnsafePointer<T>, _ columns: Int, _ range: Range<Int>, _ transform: PostTransform,
    _ write: (Int, Double) -> Void
  ) {
    var scores: [Double] = []
    var voted: [UInt8] = []
    var values = [Double](repeating: 0, count: targets)
    // As many rows at once as keep their scores in the first-level cache.
    let block = max(8, 1024 / max(1, targets))
    for start in stride(from: range.lowerBound, to: range.upperBound, by: block) {
      let rows = min(block, range.upperBound - start)
      score(x + start * columns, rows: rows, columns: columns, &scores, &voted)
      for row in 0..<rows {
        for target in 0..<targets {
          // A target without any vote has no base value either, as in ONNX Runtime.
          let place = row * targets + target
          values[target] = voted[place] != 0 ? scores[place] + base(target) : 0
        }
        transform.apply(&values)
        for target in 0..<targets { write((start + row) * targets + target, values[target]) }
      }
    }
  }
}
