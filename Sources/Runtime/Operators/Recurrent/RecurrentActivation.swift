import LibC

/// An activation function of a recurrent cell.
///
/// Source: the list in ONNX `RNN`; defaults of `alpha` and `beta` are those of the operators of the same names.
struct RecurrentActivation: Sendable, Equatable {
  enum Function: String, Sendable, CaseIterable {
    case relu, tanh, sigmoid, affine, leakyrelu, thresholdedrelu, scaledtanh, hardsigmoid, elu
    case softsign, softplus
  }

  let function: Function
  let alpha: Float
  let beta: Float

  init(_ function: Function, alpha: Float? = nil, beta: Float? = nil) {
    self.function = function
    let defaults = Self.defaults(function)
    self.alpha = alpha ?? defaults.alpha ?? 0
    self.beta = beta ?? defaults.beta ?? 0
  }

  /// `nil` for a parameter that the function does not have.
  private static func defaults(_ function: Function) -> (alpha: Float?, beta: Float?) {
    switch function {
    case .relu, .tanh, .sigmoid, .softsign, .softplus: (nil, nil)
    case .affine: (1, 0)
    case .leakyrelu: (0.01, nil)
    case .thresholdedrelu, .elu: (1, nil)
    case .scaledtanh: (1, 1)
    case .hardsigmoid: (0.2, 0.5)
    }
  }

  /// The functions of all directions; a function takes as many of the listed parameters as it has.
  static func read(
    _ node: NodeReader, defaults: [Function], directions: Int
  ) throws(ModelError) -> [RecurrentActivation] {
    let all = (0..<directions).flatMap { _ in defaults.map(\.rawValue) }
    let names = try node.strings("activations", default: all)
    guard names.count == all.count else {
      throw ModelError(
        .invalidAttribute, "\(names.count) activations", expected: "\(all.count)")
    }
    var alphas = try node.floats("activation_alpha", default: [])[...]
    var betas = try node.floats("activation_beta", default: [])[...]
    var activations: [RecurrentActivation] = []
    for name in names {
      guard let function = Function(rawValue: name.lowercased()) else {
        throw ModelError(
          .invalidAttribute, "activation '\(name)'",
          expected: "one of " + Function.allCases.map(\.rawValue).joined(separator: ", "))
      }
      let has = Self.defaults(function)
      activations.append(
        RecurrentActivation(
          function, alpha: has.alpha == nil ? nil : alphas.popFirst(),
          beta: has.beta == nil ? nil : betas.popFirst()))
    }
    return activations
  }

  func callAsFunction<T: FloatElement>(_ x: T) -> T {
    if T.self == Float.self { return T(value(Float(x), alpha, beta)) }
    return T(value(Double(x), Double(alpha), Double(beta)))
  }

  @inline(__always)
  private func value<T: RecurrentNumber>(_ x: T, _ alpha: T, _ beta: T) -> T {
    switch function {
    case .relu: max(x, 0)
    case .tanh: T.tanh(x)
    case .sigmoid: 1 / (1 + T.exp(-x))
    case .affine: alpha * x + beta
    case .leakyrelu: x < 0 ? alpha * x : x
    case .thresholdedrelu: x > alpha ? x : 0
    case .scaledtanh: alpha * T.tanh(beta * x)
    case .hardsigmoid: min(max(alpha * x + beta, 0), 1)
    case .elu: x < 0 ? alpha * (T.exp(x) - 1) : x
    case .softsign: x / (1 + abs(x))
    case .softplus: x > 20 ? x : T.log1p(T.exp(x))
    }
  }
}

/// What the library of C offers for floats of two widths.
private protocol RecurrentNumber: BinaryFloatingPoint {
  static func exp(_ x: Self) -> Self
  static func tanh(_ x: Self) -> Self
  static func log1p(_ x: Self) -> Self
}

extension Float: RecurrentNumber {
  fileprivate static func exp(_ x: Float) -> Float { LibC.exp(x) }
  fileprivate static func tanh(_ x: Float) -> Float { LibC.tanh(x) }
  fileprivate static func log1p(_ x: Float) -> Float { LibC.log1p(x) }
}

extension Double: RecurrentNumber {
  fileprivate static func exp(_ x: Double) -> Double { LibC.exp(x) }
  fileprivate static func tanh(_ x: Double) -> Double { LibC.tanh(x) }
  fileprivate static func log1p(_ x: Double) -> Double { LibC.log1p(x) }
}
