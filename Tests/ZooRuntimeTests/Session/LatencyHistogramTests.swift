import Testing
import ZooRuntime

@Suite struct LatencyHistogramTests {
  /// From single nanoseconds to hours, in no order.
  private static let durations: [UInt64] = (0..<5_000).map { i in
    ((i &* 2_654_435_761 & 0xFFFF_FFFF) >> (i % 32)) << (i % 13)
  }

  @Test(arguments: [0, 0.01, 0.5, 0.9, 0.99, 1])
  func percentilesAreThoseOfSortedDurations(_ share: Double) {
    var histogram = LatencyHistogram()
    for duration in Self.durations { histogram.add(duration) }
    let sorted = Self.durations.sorted()
    let want = Double(sorted[Int((share * Double(sorted.count - 1)).rounded())])
    #expect(abs(histogram.percentile(share) - want) <= 0.001 * want)
    #expect(histogram.count == sorted.count)
    #expect(histogram.least == sorted[0])
  }

  @Test func sumsAreThoseOfTheirParts() {
    var (whole, odd, even) = (LatencyHistogram(), LatencyHistogram(), LatencyHistogram())
    for (index, duration) in Self.durations.enumerated() {
      whole.add(duration)
      if index % 2 == 0 { even.add(duration) } else { odd.add(duration) }
    }
    even.add(odd)
    #expect(even.count == whole.count)
    #expect(even.least == whole.least)
    for share in [0, 0.3, 0.5, 0.99, 1] {
      #expect(even.percentile(share) == whole.percentile(share))
    }
  }

  @Test func nothingHasNoDuration() {
    #expect(LatencyHistogram().percentile(0.5) == 0)
    #expect(LatencyHistogram().count == 0)
  }
}
