import ModelFormat

extension Image {
  /// How the values of a resized picture are made of those around them.
  public enum Interpolation: String, Sendable, Codable, CaseIterable {
    case nearest
    /// The part of each source pixel that a target pixel covers, as OpenCV's `INTER_AREA` shrinks.
    case area
    /// A triangle.
    case bilinear
    /// Keys' cubic with a = −1/2.
    case bicubic
  }

  /// The picture in another size.
  ///
  /// - Parameters:
  ///   - width: In pixels, at least 1.
  ///   - height: In pixels, at least 1.
  ///   - interpolation: What lies between pixels.
  ///   - antialiases: Whether the filter widens as the picture shrinks, so that every source pixel counts: then
  ///     `bilinear` and `bicubic` equal Pillow's to the bit. Without, they look at the 2 or 4 nearest pixels only, as
  ///     OpenCV's `INTER_LINEAR` does.
  /// - Throws: `.shapeMismatch` unless both extents are at least 1, `.limitExceeded` if they are too large.
  public func resized(
    width: Int, height: Int, _ interpolation: Interpolation = .bilinear, antialiases: Bool = true
  ) throws(ModelError) -> Image {
    guard width > 0, height > 0 else {
      throw ModelError(
        .shapeMismatch, "a picture to be resized to \(width) × \(height)",
        expected: "at least 1 × 1")
    }
    try Self.checkSize(width, height, Limits())
    try Self.checkSize(width, self.height, Limits())
    let rows = ResizeFilter(from: self.width, to: width, interpolation, antialiases)
    let columns = ResizeFilter(from: self.height, to: height, interpolation, antialiases)
    // The order matters to the last bit, because values are rounded between the two. Pillow shrinks before it grows.
    return width > self.width && height < self.height
      ? filteredColumns(columns).filteredRows(rows) : filteredRows(rows).filteredColumns(columns)
  }

  private func filteredRows(_ filter: ResizeFilter) -> Image {
    if filter.taps.count == width { return self }
    let count = channels.rawValue
    var result = [UInt8](repeating: 0, count: filter.taps.count * height * count)
    var target = 0
    for row in 0..<height {
      let start = row * width * count
      for tap in filter.taps {
        for channel in 0..<count {
          var sum = ResizeFilter.half
          var source = start + tap.first * count + channel
          for weight in filter.weights[tap.weights] {
            sum &+= Int(pixels[source]) &* weight
            source += count
          }
          result[target] = ResizeFilter.value(sum)
          target += 1
        }
      }
    }
    return Image(filter.taps.count, height, channels, result)
  }

  private func filteredColumns(_ filter: ResizeFilter) -> Image {
    if filter.taps.count == height { return self }
    let length = width * channels.rawValue
    var result = [UInt8](repeating: 0, count: filter.taps.count * length)
    var sums = [Int](repeating: 0, count: length)
    for (row, tap) in filter.taps.enumerated() {
      for index in sums.indices { sums[index] = ResizeFilter.half }
      for (offset, weight) in filter.weights[tap.weights].enumerated() {
        let source = (tap.first + offset) * length
        for index in 0..<length { sums[index] &+= Int(pixels[source + index]) &* weight }
      }
      for index in 0..<length { result[row * length + index] = ResizeFilter.value(sums[index]) }
    }
    return Image(width, filter.taps.count, channels, result)
  }
}

/// For each target place, the source places it is made of, with weights in units of 2⁻²².
private struct ResizeFilter {
  struct Tap {
    var first: Int
    var weights: Range<Int>
  }

  static let bits = 22
  static let half = 1 << (bits - 1)

  static func value(_ sum: Int) -> UInt8 { UInt8(min(max(sum >> bits, 0), 255)) }

  var taps: [Tap] = []
  var weights: [Int] = []

  init(
    from source: Int, to target: Int, _ interpolation: Image.Interpolation, _ antialiases: Bool
  ) {
    let scale = Double(source) / Double(target)
    taps.reserveCapacity(target)
    for index in 0..<target {
      let center = (Double(index) + 0.5) * scale
      let (first, values) = Self.weights(
        center, scale, antialiases ? max(scale, 1) : 1, source, interpolation)
      let sum = values.reduce(0, +)
      let start = weights.count
      for value in values {
        weights.append(Int((value / sum * Double(1 << Self.bits)).rounded()))
      }
      taps.append(Tap(first: first, weights: start..<weights.count))
    }
  }

  private static func weights(
    _ center: Double, _ scale: Double, _ stretch: Double, _ count: Int,
    _ interpolation: Image.Interpolation
  ) -> (first: Int, values: [Double]) {
    func clamped(_ place: Double) -> Int { min(max(Int(place), 0), count) }
    let support: Double
    switch interpolation {
    case .nearest: return (min(clamped(center), count - 1), [1])
    case .area where scale > 1:
      let (low, high) = (center - scale / 2, center + scale / 2)
      let first = min(clamped(low), count - 1)
      let last = max(first + 1, clamped(high.rounded(.up)))
      return (
        first, (first..<last).map { max(1e-12, min(high, Double($0 + 1)) - max(low, Double($0))) }
      )
    case .area, .bilinear: support = stretch
    case .bicubic: support = 2 * stretch
    }
    let first = clamped(center - support + 0.5)
    let last = clamped(center + support + 0.5)
    let filter = interpolation == .bicubic ? cubic : triangle
    return (first, (first..<last).map { filter((Double($0) - center + 0.5) / stretch) })
  }

  private static func triangle(_ x: Double) -> Double { max(0, 1 - abs(x)) }

  private static func cubic(_ x: Double) -> Double {
    let (x, a) = (abs(x), -0.5)
    if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
    if x < 2 { return (((x - 5) * x + 8) * x - 4) * a }
    return 0
  }
}
