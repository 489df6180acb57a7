/// `SVMClassifier`: one against one support vector machines, and their votes.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `X`  | `[N, F]` or `[F]` | `f32`, `f64`, `i64`, `i32` |
/// | output | `Y`  | `[N]` | `string` or `i64` |
/// | output | `Z`  | `[N, E]`: a probability per class with `prob_a`, else a score per pair of classes or class | `f32` |
/// | attr   | `vectors_per_class`, `support_vectors`, `coefficients`, `rho`, `prob_a`, `prob_b`, `kernel_type`, … | | |
///
/// Probabilities of pairs are coupled by the second method of Wu, Lin and Weng, "Probability Estimates for Multi-class
/// Classification by Pairwise Coupling", 2004. Without support vectors the machines are linear, one per class. Source:
/// `ai.onnx.ml` `SVMClassifier`, version 1.
struct SVMClassifier: ValueOperator {
  private let kernel: SupportVectorKernel
  private let labels: ClassLabels
  private let perClass: [Int]
  private let vectors: [Float]
  private let coefficients: [Float]
  private let rho: [Float]
  private let slopes: [Float]
  private let intercepts: [Float]
  private let transform: PostTransform

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1, outputs: 1...2)
    labels = try ClassLabels(node, integers: "classlabels_ints")
    perClass = try node.ints("vectors_per_class", default: [])
    guard perClass.allSatisfy({ (0...Int(Int32.max)).contains($0) }) else {
      throw ModelError(
        .invalidAttribute, "attribute 'vectors_per_class' is \(perClass)",
        expected: "how many vectors each class has")
    }
    kernel = try SupportVectorKernel(node, isLinear: perClass.reduce(0, +) == 0)
    vectors = try node.floats("support_vectors", default: [])
    coefficients = try node.floats("coefficients")
    rho = try node.floats("rho", default: [])
    slopes = try node.floats("prob_a", default: [])
    intercepts = try node.floats("prob_b", default: [])
    transform = try PostTransform(node)
    let (classes, total) = (labels.count, perClass.reduce(0, +))
    let pairs = classes * (classes - 1) / 2
    let isRight =
      isLinear
      ? !rho.isEmpty
      : perClass.count == classes && rho.count >= pairs
        && coefficients.count == (classes - 1) * total
        && (slopes.isEmpty || (slopes.count >= pairs && intercepts.count >= pairs))
    guard isRight else {
      throw ModelError(
        .invalidAttribute, "lists of a support vector machine that do not fit \(classes) classes",
        expected: "coefficients for each pair and vector, rho for each pair")
    }
  }

  private var isLinear: Bool { perClass.reduce(0, +) == 0 }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let features = try inputs.features()
    let machines = isLinear ? labels.count : perClass.reduce(0, +)
    guard
      (features.columns * .fixed(machines)).canBe(
        .fixed(isLinear ? coefficients.count : vectors.count))
    else {
      throw ModelError(
        .shapeMismatch, "\(features.columns) features",
        expected: "\((isLinear ? coefficients.count : vectors.count) / max(1, machines))")
    }
    return [
      .tensor(labels.elementType, [features.rows]),
      .tensor(.f32, [features.rows, .fixed(scoreCount)]),
    ]
  }

  /// Scores of one row: of classes, or of their pairs.
  private var scoreCount: Int {
    let ofClasses = isLinear || !slopes.isEmpty || labels.count == 2
    return ofClasses ? labels.count : labels.count * (labels.count - 1) / 2
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    let x = try call.tensor(0)
    let columns = x.shape.last ?? 1
    let rows = columns == 0 ? 0 : x.count / columns
    let features = try x.floats()
    var places: [Int] = []
    var all: [Float] = []
    for row in 0..<rows {
      let values = features[row * columns..<(row + 1) * columns]
      let (place, raw) = isLinear ? linear(values, columns) : voted(values, columns)
      var scores = raw
      // With two classes the margin is the second one's score; ONNX Runtime takes it for a probability that another
      // transformation than the logistic one has made.
      if scores.count == 1, labels.count == 2 {
        let isMargin = transform == .none || transform == .logistic
        scores = [(isMargin ? 0 : 1) - scores[0], scores[0]]
        if transform == .logistic { transform.apply(&scores) }
      } else {
        transform.apply(&scores)
      }
      places.append(place)
      all += scores.map(Float.init)
    }
    return [
      .tensor(try labels.tensor(places)),
      .tensor(try Tensor(all, shape: [rows, scoreCount])),
    ]
  }

  private func linear(_ x: ArraySlice<Float>, _ columns: Int) -> (Int, [Double]) {
    let scores = (0..<labels.count).map { index in
      kernel.value(x, coefficients[index * columns..<(index + 1) * columns]) + Double(rho[0])
    }
    return (scores.indices.max { scores[$0] < scores[$1] } ?? 0, scores)
  }

  private func voted(_ x: ArraySlice<Float>, _ columns: Int) -> (Int, [Double]) {
    let margins = margins(x, columns)
    var votes = [Int](repeating: 0, count: labels.count)
    var pair = 0
    for a in 0..<labels.count {
      for b in (a + 1)..<max(a + 1, labels.count) {
        votes[margins[pair] > 0 ? a : b] += 1
        pair += 1
      }
    }
    let winner = votes.indices.max { votes[$0] < votes[$1] } ?? 0
    return (winner, slopes.isEmpty ? margins : coupled(margins))
  }

  /// The decision value of each pair of classes.
  private func margins(_ x: ArraySlice<Float>, _ columns: Int) -> [Double] {
    let total = perClass.reduce(0, +)
    let kernels = (0..<total).map { kernel.value(x, vectors[$0 * columns..<($0 + 1) * columns]) }
    let starts = perClass.indices.map { perClass[..<$0].reduce(0, +) }
    var margins: [Double] = []
    for a in 0..<labels.count {
      for b in (a + 1)..<max(a + 1, labels.count) {
        var sum = Double(rho[margins.count])
        for index in starts[a]..<starts[a] + perClass[a] {
          sum += Double(coefficients[(b - 1) * total + index]) * kernels[index]
        }
        for index in starts[b]..<starts[b] + perClass[b] {
          sum += Double(coefficients[a * total + index]) * kernels[index]
        }
        margins.append(sum)
      }
    }
    return margins
  }

  /// Class probabilities from those of all pairs.
  private func coupled(_ margins: [Double]) -> [Double] {
    let count = labels.count
    var r = [[Double]](repeating: Array(repeating: 0, count: count), count: count)
    var pair = 0
    for a in 0..<count {
      for b in (a + 1)..<max(a + 1, count) {
        let f = margins[pair] * Double(slopes[pair]) + Double(intercepts[pair])
        let p = min(max(PostTransform.logistic(-f), 1e-7), 1 - 1e-7)
        (r[a][b], r[b][a]) = (p, 1 - p)
        pair += 1
      }
    }
    var q = r
    for a in 0..<count {
      q[a][a] = (0..<count).reduce(0) { $1 == a ? $0 : $0 + r[$1][a] * r[$1][a] }
      for b in 0..<count where b != a { q[a][b] = -r[b][a] * r[a][b] }
    }
    var p = [Double](repeating: 1 / Double(count), count: count)
    for _ in 0..<max(100, count) {
      var products = q.map { row in zip(row, p).reduce(0) { $0 + $1.0 * $1.1 } }
      var whole = zip(p, products).reduce(0) { $0 + $1.0 * $1.1 }
      if products.allSatisfy({ abs($0 - whole) < 0.005 / Double(count) }) { break }
      for a in 0..<count {
        let step = (whole - products[a]) / q[a][a]
        p[a] += step
        whole =
          (whole + step * (step * q[a][a] + 2 * products[a])) / (1 + step) / (1 + step)
        for b in 0..<count {
          products[b] = (products[b] + step * q[a][b]) / (1 + step)
          p[b] /= 1 + step
        }
      }
    }
    return p
  }
}
