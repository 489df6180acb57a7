/// A regular expression as a machine that is in several states at once, so that a text of `n` characters takes
/// O(n · states), whatever the expression.
///
/// Source: Thompson, "Regular Expression Search Algorithm", 1968.
struct RegexProgram: Sendable {
  private enum State: Sendable {
    case take(Int, next: Int)
    case test(RegexNode.Assertion, next: Int)
    case fork(Int, Int)
    case accept
  }

  private static let mostStates = 1 << 15
  /// Parts that are compiled, again for each repetition: groups without a character make no states.
  private static let mostParts = 8 * mostStates

  private var states: [State] = []
  private var sets: [ScalarSet] = []
  private var start = 0
  private var parts = 0

  /// - Throws: `.invalidAttribute` for what is no regular expression, `.limitExceeded` for one with too many states.
  init(_ pattern: String) throws(ModelError) {
    let node = try RegexParser.parse(pattern)
    states = [.accept]
    start = try compile(node, next: 0)
  }

  private mutating func add(_ state: State) throws(ModelError) -> Int {
    guard states.count < Self.mostStates else {
      throw ModelError(
        .limitExceeded, "a regular expression with more than \(Self.mostStates) states",
        expected: "fewer or smaller repetitions")
    }
    states.append(state)
    return states.count - 1
  }

  /// The state from which `node` leads to `next`.
  private mutating func compile(_ node: RegexNode, next: Int) throws(ModelError) -> Int {
    parts += 1
    guard parts <= Self.mostParts else {
      throw ModelError(
        .limitExceeded, "a regular expression of more than \(Self.mostParts) parts",
        expected: "fewer or smaller repetitions")
    }
    switch node {
    case .empty: return next
    case .set(let set):
      sets.append(set)
      return try add(.take(sets.count - 1, next: next))
    case .assertion(let assertion): return try add(.test(assertion, next: next))
    case .sequence(let parts):
      var next = next
      for part in parts.reversed() { next = try compile(part, next: next) }
      return next
    case .choice(let choices):
      var fork = try compile(choices[choices.count - 1], next: next)
      for choice in choices.dropLast().reversed() {
        fork = try add(.fork(try compile(choice, next: next), fork))
      }
      return fork
    case .repeated(let part, let least, let most):
      var next = next
      if let most {
        let end = next
        for _ in least..<most { next = try add(.fork(try compile(part, next: next), end)) }
      } else {
        let loop = try add(.fork(next, next))
        states[loop] = .fork(try compile(part, next: loop), next)
        next = loop
      }
      for _ in 0..<least { next = try compile(part, next: next) }
      return next
    }
  }

  /// Whether the whole text matches.
  func matches(_ text: String) -> Bool {
    let scalars = Array(text.unicodeScalars)
    var reached = Reached(states.count)
    var following = Reached(states.count)
    follow(start, scalars, 0, &reached)
    for (place, scalar) in scalars.enumerated() {
      following.clear()
      for state in reached.list {
        if case .take(let set, let next) = states[state], sets[set].contains(scalar) {
          follow(next, scalars, place + 1, &following)
        }
      }
      swap(&reached, &following)
      if reached.list.isEmpty { return false }
    }
    return reached.has(0)
  }

  /// Where the longest match that begins at `place` ends; `nil` if none does.
  func longestMatch(_ scalars: [Unicode.Scalar], from place: Int) -> Int? {
    var reached = Reached(states.count)
    var following = Reached(states.count)
    follow(start, scalars, place, &reached)
    var (end, at) = (reached.has(0) ? place : nil as Int?, place)
    while at < scalars.count, !reached.list.isEmpty {
      following.clear()
      for state in reached.list {
        if case .take(let set, let next) = states[state], sets[set].contains(scalars[at]) {
          follow(next, scalars, at + 1, &following)
        }
      }
      swap(&reached, &following)
      at += 1
      if reached.has(0) { end = at }
    }
    return end
  }

  /// The first match from `place` on, as long as possible.
  func firstMatch(_ scalars: [Unicode.Scalar], from place: Int) -> Range<Int>? {
    for first in place...max(place, scalars.count) {
      if let end = longestMatch(scalars, from: first) { return first..<end }
    }
    return nil
  }

  /// Enters `state` and all that is reached from it without a character.
  private func follow(
    _ state: Int, _ scalars: [Unicode.Scalar], _ place: Int, _ reached: inout Reached
  ) {
    var pending = [state]
    while let state = pending.popLast() {
      guard reached.insert(state) else { continue }
      switch states[state] {
      case .fork(let a, let b): pending += [b, a]
      case .test(let assertion, let next):
        if Self.holds(assertion, scalars, place) { pending.append(next) }
      case .take, .accept: break
      }
    }
  }

  private static func holds(
    _ assertion: RegexNode.Assertion, _ scalars: [Unicode.Scalar], _ place: Int
  ) -> Bool {
    let before = place > 0 ? scalars[place - 1] : nil
    let after = place < scalars.count ? scalars[place] : nil
    let isBoundary = (before?.isWord ?? false) != (after?.isWord ?? false)
    return switch assertion {
    case .textStart: before == nil
    case .textEnd: after == nil
    case .lineStart: before == nil || before == "\n"
    case .lineEnd: after == nil || after == "\n"
    case .wordBoundary: isBoundary
    case .noWordBoundary: !isBoundary
    }
  }

  /// A set of states that is cleared in no time.
  private struct Reached {
    private(set) var list: [Int] = []
    private var round: [Int]
    private var current = 1

    init(_ count: Int) { round = Array(repeating: 0, count: count) }

    func has(_ state: Int) -> Bool { round[state] == current }

    mutating func insert(_ state: Int) -> Bool {
      if round[state] == current { return false }
      round[state] = current
      list.append(state)
      return true
    }

    mutating func clear() {
      list.removeAll(keepingCapacity: true)
      current += 1
    }
  }
}
