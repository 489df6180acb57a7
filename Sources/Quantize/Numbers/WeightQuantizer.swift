import ZooRuntime

/// A weight as integers with the scales that turn them back.
struct QuantizedWeight: Sendable {
  let grid: WeightGrid
  let range: IntegerRange
  /// The integers' bits, one a byte, in the order of the weight.
  let integers: [Int8]
  /// One for each group.
  let scales: [Float]
  /// One for each group; all 0 if the range is symmetric.
  let zeroPoints: [Int]
  /// What rounding cost.
  let error: SignalError

  func tensor() throws(ModelError) -> Tensor { try range.tensor(integers, shape: grid.shape) }

  func scaleTensor() throws(ModelError) -> Tensor { try Tensor(scales, shape: grid.groupShape) }

  /// `nil` if all are 0.
  func zeroPointTensor() throws(ModelError) -> Tensor? {
    if range.isSymmetric { return nil }
    return try range.tensor(
      zeroPoints.map { Int8(truncatingIfNeeded: $0) }, shape: grid.groupShape)
  }

  var byteCount: Int {
    let perScale = 32 + (range.isSymmetric ? 0 : range.bits)
    return (integers.count * range.bits + 7) / 8 + (scales.count * perScale + 7) / 8
  }
}

/// Rounds weights to integers.
struct WeightQuantizer {
  let range: IntegerRange
  /// Ranges are also tried that clip the largest values by these factors; the one with the smallest squared error is
  /// taken, group by group. Clipping pays for few bits only: a step of 1/127 of the largest value is fine already.
  private let shrinks: [Float]

  init(_ range: IntegerRange) {
    self.range = range
    shrinks = range.bits == 4 ? [1, 0.95, 0.9, 0.85, 0.8, 0.75] : [1]
  }

  func quantize(_ values: [Float], _ grid: WeightGrid) -> QuantizedWeight {
    let extremes = extremes(values, grid)
    var best = parameters(extremes, shrink: 1)
    if shrinks.count > 1 {
      var least = squaredErrors(values, grid, best)
      for shrink in shrinks.dropFirst() {
        let tried = parameters(extremes, shrink: shrink)
        let errors = squaredErrors(values, grid, tried)
        for group in errors.indices where errors[group] < least[group] {
          least[group] = errors[group]
          best.scales[group] = tried.scales[group]
          best.zeroPoints[group] = tried.zeroPoints[group]
        }
      }
    }
    return round(values, grid, best)
  }

  private struct Parameters {
    var scales: [Float]
    var zeroPoints: [Int]
  }

  private func extremes(_ values: [Float], _ grid: WeightGrid) -> (low: [Float], high: [Float]) {
    var low = [Float](repeating: 0, count: grid.groupCount)
    var high = low
    grid.forEachRun { elements, first, step in
      var group = first
      for index in elements {
        let value = values[index]
        if value < low[group] { low[group] = value }
        if value > high[group] { high[group] = value }
        group += step
      }
    }
    return (low, high)
  }

  private func parameters(
    _ extremes: (low: [Float], high: [Float]), shrink: Float
  ) -> Parameters {
    var result = Parameters(scales: [], zeroPoints: [])
    result.scales.reserveCapacity(extremes.low.count)
    result.zeroPoints.reserveCapacity(extremes.low.count)
    for (low, high) in zip(extremes.low, extremes.high) {
      let (scale, zeroPoint) = range.parameters(low: low * shrink, high: high * shrink)
      result.scales.append(scale)
      result.zeroPoints.append(zeroPoint)
    }
    return result
  }

  private func squaredErrors(
    _ values: [Float], _ grid: WeightGrid, _ parameters: Parameters
  ) -> [Float] {
    var errors = [Float](repeating: 0, count: grid.groupCount)
    grid.forEachRun { elements, first, step in
      var group = first
      for index in elements {
        let (scale, zeroPoint) = (parameters.scales[group], parameters.zeroPoints[group])
        let integer = range.quantize(values[index], scale: scale, zeroPoint: zeroPoint)
        let error = values[index] - Float(integer - zeroPoint) * scale
        errors[group] += error * error
        group += step
      }
    }
    return errors
  }

  private func round(
    _ values: [Float], _ grid: WeightGrid, _ parameters: Parameters
  ) -> QuantizedWeight {
    var integers = [Int8](repeating: 0, count: values.count)
    var error = SignalError()
    grid.forEachRun { elements, first, step in
      var group = first
      for index in elements {
        let (scale, zeroPoint) = (parameters.scales[group], parameters.zeroPoints[group])
        let integer = range.quantize(values[index], scale: scale, zeroPoint: zeroPoint)
        integers[index] = Int8(truncatingIfNeeded: integer)
        error.add(values[index], got: Float(integer - zeroPoint) * scale)
        group += step
      }
    }
    return QuantizedWeight(
      grid: grid, range: range, integers: integers, scales: parameters.scales,
      zeroPoints: parameters.zeroPoints, error: error)
  }
}
