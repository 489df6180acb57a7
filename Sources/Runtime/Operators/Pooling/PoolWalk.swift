import LibC

/// Pooling window by window in f64, for any number of axes.
struct PoolWalk: Sendable {
  let window: PoolWindow
  let form: Pool.Form
  let countsPadding: Bool
  let isColumnMajor: Bool
  /// Spatial extents.
  let input: [Int]
  let output: [Int]
  let planes: Int

  /// - Parameter indices: Receives where each maximum stands in the whole operand.
  func run(
    _ context: borrowing KernelContext, _ x: UnsafePointer<Double>,
    _ y: UnsafeMutablePointer<Double>, _ indices: UnsafeMutablePointer<Int64>?
  ) {
    let (inSize, outSize) = (input.reduce(1, *), output.reduce(1, *))
    let taps = window.kernel.reduce(1) { $0.multipliedReportingOverflow(by: $1).partialValue }
    context.parallel(planes, grain: max(1, 8192 / max(1, outSize &* taps))) { range in
      for plane in range {
        var place = [Int](repeating: 0, count: output.count)
        for at in 0..<outSize {
          let (value, index) = pool(x + plane * inSize, place)
          y[plane * outSize + at] = value
          indices?[plane * outSize + at] = Int64(plane * inSize + index)
          for axis in place.indices.reversed() {
            place[axis] += 1
            if place[axis] < output[axis] { break }
            place[axis] = 0
          }
        }
      }
    }
  }

  /// The taps of one axis that lie in the operand: their positions, and how many count for an average.
  private func taps(_ place: Int, _ axis: Int) -> (positions: [Int], counted: Int) {
    let (before, after) = window.padding(input[axis], axis)
    let start = place * window.stride(axis) - before
    let step = window.dilation(axis)
    // Only the first and the last tap that can hit the operand are looked for.
    let first = max(0, (-start + step - 1) / step)
    let last = min(window.kernel[axis] - 1, (input[axis] - 1 - start) / step)
    let positions = first <= last ? (first...last).map { start + $0 * step } : []
    guard countsPadding else { return (positions, positions.count) }
    let end = min(window.kernel[axis] - 1, (input[axis] + after - 1 - start) / step)
    return (positions, end + 1)
  }

  private func pool(_ x: UnsafePointer<Double>, _ place: [Int]) -> (value: Double, index: Int) {
    let axes = place.indices.map { taps(place[$0], $0) }
    var best = -Double.infinity
    var bestAt: [Int] = []
    var sum = 0.0
    visit(axes.map(\.positions)) { at, offset in
      let v = x[offset]
      switch form {
      case .max:
        if v > best || (v.isNaN && !best.isNaN) || bestAt.isEmpty { (best, bestAt) = (v, at) }
      case .average: sum += v
      case .lp(let p): sum += p == 2 ? v * v : p == 1 ? abs(v) : pow(abs(v), p)
      }
    }
    switch form {
    case .max: return (best, bestAt.isEmpty ? 0 : index(bestAt))
    case .average: return (sum / Double(max(1, axes.reduce(1) { $0 * $1.counted })), 0)
    case .lp(let p): return (p == 2 ? sum.squareRoot() : p == 1 ? sum : pow(sum, 1 / p), 0)
    }
  }

  private func visit(_ positions: [[Int]], _ body: (_ at: [Int], _ offset: Int) -> Void) {
    guard !positions.contains(where: \.isEmpty) else { return }
    var step = [Int](repeating: 0, count: positions.count)
    while true {
      let at = step.indices.map { positions[$0][step[$0]] }
      body(at, zip(at, input).reduce(0) { $0 * $1.1 + $1.0 })
      var axis = positions.count - 1
      while axis >= 0 {
        step[axis] += 1
        if step[axis] < positions[axis].count { break }
        step[axis] = 0
        axis -= 1
      }
      if axis < 0 { return }
    }
  }

  private func index(_ at: [Int]) -> Int {
    isColumnMajor
      ? zip(at, input).reversed().reduce(0) { $0 * $1.1 + $1.0 }
      : zip(at, input).reduce(0) { $0 * $1.1 + $1.0 }
  }
}
