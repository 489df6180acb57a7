/// Durations in steps of at most 0.1 %, in memory that does not grow with their number.
package struct LatencyHistogram: Sendable {
  package private(set) var count = 0
  package private(set) var least = UInt64.max
  /// How many durations fall into each step. Those from one power of two to the next have 1,024 steps.
  private var steps: [Int] = []

  private static let bits = 10

  package init() {}

  package mutating func add(_ nanoseconds: UInt64) {
    add(1, at: Self.step(nanoseconds))
    least = min(least, nanoseconds)
  }

  package mutating func add(_ other: LatencyHistogram) {
    for (step, number) in other.steps.enumerated() where number > 0 { add(number, at: step) }
    least = min(least, other.least)
  }

  private mutating func add(_ number: Int, at step: Int) {
    if step >= steps.count { steps += Array(repeating: 0, count: step + 1 - steps.count) }
    steps[step] += number
    count += number
  }

  /// The duration that a share (0 ... 1) of all do not exceed; 0 if there are none.
  package func percentile(_ share: Double) -> Double {
    let rank = Int((share * Double(count - 1)).rounded())
    var before = 0
    for (step, number) in steps.enumerated() {
      before += number
      if before > rank { return max(Self.duration(step), Double(least)) }
    }
    return 0
  }

  private static func step(_ nanoseconds: UInt64) -> Int {
    let width = UInt64.bitWidth - nanoseconds.leadingZeroBitCount
    let shift = max(0, width - bits - 1)
    return shift << bits + Int(nanoseconds >> UInt64(shift))
  }

  /// The middle of a step.
  private static func duration(_ step: Int) -> Double {
    let shift = max(0, step >> bits - 1)
    let low = UInt64(step - shift << bits) << UInt64(shift)
    return Double(low) + Double((UInt64(1) << UInt64(shift)) - 1) / 2
  }
}
