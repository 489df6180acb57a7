/// What calibration remembers of one value over all samples, in memory that does not grow with them.
///
/// Besides the extremes it counts how many elements fall between neighbouring floats of six bits of mantissa: 32,768
/// counters that reach over all magnitudes, so that no range need be known beforehand and one outlier does not
/// coarsen the rest. A counter is at most 1/64 of its value wide.
struct ValueStatistics: Sendable {
  private(set) var count = 0
  private(set) var lowest = Float.infinity
  private(set) var highest = -Float.infinity
  /// Elements that are NaN or infinite.
  private(set) var unfinite = 0
  private var buckets = [Int](repeating: 0, count: 1 << 15)

  private static let shift = UInt32(17)

  mutating func add(_ values: some Sequence<Float>) {
    for value in values {
      guard value.isFinite else {
        unfinite += 1
        continue
      }
      count += 1
      if value < lowest { lowest = value }
      if value > highest { highest = value }
      buckets[Int(value.bitPattern >> Self.shift)] += 1
    }
  }

  /// The value that the share `quantile` of all elements does not exceed, interpolated within its counter.
  ///
  /// - Precondition: 0 ≤ quantile ≤ 1, and at least one element was added.
  func value(at quantile: Double) -> Float {
    let rank = quantile * Double(count)
    var passed = 0.0
    for (low, high, bucket) in Self.ascending {
      let inside = Double(buckets[bucket])
      if inside > 0, passed + inside >= rank {
        let value = low + (high - low) * Float((rank - passed) / inside)
        return min(max(value, lowest), highest)
      }
      passed += inside
    }
    return highest
  }

  /// The mean squared error of rounding all elements to `range` with that scale and zero point, relative to their mean
  /// square; counters stand for their middles.
  func relativeError(_ range: IntegerRange, scale: Float, zeroPoint: Int) -> Double {
    var (noise, signal) = (0.0, 0.0)
    for (low, high, bucket) in Self.ascending where buckets[bucket] > 0 {
      let middle = low + (high - low) / 2
      let integer = range.quantize(middle, scale: scale, zeroPoint: zeroPoint)
      let difference = Double(Float(integer - zeroPoint) * scale) - Double(middle)
      noise += difference * difference * Double(buckets[bucket])
      signal += Double(middle) * Double(middle) * Double(buckets[bucket])
    }
    return signal == 0 ? 0 : noise / signal
  }

  /// The ranges of all counters from the lowest number to the highest.
  private static let ascending: [(low: Float, high: Float, bucket: Int)] = {
    let half = 1 << 14
    func edge(_ index: Int) -> Float {
      let value = Float(bitPattern: UInt32(index) << shift)
      return value.isFinite ? value : .greatestFiniteMagnitude
    }
    // Negative numbers have the sign bit: their counters lie behind the positive ones and grow away from 0.
    let finite = 0..<(255 << 6)
    let negative = finite.reversed().map { (-edge($0 + 1), -edge($0), half + $0) }
    return negative + finite.map { (edge($0), edge($0 + 1), $0) }
  }()
}
