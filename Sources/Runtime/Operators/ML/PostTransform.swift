/// What becomes of the scores of a classical model.
enum PostTransform: String, Sendable, CaseIterable {
  case none = "NONE"
  case softmax = "SOFTMAX"
  case logistic = "LOGISTIC"
  case softmaxZero = "SOFTMAX_ZERO"
  case probit = "PROBIT"

  init(_ node: NodeReader) throws(ModelError) {
    let name = try node.choice(
      "post_transform", of: Self.allCases.map(\.rawValue), default: "NONE")
    self = PostTransform(rawValue: name) ?? .none
  }

  /// Transforms one row in place; a score that is alone has nothing to be compared with.
  func apply(_ scores: inout [Double]) {
    switch self {
    case .softmax where scores.count == 1, .softmaxZero where scores.count == 1: break
    case .none: break
    case .logistic: scores = scores.map(Self.logistic)
    case .probit: scores = scores.map(Self.probit)
    case .softmax, .softmaxZero:
      // Zero means "no vote" to SOFTMAX_ZERO: such scores stay 0 and take no part.
      let skipsZero = self == .softmaxZero
      let votes = scores.map { !skipsZero || abs($0) > 1e-7 }
      let top = scores.max() ?? 0
      let weights = zip(scores, votes).map { $1 ? Elementary.exp($0 - top) : 0 }
      let sum = weights.reduce(0, +)
      scores = sum == 0 ? weights : weights.map { $0 / sum }
    }
  }

  static func logistic(_ x: Double) -> Double { 1 / (1 + Elementary.exp(-x)) }

  /// The inverse of the standard normal distribution's cumulative function, by Winitzki's approximation.
  static func probit(_ x: Double) -> Double {
    let y = 2 * x - 1
    let log = Elementary.log((1 - y) * (1 + y))
    let half = 2 / (3.14159265 * 0.147) + log / 2
    let root = ((half * half - log / 0.147).squareRoot() - half).squareRoot()
    return 2.0.squareRoot() * (y < 0 ? -root : root)
  }
}
