/// `TreeEnsembleClassifier`: the label that decision trees vote for, and the scores of all labels.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `X`  | `[N, F]` or `[F]` | `f32`, `f64`, `i64`, `i32` |
/// | output | `Y`  | `[N]` | `string` or `i64` |
/// | output | `Z`  | `[N, E]` | `f32` |
/// | attr   | lists of nodes and votes, `classlabels_strings`, `classlabels_int64s`, `post_transform`, `base_values` | | |
///
/// Trees for two labels that vote for one of them only give one score s: with votes ≥ 0 it is a probability that
/// makes the pair (1 − s, s), else it is a margin that makes (−s, s). Source: `ai.onnx.ml` `TreeEnsembleClassifier`,
/// versions 1, 3, 5; the pairs as ONNX Runtime makes them.
struct TreeEnsembleClassifier: ValueOperator {
  private let forest: FlatForest
  private let labels: ClassLabels
  private let transform: PostTransform
  private let isYesOrNo: Bool
  private let isProbability: Bool

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1, outputs: 1...2)
    labels = try ClassLabels(node, integers: "classlabels_int64s")
    forest = FlatForest(try TreeForest(node, prefix: "class", targets: max(1, labels.count)))
    transform = try PostTransform(node)
    isYesOrNo = labels.count == 2 && forest.votedTargets.count <= 1
    isProbability = forest.hasOnlyPositiveVotes
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let features = try inputs.features()
    try forest.check(columns: features.columns)
    return [
      .tensor(labels.elementType, [features.rows]),
      .tensor(.f32, [features.rows, .fixed(labels.count)]),
    ]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    let x = try call.tensor(0)
    let columns = x.shape.last ?? 1
    let rows = columns == 0 ? 0 : x.count / columns
    var scores: [Double] = []
    var voted: [UInt8] = []
    func score<T: BinaryFloatingPoint>(_ x: UnsafeBufferPointer<T>) {
      guard let base = x.baseAddress, rows > 0 else { return }
      forest.score(base, rows: rows, columns: columns, &scores, &voted)
    }
    if let wide = x.elementType == .f64 ? x.doubles : nil {
      wide.withUnsafeBufferPointer(score)
    } else {
      try x.floats().withUnsafeBufferPointer(score)
    }
    var places: [Int] = []
    var all: [Float] = []
    for row in 0..<rows where !scores.isEmpty {
      let range = row * labels.count..<(row + 1) * labels.count
      let (sums, votes) = (Array(scores[range]), voted[range].map { $0 != 0 })
      let (place, values) = labels.count == 2 ? pair(sums, votes) : many(sums, votes)
      places.append(place)
      all += values.map(Float.init)
    }
    return [
      .tensor(try labels.tensor(places)),
      .tensor(try Tensor(all, shape: [places.count, labels.count])),
    ]
  }

  /// A label without any vote and base value does not take part.
  private func many(_ scores: [Double], _ voted: [Bool]) -> (Int, [Double]) {
    var values = scores.enumerated().map { $1 + forest.base($0) }
    let candidates = values.indices.filter { voted[$0] || forest.hasBases }
    let place = candidates.max { values[$0] < values[$1] } ?? 0
    transform.apply(&values)
    return (place, values)
  }

  private func pair(_ given: [Double], _ voted: [Bool]) -> (Int, [Double]) {
    var scores = given
    var isPair = voted[1]
    if forest.hasBases {
      // The second base value belongs to the margin if there are votes for the second label.
      let margin = given[0] + forest.base(1)
      scores = voted[1] ? [-margin, margin] : [given[0] + forest.base(0), 0]
      isPair = true
    } else {
      scores[voted[1] && !voted[0] ? 1 : 0] += forest.base(0)
    }
    let decisive = voted[1] ? scores[1] : scores[0]
    let place = decisive > (isYesOrNo && isProbability ? 0.5 : 0) ? 1 : 0
    if isPair {
      transform.apply(&scores)
      return (place, scores)
    }
    return (place, single(scores[0]))
  }

  /// Both scores when the trees vote for the first label's row only, which then stands for "yes".
  private func single(_ score: Double) -> [Double] {
    if transform == .probit {
      return [PostTransform.probit(1 - score), PostTransform.probit(score)]
    }
    if transform == .logistic {
      return [PostTransform.logistic(-score), PostTransform.logistic(score)]
    }
    return [isYesOrNo && isProbability ? 1 - score : -score, score]
  }
}
