/// Convolution in double precision, one product at a time.
struct ConvReference {
  var batch = 1
  var groups = 1
  /// Channels of all groups.
  var channels = 1
  var outputs = 1
  var input: [Int]
  var kernel: [Int]
  var strides: [Int]
  var dilations: [Int]
  var padsBefore: [Int]
  var padsAfter: [Int]

  var output: [Int] {
    input.indices.map {
      (input[$0] + padsBefore[$0] + padsAfter[$0] - (kernel[$0] - 1) * dilations[$0] - 1)
        / strides[$0] + 1
    }
  }

  var xShape: [Int] { [batch, channels] + input }
  var wShape: [Int] { [outputs, channels / groups] + kernel }
  var yShape: [Int] { [batch, outputs] + output }

  static func positions(_ extents: [Int]) -> [[Int]] {
    extents.reduce([[]]) { all, extent in all.flatMap { p in (0..<extent).map { p + [$0] } } }
  }

  static func index(_ position: [Int], _ extents: [Int]) -> Int {
    zip(position, extents).reduce(0) { $0 * $1.1 + $1.0 }
  }

  /// What is read outside the input counts as `padding`.
  func run(_ x: [Double], _ w: [Double], padding: Double = 0) -> [Double] {
    let (inputs, perGroup) = (input.reduce(1, *), channels / groups)
    let taps = Self.positions(kernel)
    var y: [Double] = []
    for n in 0..<batch {
      for m in 0..<outputs {
        let first = m / (outputs / groups) * perGroup
        for at in Self.positions(output) {
          var sum = 0.0
          for (t, tap) in taps.enumerated() {
            let from = at.indices.map {
              at[$0] * strides[$0] + tap[$0] * dilations[$0] - padsBefore[$0]
            }
            let inside = from.indices.allSatisfy { from[$0] >= 0 && from[$0] < input[$0] }
            let offset = inside ? Self.index(from, input) : 0
            for c in 0..<perGroup {
              let value =
                inside ? x[(n * channels + first + c) * inputs + offset] : padding
              sum += value * w[(m * perGroup + c) * taps.count + t]
            }
          }
          y.append(sum)
        }
      }
    }
    return y
  }

  /// Shapes that meet each kernel: products, channel by channel, 1 × 1, one to three axes, edges of tiles.
  static let cases: [ConvReference] = [
    ConvReference(channels: 3, outputs: 5, [9, 11], [3, 3], pads: 1),
    ConvReference(batch: 2, channels: 4, outputs: 33, [6, 7], [1, 1]),
    ConvReference(groups: 2, channels: 4, outputs: 26, [7, 9], [3, 2], strides: 2, pads: 1),
    ConvReference(groups: 6, channels: 6, outputs: 6, [12, 13], [3, 3], pads: 1),
    ConvReference(groups: 3, channels: 3, outputs: 6, [12, 40], [5, 5], strides: 2, pads: 2),
    ConvReference(groups: 4, channels: 4, outputs: 4, [30], [7], dilations: 2, pads: 3),
    ConvReference(channels: 2, outputs: 13, [600], [16], strides: 8, pads: 4),
    ConvReference(batch: 2, channels: 2, outputs: 3, [4, 5, 6], [2, 3, 2], strides: 2, pads: 1),
    ConvReference(groups: 2, channels: 2, outputs: 2, [4, 5, 6], [3, 3, 3], pads: 1),
    ConvReference(channels: 70, outputs: 14, [3, 3], [3, 3], pads: 1),
    ConvReference(channels: 5, outputs: 7, [1, 1], [1, 1]),
    ConvReference(groups: 2, channels: 2, outputs: 2, [3, 1100], [1, 3], pads: 1),
    ConvReference(channels: 1, outputs: 1, [1, 1500], [1, 256], strides: 2),
    ConvReference(channels: 33, outputs: 20, [40, 1], [5, 1], strides: 2),
  ]

  init(
    batch: Int = 1, groups: Int = 1, channels: Int, outputs: Int, _ input: [Int],
    _ kernel: [Int], strides: Int = 1, dilations: Int = 1, pads: Int = 0
  ) {
    (self.batch, self.groups, self.channels) = (batch, groups, channels)
    (self.outputs, self.input, self.kernel) = (outputs, input, kernel)
    self.strides = input.map { _ in strides }
    self.dilations = input.map { _ in dilations }
    padsBefore = input.map { _ in pads }
    // Unlike on both sides.
    padsAfter = input.indices.map { $0 == 0 ? max(0, pads - 1) : pads }
  }
}
