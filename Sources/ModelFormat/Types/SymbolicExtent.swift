/// A polynomial with integer coefficients over named extents, in one canonical form, so that equal expressions
/// compare equal: `2*sequence + batch*heads - 1`. A quotient that does not come out even is a name of its own:
/// `(sequence + 1)/2`.
public struct SymbolicExtent: Hashable, Sendable {
  struct Term: Hashable, Sendable {
    var factors: [String]
    var coefficient: Int
  }

  // A polynomial that grows without bound helps nobody, and a hostile graph could square one, or divide one by itself
  // and something, again and again.
  private static let mostNames = 256
  private static let mostProducts = 64
  private static let longestQuotient = 1024

  /// Sorted by factors, no coefficient 0; the constant term has no factors and comes last when printed.
  private(set) var terms: [Term]

  init(symbol: String) { terms = [Term(factors: [symbol], coefficient: 1)] }

  init(_ dimension: Dimension) {
    switch dimension {
    case .fixed(0): terms = []
    case .fixed(let value): terms = [Term(factors: [], coefficient: value)]
    case .symbolic(let extent): self = extent
    case .unknown: terms = [Term(factors: ["?"], coefficient: 1)]
    }
  }

  private init(terms: [Term]) { self.terms = terms }

  /// `.fixed` if no symbol is left.
  var dimension: Dimension {
    if terms.isEmpty { return .fixed(0) }
    if terms.count == 1, terms[0].factors.isEmpty { return .fixed(terms[0].coefficient) }
    return .symbolic(self)
  }

  /// All names that occur.
  public var symbols: Set<String> { Set(terms.flatMap(\.factors)) }

  func adding(_ other: SymbolicExtent) -> SymbolicExtent? { Self.collect(terms + other.terms) }

  func multiplied(by other: SymbolicExtent) -> SymbolicExtent? {
    guard terms.count * other.terms.count <= Self.mostProducts else { return nil }
    var products: [Term] = []
    for a in terms {
      for b in other.terms {
        let (coefficient, overflow) = a.coefficient.multipliedReportingOverflow(by: b.coefficient)
        if overflow { return nil }
        products.append(Term(factors: (a.factors + b.factors).sorted(), coefficient: coefficient))
      }
    }
    return Self.collect(products)
  }

  func divided(by other: SymbolicExtent) -> SymbolicExtent? {
    if self == other { return SymbolicExtent(.fixed(1)) }
    if other.terms.count == 1, let quotient = dividedEvenly(by: other.terms[0]) { return quotient }
    guard nameBytes + other.nameBytes <= Self.longestQuotient else { return nil }
    return SymbolicExtent(symbol: "\(parenthesized)/\(other.parenthesized)")
  }

  private var nameBytes: Int { terms.reduce(0) { $1.factors.reduce($0) { $0 + $1.utf8.count } } }

  private func dividedEvenly(by divisor: Term) -> SymbolicExtent? {
    var quotients: [Term] = []
    for term in terms {
      let (coefficient, overflow) = term.coefficient.dividedReportingOverflow(
        by: divisor.coefficient)
      guard !overflow, coefficient * divisor.coefficient == term.coefficient else { return nil }
      var factors = term.factors
      for factor in divisor.factors {
        guard let index = factors.firstIndex(of: factor) else { return nil }
        factors.remove(at: index)
      }
      quotients.append(Term(factors: factors, coefficient: coefficient))
    }
    return Self.collect(quotients)
  }

  /// The sum of the terms; `nil` if it is larger than any sensible graph makes one.
  static func collect(_ terms: [Term]) -> SymbolicExtent? {
    var sums: [[String]: Int] = [:]
    for term in terms {
      let (sum, overflow) = sums[term.factors, default: 0].addingReportingOverflow(
        term.coefficient)
      if overflow { return nil }
      sums[term.factors] = sum
    }
    sums = sums.filter { $0.value != 0 }
    guard sums.keys.reduce(0, { $0 + max($1.count, 1) }) <= mostNames else { return nil }
    let sorted = sums.map { Term(factors: $0.key, coefficient: $0.value) }
      .sorted { $0.factors.lexicographicallyPrecedes($1.factors) }
    return SymbolicExtent(terms: sorted)
  }

  private var parenthesized: String {
    let text = description
    return terms.count > 1 || text.contains(" ") ? "(\(text))" : text
  }
}

extension SymbolicExtent: CustomStringConvertible {
  public var description: String {
    let ordered = terms.filter { !$0.factors.isEmpty } + terms.filter(\.factors.isEmpty)
    var text = ""
    for term in ordered {
      let negative = term.coefficient < 0
      let sign = text.isEmpty ? (negative ? "-" : "") : (negative ? " - " : " + ")
      let magnitude = term.coefficient.magnitude
      let number = magnitude == 1 && !term.factors.isEmpty ? [] : ["\(magnitude)"]
      text += sign + (number + term.factors).joined(separator: "*")
    }
    return text.isEmpty ? "0" : text
  }
}
