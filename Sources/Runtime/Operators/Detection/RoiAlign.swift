/// `RoiAlign`: regions of an image, each cut into cells whose value is pooled from interpolated points.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `X`  | `[batch, channels, height, width]` | `f16`, `bf16`, `f32`, `f64` |
/// | input  | `rois` | `[n, 4]`: x₁, y₁, x₂, y₂ | type of `X` |
/// | input  | `batch_indices` | `[n]` | `i64` |
/// | output | `Y`  | `[n, channels, output_height, output_width]` | type of `X` |
/// | attr   | `mode` | | `avg` (default); `max`, of each point's weighted corners |
/// | attr   | `sampling_ratio` | | points per cell and axis; 0 (default): as many as the cell has pixels |
/// | attr   | `spatial_scale` | | default 1: pixels of `X` per unit of `rois` |
/// | attr   | `coordinate_transformation_mode` | | `half_pixel` (default since opset 16), `output_half_pixel` |
///
/// Points more than one pixel outside count as 0. Source: ONNX `RoiAlign`, opsets 10, 16, 22; He et al., "Mask R-CNN",
/// 2017.
struct RoiAlign: FloatOperator {
  private let isMax: Bool
  private let output: (height: Int, width: Int)
  private let ratio: Int
  private let scale: Double
  private let isShifted: Bool

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 3...3)
    isMax = try node.choice("mode", of: ["avg", "max"], default: "avg") == "max"
    output = (try node.int("output_height", default: 1), try node.int("output_width", default: 1))
    ratio = try node.int("sampling_ratio", default: 0)
    scale = Double(try node.float("spatial_scale", default: 1))
    let modes = ["half_pixel", "output_half_pixel"]
    let mode = try node.choice(
      "coordinate_transformation_mode", of: modes, default: modes[node.opset < 16 ? 1 : 0])
    isShifted = mode == "half_pixel"
    guard output.height >= 0, output.width >= 0, (0...1 << 15).contains(ratio) else {
      throw ModelError(
        .invalidAttribute, "cells \(output.height) × \(output.width), sampling ratio \(ratio)",
        expected: "numbers from 0 on")
    }
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: ElementType.floats)
    let rois = try inputs.tensor(1, of: [x.element]).shape
    let places = try inputs.tensor(2, of: [.i64]).shape
    let count = rois?.dimensions.first ?? .unknown
    let cells: [Dimension] = [.fixed(output.height), .fixed(output.width)]
    guard let shape = x.shape else {
      return [.tensor(x.element, Shape([count, .unknown] + cells))]
    }
    guard shape.rank == 4, rois?.canBe([.unknown, 4]) ?? true,
      places?.canBe([count]) ?? true
    else {
      throw ModelError(
        .shapeMismatch, "regions \(rois ?? []) of images \(places ?? []) of \(shape)",
        expected: "[n, 4], [n] and [batch, channels, height, width]")
    }
    return [.tensor(x.element, Shape([count, shape[1]] + cells))]
  }

  func lower<T: FloatElement>(_ io: NodeIO, as type: T.Type) throws(ModelError) -> Kernel {
    let x = try io.input(0).shape
    let regions = try io.output().shape[0]
    let (channels, cells) = (x[1], output.height * output.width)
    let align = self
    return Kernel("roi_align_\(T.elementType)") { (context) throws(ModelError) in
      let images = context.input(0, as: T.self)
      let rois = context.input(1, as: T.self)
      let places = context.input(2, as: Int64.self)
      let output = context.output(as: T.self)
      for n in 0..<regions where places[n] < 0 || places[n] >= Int64(x[0]) {
        throw ModelError(
          .outOfRange, "image \(places[n]) of region \(n)", expected: "0 ... \(x[0] - 1)")
      }
      context.parallel(regions, grain: max(1, 1024 / max(1, channels * cells))) { range in
        for n in range {
          let box = (0..<4).map { Double(rois[n * 4 + $0]) }
          let grid = align.grid(box, height: x[2], width: x[3])
          for c in 0..<channels {
            let image = images + (Int(places[n]) * channels + c) * x[2] * x[3]
            align.pool(image, grid, output + (n * channels + c) * cells, width: x[3])
          }
        }
      }
    }
  }

  /// The points of one axis, by cells: two neighbours and their weights.
  private struct Axis {
    var points: [(low: Int, high: Int, lowWeight: Double, highWeight: Double)] = []
    var perCell = 0
  }

  private func grid(_ box: [Double], height: Int, width: Int) -> (y: Axis, x: Axis) {
    (
      axis(box[1], box[3], cells: output.height, extent: height),
      axis(box[0], box[2], cells: output.width, extent: width)
    )
  }

  private func axis(_ from: Double, _ to: Double, cells: Int, extent: Int) -> Axis {
    let start = from * scale - (isShifted ? 0.5 : 0)
    var length = (to - from) * scale
    if !isShifted { length = max(length, 1) }
    var axis = Axis()
    let size = length / Double(max(cells, 1))
    // No cell has more pixels than there are, so more points would tell nothing new.
    let most = Double(4 * (extent + 2))
    axis.perCell = ratio > 0 ? ratio : size > 0 ? Int(min(size.rounded(.up), most)) : 0
    for cell in 0..<cells {
      for point in 0..<axis.perCell {
        let offset = (Double(point) + 0.5) * size / Double(axis.perCell)
        axis.points.append(Self.neighbours(start + Double(cell) * size + offset, extent))
      }
    }
    return axis
  }

  private static func neighbours(
    _ position: Double, _ extent: Int
  ) -> (low: Int, high: Int, lowWeight: Double, highWeight: Double) {
    guard position >= -1, position <= Double(extent), extent > 0 else { return (0, 0, 0, 0) }
    let x = max(position, 0)
    let low = Int(x)
    if low >= extent - 1 { return (extent - 1, extent - 1, 1, 0) }
    return (low, low + 1, 1 - (x - Double(low)), x - Double(low))
  }

  private func pool<T: FloatElement>(
    _ image: UnsafePointer<T>, _ grid: (y: Axis, x: Axis), _ to: UnsafeMutablePointer<T>,
    width: Int
  ) {
    let (ys, xs) = (grid.y.perCell, grid.x.perCell)
    for cell in 0..<output.height * output.width {
      let (row, column) = (cell / output.width * ys, cell % output.width * xs)
      var (sum, best) = (0.0, -Double.infinity)
      for y in grid.y.points[row..<row + ys] {
        for x in grid.x.points[column..<column + xs] {
          let a = Double(image[y.low * width + x.low]) * y.lowWeight * x.lowWeight
          let b = Double(image[y.low * width + x.high]) * y.lowWeight * x.highWeight
          let c = Double(image[y.high * width + x.low]) * y.highWeight * x.lowWeight
          let d = Double(image[y.high * width + x.high]) * y.highWeight * x.highWeight
          if isMax { best = max(best, a, b, c, d) } else { sum += a + b + c + d }
        }
      }
      let count = ys * xs
      to[cell] = T(count == 0 ? 0 : isMax ? best : sum / Double(count))
    }
  }
}
