/// The arithmetic of an optimizer: how one element of a tensor and its state change in one step.
///
/// Everything is computed in double precision and rounded once, when it is stored.
enum UpdateRule: Sendable {
  /// Duchi, Hazan, Singer, "Adaptive Subgradient Methods", 2011. State: `h`, the sum of squared gradients.
  case adagrad(decay: Double, epsilon: Double)
  /// Kingma, Ba, "Adam", 2015. State: `v` and `h`, running means of the gradient and of its square.
  case adam(alpha: Double, beta: Double, epsilon: Double, shrink: Double)
  /// Gradient descent with momentum `v`, looking ahead if `isNesterov`.
  case momentum(alpha: Double, beta: Double, isNesterov: Bool)

  /// How many tensors of state go with each tensor.
  var stateCount: Int {
    if case .adam = self { 2 } else { 1 }
  }

  var name: String {
    switch self {
    case .adagrad: "adagrad"
    case .adam: "adam"
    case .momentum: "momentum"
    }
  }

  /// The rate of step `count`, the same for all elements.
  func rate(_ rate: Double, _ count: Double) -> Double {
    switch self {
    case .adagrad(let decay, _): return rate / (1 + count * decay)
    case .adam(let alpha, let beta, _, _):
      guard count > 0 else { return rate }
      return rate * (1 - Elementary.pow(beta, count)).squareRoot()
        / (1 - Elementary.pow(alpha, count))
    case .momentum: return rate
    }
  }

  /// One element after a step.
  ///
  /// - Parameters:
  ///   - x: The element.
  ///   - gradient: Its gradient, regularisation included.
  ///   - first: `h` of Adagrad, `v` of the others.
  ///   - second: `h` of Adam.
  ///   - rate: What ``rate(_:_:)`` gave.
  ///   - isFirst: Whether this is step 0.
  @inline(__always)
  func step(
    _ x: Double, _ gradient: Double, _ first: inout Double, _ second: inout Double, rate: Double,
    isFirst: Bool
  ) -> Double {
    switch self {
    case .adagrad(_, let epsilon):
      first += gradient * gradient
      return x - rate * gradient / (first.squareRoot() + epsilon)
    case .adam(let alpha, let beta, let epsilon, let shrink):
      first = alpha * first + (1 - alpha) * gradient
      second = beta * second + (1 - beta) * gradient * gradient
      return (1 - shrink) * (x - rate * first / (second.squareRoot() + epsilon))
    case .momentum(let alpha, let beta, let isNesterov):
      first = alpha * first + (isFirst ? 1 : beta) * gradient
      return x - rate * (isNesterov ? gradient + alpha * first : first)
    }
  }
}
