/// `MaxRoiPool`: regions of an image, each cut into cells of whole pixels, of which the greatest is taken.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `X`  | `[batch, channels, height, width]` | `f16`, `bf16`, `f32`, `f64` |
/// | input  | `rois` | `[n, 5]`: image, x₁, y₁, x₂, y₂, corners included | type of `X` |
/// | output | `Y`  | `[n, channels, pooled_shape…]`; 0 for a cell outside of the image | type of `X` |
/// | attr   | `pooled_shape` | | height and width |
/// | attr   | `spatial_scale` | | default 1: pixels of `X` per unit of `rois` |
///
/// Source: ONNX `MaxRoiPool`, opsets 1 and 22; Girshick, "Fast R-CNN", 2015.
struct MaxRoiPool: FloatOperator {
  private let pooled: [Int]
  private let scale: Float

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...2)
    pooled = try node.ints("pooled_shape")
    scale = try node.float("spatial_scale", default: 1)
    guard pooled.count == 2, pooled.allSatisfy({ (1...1 << 20).contains($0) }) else {
      throw ModelError(
        .invalidAttribute, "pooled_shape is \(pooled)", expected: "height and width, 1 or more")
    }
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: ElementType.floats)
    let rois = try inputs.tensor(1, of: [x.element]).shape
    let cells = pooled.map(Dimension.fixed)
    let count = rois?.dimensions.first ?? .unknown
    guard let shape = x.shape else {
      return [.tensor(x.element, Shape([count, .unknown] + cells))]
    }
    guard shape.rank == 4, rois?.canBe([.unknown, 5]) ?? true else {
      throw ModelError(
        .shapeMismatch, "regions \(rois ?? []) of \(shape)",
        expected: "[n, 5] and [batch, channels, height, width]")
    }
    return [.tensor(x.element, Shape([count, shape[1]] + cells))]
  }

  func lower<T: FloatElement>(_ io: NodeIO, as type: T.Type) throws(ModelError) -> Kernel {
    let x = try io.input(0).shape
    let regions = try io.output().shape[0]
    let (channels, cells) = (x[1], pooled[0] * pooled[1])
    let pool = self
    return Kernel("max_roi_pool_\(T.elementType)") { (context) throws(ModelError) in
      let images = context.input(0, as: T.self)
      let rois = context.input(1, as: T.self)
      let output = context.output(as: T.self)
      for n in 0..<regions {
        let image = Double(rois[n * 5])
        guard image >= 0, image < Double(x[0]) else {
          throw ModelError(
            .outOfRange, "image \(image) of region \(n)", expected: "0 ... \(x[0] - 1)")
        }
      }
      context.parallel(regions, grain: max(1, 1024 / max(1, channels * cells))) { range in
        for n in range {
          let roi = rois + n * 5
          let rows = pool.spans(roi[2], roi[4], pool.pooled[0], x[2])
          let columns = pool.spans(roi[1], roi[3], pool.pooled[1], x[3])
          for c in 0..<channels {
            let image = images + (Int(roi[0]) * channels + c) * x[2] * x[3]
            let to = output + (n * channels + c) * cells
            for cell in 0..<cells {
              let (row, column) = (rows[cell / columns.count], columns[cell % columns.count])
              to[cell] = Self.greatest(image, row, column, width: x[3])
            }
          }
        }
      }
    }
  }

  /// The pixels of each cell along one axis.
  private func spans<T: FloatElement>(
    _ from: T, _ to: T, _ cells: Int, _ extent: Int
  ) -> [Range<Int>] {
    func pixel(_ x: T) -> Int {
      let place = Float(x) * scale
      return place.isNaN ? 0 : Int(min(max(place.rounded(), -1e9), 1e9))
    }
    let start = pixel(from)
    let size = Float(max(pixel(to) - start + 1, 1)) / Float(cells)
    return (0..<cells).map { cell in
      let low = start + Int((Float(cell) * size).rounded(.down))
      let high = start + Int((Float(cell + 1) * size).rounded(.up))
      let first = min(max(low, 0), extent)
      return first..<max(first, min(max(high, 0), extent))
    }
  }

  private static func greatest<T: FloatElement>(
    _ image: UnsafePointer<T>, _ rows: Range<Int>, _ columns: Range<Int>, width: Int
  ) -> T {
    if rows.isEmpty || columns.isEmpty { return 0 }
    var best = -T.infinity
    for row in rows {
      for column in columns { best = max(best, image[row * width + column]) }
    }
    return best
  }
}
