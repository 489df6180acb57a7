/// `Y = X · coefficientsᵀ + intercepts`, one row of coefficients per target.
struct LinearMap: Sendable {
  let coefficients: [Float]
  let intercepts: [Float]
  let targets: Int

  func check(_ columns: Dimension) throws(ModelError) {
    guard targets > 0, intercepts.isEmpty || intercepts.count == targets,
      (columns * .fixed(targets)).canBe(.fixed(coefficients.count))
    else {
      throw ModelError(
        .shapeMismatch,
        "\(coefficients.count) coefficients and \(intercepts.count) intercepts for \(targets) "
          + "targets and \(columns) features",
        expected: "a coefficient for each target and feature")
    }
  }

  func scores(_ row: UnsafePointer<Float>, _ columns: Int) -> [Double] {
    (0..<targets).map { target in
      var sum = Double(intercepts.isEmpty ? 0 : intercepts[target])
      for column in 0..<columns {
        sum += Double(row[column]) * Double(coefficients[target * columns + column])
      }
      return sum
    }
  }
}

/// `LinearRegressor`: a linear map, then a transform of the row.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `X`  | `[N, F]` or `[F]` | `f32`, `f64`, `i64`, `i32` |
/// | output | `Y`  | `[N, targets]` | `f32` |
/// | attr   | `coefficients`, `intercepts`, `targets`, `post_transform` | | |
///
/// Source: `ai.onnx.ml` `LinearRegressor`, version 1.
struct LinearRegressor: TensorOperator {
  private let map: LinearMap
  private let transform: PostTransform

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    map = LinearMap(
      coefficients: try node.floats("coefficients", default: []),
      intercepts: try node.floats("intercepts", default: []),
      targets: try node.int("targets", default: 1))
    transform = try PostTransform(node)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let features = try inputs.features()
    try map.check(features.columns)
    return [.tensor(.f32, [features.rows, .fixed(map.targets)])]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let features = FeatureRows(try io.input(0))
    let (map, transform) = (map, transform)
    return Kernel("linear_regressor", scratchBytes: features.scratchBytes) { context in
      let x = features.floats(context.inputBytes(0), scratch: context.scratch)
      let y = context.output(as: Float.self)
      for row in 0..<features.rows {
        var scores = map.scores(x + row * features.columns, features.columns)
        transform.apply(&scores)
        for (target, score) in scores.enumerated() { y[row * map.targets + target] = Float(score) }
      }
    }
  }
}

/// `LinearClassifier`: the label with the highest score of a linear map, and all scores.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `X`  | `[N, F]` or `[F]` | `f32`, `f64`, `i64`, `i32` |
/// | output | `Y`  | `[N]` | `string` or `i64` |
/// | output | `Z`  | `[N, E]` | `f32` |
/// | attr   | `coefficients`, `intercepts`, `classlabels_strings`, `classlabels_ints`, `post_transform` | | |
///
/// One target with two labels is a yes-or-no model: its score s becomes the pair (1 − s, s) after the transform.
/// Source: `ai.onnx.ml` `LinearClassifier`, version 1.
struct LinearClassifier: ValueOperator {
  private let coefficients: [Float]
  private let intercepts: [Float]
  private let labels: ClassLabels
  private let transform: PostTransform

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1, outputs: 1...2)
    coefficients = try node.floats("coefficients")
    intercepts = try node.floats("intercepts", default: [])
    labels = try ClassLabels(node, integers: "classlabels_ints")
    transform = try PostTransform(node)
  }

  private func map(_ columns: Int) -> LinearMap {
    let targets = intercepts.isEmpty ? coefficients.count / max(1, columns) : intercepts.count
    return LinearMap(coefficients: coefficients, intercepts: intercepts, targets: targets)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let features = try inputs.features()
    var width = Dimension.unknown
    if let columns = features.columns.value {
      let map = map(columns)
      try map.check(features.columns)
      width = .fixed(map.targets == 1 && labels.count == 2 ? 2 : map.targets)
    }
    return [.tensor(labels.elementType, [features.rows]), .tensor(.f32, [features.rows, width])]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    let x = try call.tensor(0)
    let columns = x.shape.last ?? 1
    let rows = columns == 0 ? 0 : x.count / columns
    let map = map(columns)
    let features = try x.floats()
    var places: [Int] = []
    var all: [Float] = []
    for row in 0..<rows {
      var scores = features.withUnsafeBufferPointer { buffer in
        buffer.baseAddress.map { map.scores($0 + row * columns, columns) } ?? []
      }
      if scores.count == 1 {
        places.append(scores[0] > 0 ? 1 : 0)
        transform.apply(&scores)
        if labels.count == 2 { scores = [1 - scores[0], scores[0]] }
      } else {
        places.append(scores.indices.max { scores[$0] < scores[$1] } ?? 0)
        transform.apply(&scores)
      }
      all += scores.map(Float.init)
    }
    let width = rows == 0 ? 0 : all.count / rows
    return [.tensor(try labels.tensor(places)), .tensor(try Tensor(all, shape: [rows, width]))]
  }
}

extension Tensor {
  /// Elements of a type that classical models take, as floats.
  func floats() throws(ModelError) -> [Float] {
    if elementType == .f32 { return try array(of: Float.self) }
    if let doubles { return doubles.map(Float.init) }
    if let wideIntegers { return wideIntegers.map(Float.init) }
    throw ModelError(.elementTypeMismatch, "features of \(elementType)", expected: "numbers")
  }
}
