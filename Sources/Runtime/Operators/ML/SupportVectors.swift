import LibC

/// The kernel function of a support vector machine: `LINEAR` x·v, `POLY` (γ x·v + c)^d, `RBF` exp(−γ ‖x − v‖²),
/// `SIGMOID` tanh(γ x·v + c).
struct SupportVectorKernel: Sendable {
  private let type: String
  private let gamma: Double
  private let offset: Double
  private let degree: Double

  /// - Parameter isLinear: Whether there are no support vectors: the kernel is linear then, whatever the attribute says.
  init(_ node: NodeReader, isLinear: Bool) throws(ModelError) {
    let name = try node.choice(
      "kernel_type", of: ["LINEAR", "POLY", "RBF", "SIGMOID"], default: "LINEAR")
    type = isLinear ? "LINEAR" : name
    let parameters = try node.floats("kernel_params", default: []).map(Double.init)
    gamma = parameters[checked: 0] ?? 0
    offset = parameters[checked: 1] ?? 0
    degree = parameters[checked: 2] ?? 0
  }

  func value(_ x: ArraySlice<Float>, _ vector: ArraySlice<Float>) -> Double {
    if type == "RBF" {
      let distance = zip(x, vector).reduce(0.0) { sum, pair in
        let difference = Double(pair.0) - Double(pair.1)
        return sum + difference * difference
      }
      return exp(-gamma * distance)
    }
    let product = zip(x, vector).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
    switch type {
    case "POLY": return pow(gamma * product + offset, degree)
    case "SIGMOID": return tanh(gamma * product + offset)
    default: return product
    }
  }
}

/// `SVMRegressor`: a weighted sum of kernel values, one per support vector.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `X`  | `[N, F]` or `[F]` | `f32`, `f64`, `i64`, `i32` |
/// | output | `Y`  | `[N, 1]` | `f32`      |
/// | attr   | `coefficients`, `support_vectors`, `n_supports`, `rho`, `kernel_type`, `kernel_params` | | |
/// | attr   | `one_class` | | 1: the answer is 1 inside and −1 outside |
///
/// Without support vectors it is linear. Source: `ai.onnx.ml` `SVMRegressor`, version 1.
struct SVMRegressor: ValueOperator {
  private let kernel: SupportVectorKernel
  private let coefficients: [Float]
  private let vectors: [Float]
  private let supports: Int
  private let rho: Double
  private let isOneClass: Bool
  private let transform: PostTransform

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    coefficients = try node.floats("coefficients")
    vectors = try node.floats("support_vectors", default: [])
    supports = try node.int("n_supports", default: 0)
    kernel = try SupportVectorKernel(node, isLinear: supports == 0)
    rho = Double(try node.floats("rho", default: [0]).first ?? 0)
    isOneClass = try node.bool("one_class", default: false)
    transform = try PostTransform(node)
    guard supports >= 0, supports == 0 || coefficients.count == supports else {
      throw ModelError(
        .invalidAttribute, "\(coefficients.count) coefficients of \(supports) support vectors",
        expected: "one each")
    }
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let features = try inputs.features()
    let wanted = supports == 0 ? coefficients.count : vectors.count
    guard (features.columns * .fixed(max(1, supports))).canBe(.fixed(wanted)) else {
      throw ModelError(
        .shapeMismatch, "\(features.columns) features", expected: "\(wanted / max(1, supports))")
    }
    return [.tensor(.f32, [features.rows, 1])]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    let x = try call.tensor(0)
    let columns = x.shape.last ?? 1
    let features = try x.floats()
    let rows = columns == 0 ? 0 : x.count / columns
    let results = (0..<rows).map { row -> Float in
      let values = features[row * columns..<(row + 1) * columns]
      var sum = rho
      if supports == 0 {
        sum += kernel.value(values, coefficients[...])
      } else {
        for index in 0..<supports {
          let vector = vectors[index * columns..<(index + 1) * columns]
          sum += Double(coefficients[index]) * kernel.value(values, vector)
        }
      }
      if isOneClass { return sum > 0 ? 1 : -1 }
      var scores = [sum]
      transform.apply(&scores)
      return Float(scores[0])
    }
    return [.tensor(try Tensor(results, shape: [rows, 1]))]
  }
}
