/// The extent of one axis: a number, an expression over named symbols such as `batch` or `2*sequence + 1`, or
/// unknown until the model runs.
public enum Dimension: Hashable, Sendable {
  case fixed(Int)
  case symbolic(SymbolicExtent)
  case unknown

  /// The extent named `name`, the same wherever that name occurs.
  public static func symbol(_ name: String) -> Dimension { .symbolic(SymbolicExtent(symbol: name)) }

  /// The number, if it is known.
  public var value: Int? {
    if case .fixed(let value) = self { value } else { nil }
  }

  /// Whether both are certainly the same extent.
  public func isCertainly(_ other: Dimension) -> Bool { self != .unknown && self == other }

  /// Whether both can be the same extent: false only if they are two different numbers.
  public func canBe(_ other: Dimension) -> Bool {
    if case .fixed(let a) = self, case .fixed(let b) = other { a == b } else { true }
  }
}

extension Dimension: ExpressibleByIntegerLiteral, ExpressibleByStringLiteral {
  public init(integerLiteral value: Int) { self = .fixed(value) }
  public init(stringLiteral name: String) { self = .symbol(name) }
}

extension Dimension: CustomStringConvertible {
  public var description: String {
    switch self {
    case .fixed(let value): "\(value)"
    case .symbolic(let extent): extent.description
    case .unknown: "?"
    }
  }
}

// Arithmetic on extents. What cannot be said exactly (overflow, division by zero), or only at length, is `.unknown`.
extension Dimension {
  public static func + (a: Dimension, b: Dimension) -> Dimension {
    combine(a, b, { $0.addingReportingOverflow($1) }, { $0.adding($1) })
  }

  public static func - (a: Dimension, b: Dimension) -> Dimension { a + b * .fixed(-1) }

  public static func * (a: Dimension, b: Dimension) -> Dimension {
    if a == .fixed(0) || b == .fixed(0) { return .fixed(0) }
    return combine(a, b, { $0.multipliedReportingOverflow(by: $1) }, { $0.multiplied(by: $1) })
  }

  /// The quotient, rounded down.
  public static func / (a: Dimension, b: Dimension) -> Dimension {
    if b == .fixed(1) { return a }
    switch (a, b) {
    case (_, .fixed(0)), (.unknown, _), (_, .unknown): return .unknown
    case (.fixed(let x), .fixed(let y)):
      if y == -1 { return Dimension.fixed(0) - a }
      let quotient = x / y
      return .fixed(x % y != 0 && (x < 0) != (y < 0) ? quotient - 1 : quotient)
    default:
      return SymbolicExtent(a).divided(by: SymbolicExtent(b))?.dimension ?? .unknown
    }
  }

  private static func combine(
    _ a: Dimension, _ b: Dimension, _ fixed: (Int, Int) -> (partialValue: Int, overflow: Bool),
    _ symbolic: (SymbolicExtent, SymbolicExtent) -> SymbolicExtent?
  ) -> Dimension {
    if a == .unknown || b == .unknown { return .unknown }
    if case .fixed(let x) = a, case .fixed(let y) = b {
      let (value, overflow) = fixed(x, y)
      return overflow ? .unknown : .fixed(value)
    }
    return symbolic(SymbolicExtent(a), SymbolicExtent(b))?.dimension ?? .unknown
  }
}
