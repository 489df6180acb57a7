import LibC

/// `GridSample`: a tensor's values at the positions that a grid gives.
///
/// |        | name   | shape | element types |
/// |--------|--------|-------|---------------|
/// | input  | `x`    | `[batch, channels, D₁, …, Dₖ]` | numbers of 8 to 64 bits, `bool` |
/// | input  | `grid` | `[batch, o₁, …, oₖ, k]` | floats; −1 ... 1 spans an axis, the innermost axis first |
/// | output | `y`    | `[batch, channels, o₁, …, oₖ]` | type of `x` |
/// | attr   | `mode` | | `linear` (`bilinear`), `nearest`, `cubic` (`bicubic`) |
/// | attr   | `padding_mode`, `align_corners` | | `zeros`, `border`, `reflection`; default 0 |
///
/// Computed in f64. Source: ONNX `GridSample`, opsets 16, 20, 22.
struct GridSample: TensorOperator {
  enum Padding: Sendable { case zeros, border, reflection }

  let interpolation: Interpolation
  let padding: Padding
  let alignsCorners: Bool

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...2)
    let modes = ["linear", "bilinear", "nearest", "cubic", "bicubic"]
    switch try node.choice("mode", of: modes, default: "linear") {
    case "nearest": interpolation = .nearest("even")
    case "cubic", "bicubic": interpolation = .cubic(a: -0.75)
    default: interpolation = .linear
    }
    switch try node.choice("padding_mode", of: ["zeros", "border", "reflection"], default: "zeros")
    {
    case "border": padding = .border
    case "reflection": padding = .reflection
    default: padding = .zeros
    }
    alignsCorners = try node.bool("align_corners", default: false)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: ElementType.numbers.union([.bool]))
    let grid = try inputs.tensor(1, of: ElementType.floats)
    guard let shape = x.shape, let points = grid.shape else { return [.tensor(x.element, nil)] }
    guard shape.rank >= 3, points.rank == shape.rank,
      points[points.rank - 1].canBe(.fixed(shape.rank - 2)), points[0].canBe(shape[0])
    else {
      throw ModelError(
        .shapeMismatch, "a grid \(points) for a tensor \(shape)",
        expected: "[batch, …, \(max(0, shape.rank - 2))] of rank \(shape.rank)")
    }
    let extents = shape.dimensions.prefix(2) + points.dimensions.dropFirst().dropLast()
    return [.tensor(x.element, Shape(Array(extents)))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let x = try io.input(0).shape
    let points = try io.output().shape[2...].reduce(1, *)
    let stage = try Stage(io, as: .f64)
    let spatial = Array(x[2...])
    let (batch, channels, size) = (x[0], x[1], spatial.reduce(1, *))
    let sampler = self
    return Kernel("grid_sample_f64", scratchBytes: stage.scratchOffset) { context in
      stage.load(context)
      let from = stage.input(context, 0, as: Double.self)
      let grid = stage.input(context, 1, as: Double.self)
      let to = stage.output(context, 0, as: Double.self)
      context.parallel(batch * points, grain: 256) { range in
        for item in range {
          let (n, point) = (item / points, item % points)
          let taps = sampler.taps(grid + item * spatial.count, spatial)
          for c in 0..<channels {
            let plane = from + (n * channels + c) * size
            let value = taps.reduce(0.0) { $0 + plane[$1.offset] * $1.weight }
            to[(n * channels + c) * points + point] = value
          }
        }
      }
      stage.store(context)
    }
  }

  /// The elements that make the value at one point, with their weights; those outside that count as 0 are left out.
  private func taps(
    _ point: UnsafePointer<Double>, _ spatial: [Int]
  ) -> [(offset: Int, weight: Double)] {
    var taps: [(offset: Int, weight: Double)] = [(0, 1)]
    for (axis, extent) in spatial.enumerated() {
      let along = alongAxis(point[spatial.count - 1 - axis], extent)
      taps = taps.flatMap { tap in
        along.map { (tap.offset * extent + $0.place, tap.weight * $0.weight) }
      }
    }
    return taps
  }

  private func alongAxis(_ position: Double, _ extent: Int) -> [(place: Int, weight: Double)] {
    guard extent > 0 else { return [] }
    let length = Double(extent)
    var x = alignsCorners ? (position + 1) / 2 * (length - 1) : ((position + 1) * length - 1) / 2
    x = min(max(x.isNaN ? -1 : x, -1e9), 1e9)
    if case .nearest = interpolation { x.round(.toNearestOrEven) }
    // Of cubic pieces the taps are padded, one by one, and the position stays.
    if case .cubic = interpolation {} else { x = padded(x, length) }
    let base = x.rounded(.down)
    let ratio = x - base
    var places: [(Int, Double)]
    switch interpolation {
    case .nearest: places = [(0, 1)]
    case .linear: places = [(0, 1 - ratio), (1, ratio)]
    case .cubic(let a):
      places = (-1...2).map { ($0, Self.cubic(abs(Double($0) - ratio), a)) }
    }
    var result: [(place: Int, weight: Double)] = []
    for (step, weight) in places {
      var place = Int(base) + step
      if place < 0 || place >= extent {
        if padding == .zeros { continue }
        place = min(max(Int(padded(Double(place), length).rounded()), 0), extent - 1)
      }
      result.append((place, weight))
    }
    return result
  }

  private func padded(_ x: Double, _ length: Double) -> Double {
    switch padding {
    case .zeros: return x
    case .border: return min(max(x, 0), length - 1)
    case .reflection:
      let low = alignsCorners ? 0 : -0.5
      let span = alignsCorners ? length - 1 : length
      if span <= 0 { return 0 }
      let turns = abs(x - low).truncatingRemainder(dividingBy: 2 * span)
      return low + (turns > span ? 2 * span - turns : turns)
    }
  }

  private static func cubic(_ d: Double, _ a: Double) -> Double {
    if d <= 1 { return ((a + 2) * d - (a + 3)) * d * d + 1 }
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0
  }
}
