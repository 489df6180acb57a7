import LibC

/// How positions of a resized axis lie in the original one.
enum CoordinateMode: String, CaseIterable, Sendable {
  case halfPixel = "half_pixel"
  case symmetric = "half_pixel_symmetric"
  case pytorchHalfPixel = "pytorch_half_pixel"
  case alignCorners = "align_corners"
  case asymmetric
  case halfPixelForNearest = "tf_half_pixel_for_nn"
  case crop = "tf_crop_and_resize"
}

/// How a value between original positions is made.
enum Interpolation: Sendable {
  /// `round_prefer_floor`, `round_prefer_ceil`, `floor`, `ceil`
  case nearest(String)
  case linear
  case cubic(a: Double)

  /// Before opset 11 positions are rounded up where an axis shrinks, as ONNX Runtime does, and down elsewhere.
  static let outward = "outward"
}

/// One axis of `Resize`: which original positions each new one is made of, and with what weights.
struct ResizeAxis: Sendable {
  let axis: Int
  let input: Int
  let output: Int
  let taps: Int
  /// `[output · taps]`
  private(set) var positions: [Int32] = []
  private(set) var weights: [Double] = []
  /// New positions that lie outside of the original axis (only with `tf_crop_and_resize`).
  private(set) var isOutside: [Bool] = []

  struct Rule: Sendable {
    let mode: CoordinateMode
    let interpolation: Interpolation
    let excludesOutside: Bool
    let antialiases: Bool
  }

  /// - Parameters:
  ///   - scale: New extent per original one.
  ///   - crop: The first and last position as parts of the original axis.
  init(
    axis: Int, input: Int, output: Int, scale: Float, crop: (Float, Float), _ rule: Rule
  ) {
    self.axis = axis
    self.input = input
    self.output = output
    let shrink = rule.antialiases ? Double(min(scale, 1)) : 1
    // The first tap, counted from the position rounded down.
    let first: Int
    switch rule.interpolation {
    case .nearest: (first, taps) = (0, 1)
    case .linear: (first, taps) = Self.footprint(1, shrink)
    case .cubic: (first, taps) = Self.footprint(2, shrink)
    }
    positions.reserveCapacity(output * taps)
    weights.reserveCapacity(output * taps)
    for i in 0..<output {
      let x = Self.coordinate(i, input, output, scale, crop, rule.mode)
      isOutside.append(rule.mode == .crop && (x < 0 || x > Float(input - 1)))
      if case .nearest(var rounding) = rule.interpolation {
        if rounding == Interpolation.outward { rounding = scale < 1 ? "ceil" : "floor" }
        positions.append(Int32(clamped(Self.round(x, rounding))))
        weights.append(1)
      } else {
        append(x, first, shrink, rule)
      }
    }
  }

  private static func footprint(_ reach: Double, _ shrink: Double) -> (first: Int, taps: Int) {
    let first = Int((-reach / shrink).rounded(.down)) + 1
    return (first, 2 - 2 * first)
  }

  private func clamped(_ position: Int) -> Int { min(max(position, 0), input - 1) }

  /// Computed in f32, as runtimes do, so that ties fall alike.
  private static func coordinate(
    _ i: Int, _ input: Int, _ output: Int, _ scale: Float, _ crop: (Float, Float),
    _ mode: CoordinateMode
  ) -> Float {
    let i = Float(i)
    let (last, span) = (Float(input - 1), Float(output - 1))
    switch mode {
    case .halfPixel: return (i + 0.5) / scale - 0.5
    case .pytorchHalfPixel: return output > 1 ? (i + 0.5) / scale - 0.5 : 0
    case .alignCorners:
      // The standard takes the extent as it is before it is rounded down, if a scale gives it.
      let exact = scale * Float(input)
      let whole = abs(exact - Float(output)) < 1e-5 * exact
      return output > 1 ? i * last / (whole ? span : exact - 1) : 0
    case .asymmetric: return i / scale
    case .halfPixelForNearest: return (i + 0.5) / scale
    case .symmetric:
      let adjustment = Float(output) / (scale * Float(input))
      return Float(input) / 2 * (1 - adjustment) + (i + 0.5) / scale - 0.5
    case .crop:
      if output == 1 { return 0.5 * (crop.0 + crop.1) * last }
      return crop.0 * last + i * (crop.1 - crop.0) * last / span
    }
  }

  private static func round(_ x: Float, _ rounding: String) -> Int {
    let limited = min(max(x, -1e9), 1e9)
    switch rounding {
    case "floor": return Int(limited.rounded(.down))
    case "ceil": return Int(limited.rounded(.up))
    case "round_prefer_ceil": return Int((limited + 0.5).rounded(.down))
    default: return Int((limited - 0.5).rounded(.up))
    }
  }

  private mutating func append(_ x: Float, _ first: Int, _ shrink: Double, _ rule: Rule) {
    let limited = Double(min(max(x.isNaN ? 0 : x, -1e9), 1e9))
    let base = limited.rounded(.down)
    let ratio = limited - base
    var row: [Double] = []
    for k in 0..<taps {
      let place = Int(base) + first + k
      let isInside = place >= 0 && place < input
      let distance = abs((Double(first + k) - ratio) * shrink)
      row.append(
        isInside || !rule.excludesOutside ? Self.weight(distance, rule.interpolation) : 0)
      positions.append(Int32(clamped(place)))
    }
    let total = row.reduce(0, +)
    let normalizes = (rule.excludesOutside || rule.antialiases) && total != 0
    weights += normalizes ? row.map { $0 / total } : row
  }

  /// Keys, "Cubic Convolution Interpolation for Digital Image Processing", 1981.
  private static func weight(_ d: Double, _ interpolation: Interpolation) -> Double {
    guard case .cubic(let a) = interpolation else { return max(0, 1 - d) }
    if d <= 1 { return ((a + 2) * d - (a + 3)) * d * d + 1 }
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0
  }

  /// Whether the axis stays as it is.
  var isIdentity: Bool {
    guard input == output, !isOutside.contains(true) else { return false }
    for i in 0..<output {
      for k in 0..<taps where weights[i * taps + k] != 0 {
        if positions[i * taps + k] != Int32(i) || weights[i * taps + k] != 1 { return false }
      }
    }
    return true
  }

  /// Resizes this axis of `[outer, input, inner]`.
  func apply<T: BinaryFloatingPoint & Sendable>(
    _ context: borrowing KernelContext, _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>,
    outer: Int, inner: Int, extrapolation: T
  ) {
    let taps = taps
    let rows = outer * output
    context.parallel(rows, grain: max(1, Broadcast.grain / 4 / max(1, inner * taps))) { range in
      for row in range {
        let (o, i) = (row / output, row % output)
        let to = y + row * inner
        if isOutside[i] {
          to.update(repeating: extrapolation, count: inner)
          continue
        }
        for k in 0..<taps {
          let from = x + (o * input + Int(positions[i * taps + k])) * inner
          let weight = T(weights[i * taps + k])
          if k == 0 {
            for j in 0..<inner { to[j] = weight * from[j] }
          } else if weight != 0 {
            for j in 0..<inner { to[j] += weight * from[j] }
          }
        }
      }
    }
  }
}
