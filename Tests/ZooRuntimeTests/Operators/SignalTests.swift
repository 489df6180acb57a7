import Foundation
import Testing
import ZooRuntime

@Suite struct SignalTests {
  /// The transform as its formula says, in O(n²).
  private func reference(_ x: [Double], inverse: Bool = false) -> [Double] {
    let n = x.count / 2
    var y = [Double](repeating: 0, count: x.count)
    for k in 0..<n {
      for j in 0..<n {
        let angle = (inverse ? 2 : -2) * Double.pi * Double(k * j % n) / Double(n)
        y[2 * k] += x[2 * j] * cos(angle) - x[2 * j + 1] * sin(angle)
        y[2 * k + 1] += x[2 * j] * sin(angle) + x[2 * j + 1] * cos(angle)
      }
    }
    return inverse ? y.map { $0 / Double(n) } : y
  }

  private func signal(_ count: Int) -> [Double] {
    (0..<count).map { (index: Int) -> Double in Double((index * 7919 + 13) % 101) / 50 - 1 }
  }

  private func expectClose(
    _ got: Value, _ want: [Double], _ shape: [Int],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let tensor = try #require(got.tensor)
    #expect(tensor.shape == shape, sourceLocation: sourceLocation)
    let worst = zip(try tensor.array(of: Double.self), want).map { abs($0 - $1) }.max() ?? 0
    #expect(worst < 1e-10 * Double(max(want.count, 1)), sourceLocation: sourceLocation)
  }

  /// Lengths with each radix alone and together, and with prime factors that are no radix.
  @Test(arguments: [
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16, 30, 31, 37, 60, 62, 74, 97, 128, 210, 1000,
  ])
  func transformsAnyLength(n: Int) throws {
    let x = signal(2 * n)
    let input = Value.tensor(try Tensor(x, shape: [1, n, 2]))
    let forward = try NodeRunner.run("DFT", [input])
    try expectClose(forward[0], reference(x), [1, n, 2])
    let inverse = try NodeRunner.run("DFT", [input], [Attribute("inverse", .int(1))])
    try expectClose(inverse[0], reference(x, inverse: true), [1, n, 2])
  }

  @Test(arguments: [1, 2, 5, 8, 37])
  func transformsRealSignalsInPairs(n: Int) throws {
    // Three lines: a pair and one left over, along an axis that is not the last.
    let x = signal(3 * n)
    let input = Value.tensor(try Tensor(x, shape: [n, 3, 1]))
    let axis = Value.tensor(try Tensor(scalar: Int64(0)))
    let oneSided = [Attribute("onesided", .int(1))]
    let bins = try NodeRunner.run("DFT", [input, nil, axis], oneSided)
    var want = [Double](repeating: 0, count: (n / 2 + 1) * 6)
    for line in 0..<3 {
      let result = reference(
        (0..<n).flatMap { (place: Int) -> [Double] in [x[place * 3 + line], 0] })
      for k in 0...n / 2 {
        for part in 0..<2 { want[(k * 3 + line) * 2 + part] = result[2 * k + part] }
      }
    }
    try expectClose(bins[0], want, [n / 2 + 1, 3, 2])
    let length = Value.tensor(try Tensor(scalar: Int64(n)))
    let back = try NodeRunner.run(
      "DFT", [bins[0], length, axis], oneSided + [Attribute("inverse", .int(1))])
    try expectClose(back[0], x, [n, 3, 1])
  }

  @Test func cutsAndFills() throws {
    let x = signal(8)
    let input = Value.tensor(try Tensor(x, shape: [1, 4, 2]))
    for length in [2, 7] {
      let line = Array((x + Array(repeating: 0, count: 6)).prefix(2 * length))
      let y = try NodeRunner.run(
        "DFT", opset: 17, [input, .tensor(Tensor(scalar: Int64(length)))],
        [Attribute("axis", .int(1))])
      try expectClose(y[0], reference(line), [1, length, 2])
    }
  }

  @Test func refusesTransforms() throws {
    let complex = try Tensor(signal(8), shape: [1, 4, 2])
    let zero = try Tensor(scalar: Int64(0))
    let last = try Tensor(scalar: Int64(-1))
    let huge = try Tensor(scalar: Int64(1) << 40)
    NodeRunner.expectRefusal("DFT", [complex, zero], code: .outOfRange)
    NodeRunner.expectRefusal("DFT", [complex, nil, last], code: .outOfRange)
    NodeRunner.expectRefusal("DFT", [complex, huge], code: .limitExceeded)
    NodeRunner.expectRefusal(
      "DFT", [try Tensor(signal(9), shape: [1, 3, 3])], code: .shapeMismatch)
    NodeRunner.expectRefusal(
      "DFT", [complex], [Attribute("onesided", .int(1))], code: .shapeMismatch)
    NodeRunner.expectRefusal("DFT", [try Tensor(signal(0), shape: [1, 0, 2])], code: .outOfRange)
    let step = try Tensor(scalar: Int64(1))
    let real = try Tensor(signal(4), shape: [1, 4, 1])
    let five = try Tensor(scalar: Int64(5))
    NodeRunner.expectRefusal("STFT", [real, zero], code: .outOfRange)
    NodeRunner.expectRefusal("STFT", [real, step, nil, five], code: .shapeMismatch)
    NodeRunner.expectRefusal(
      "STFT", [real, step, try Tensor(signal(3), shape: [3]), five], code: .shapeMismatch)
  }

  @Test(arguments: [1, 3]) func transformsFrames(step: Int) throws {
    let (x, window) = (signal(2 * 11), signal(4))
    let y = try NodeRunner.run(
      "STFT",
      [
        .tensor(Tensor(x, shape: [2, 11, 1])), .tensor(Tensor(scalar: Int64(step))),
        .tensor(Tensor(window, shape: [4])),
      ], [Attribute("onesided", .int(0))])
    let frames = 7 / step + 1
    var want: [Double] = []
    for batch in 0..<2 {
      for frame in 0..<frames {
        let start = batch * 11 + frame * step
        var line: [Double] = []
        for place in 0..<4 { line += [x[start + place] * window[place], 0] }
        want += reference(line)
      }
    }
    try expectClose(y[0], want, [2, frames, 4, 2])
  }

  @Test func refusesBandsBeyondTheSpectrum() throws {
    let (bins, length, rate) = (
      try Tensor(scalar: Int64(4)), try Tensor(scalar: Int64(16)), try Tensor(scalar: Int64(8000))
    )
    let low = try Tensor(scalar: Float(0))
    let y = try NodeRunner.run(
      "MelWeightMatrix",
      [bins, length, rate, low, try Tensor(scalar: Float(3000))].map(Value.tensor))
    #expect(y[0].tensor?.shape == [9, 4])
    NodeRunner.expectRefusal(
      "MelWeightMatrix", [bins, length, rate, low, try Tensor(scalar: Float(12000))],
      code: .outOfRange)
  }
}
