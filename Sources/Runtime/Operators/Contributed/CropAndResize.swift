import ModelFormat

/// `CropAndResize`: parts of images, resized.
///
/// |        | name   | shape | element types |
/// |--------|--------|-------|---------------|
/// | input  | `X`    | `[n, c, h, w]` | `f32` |
/// | input  | `rois` | `[parts, 4]`: y₁, x₁, y₂, x₂ as shares of h − 1 and w − 1 | `f32` |
/// | input  | `batch_indices` | `[parts]` | `i32` |
/// | input  | `crop_size` | `[2]`: height and width | `i32` |
/// | output | `Y`    | `[parts, c, height, width]` | `f32` |
/// | attr   | `mode` | | `bilinear` (default), `nearest` |
/// | attr   | `extrapolation_value` | | what lies outside the image, default 0 |
///
/// Corners are aligned; of one row or column the middle is taken. Source: ONNX Runtime's contributed operator, version 1;
/// TensorFlow's operator of the same name.
struct CropAndResize: TensorOperator {
  let isNearest: Bool
  let outside: Float

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 4...4)
    isNearest =
      try node.choice("mode", of: ["bilinear", "nearest"], default: "bilinear") == "nearest"
    outside = try node.float("extrapolation_value", default: 0)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: [.f32]).shape
    let rois = try inputs.tensor(1, of: [.f32]).shape
    _ = try inputs.tensor(2, of: [.i32])
    _ = try inputs.tensor(3, of: [.i32])
    for (shape, rank) in [(x, 4), (rois, 2)] {
      guard let shape, shape.rank != rank else { continue }
      throw ModelError(.shapeMismatch, "a tensor \(shape)", expected: "rank \(rank)")
    }
    let size = inputs.integers(3)
    if let size, size.count != 2 || size.contains(where: { $0 <= 0 }) {
      throw ModelError(.outOfRange, "crop_size is \(size)", expected: "two numbers from 1 on")
    }
    return [
      .tensor(
        .f32,
        [
          rois?[0] ?? .unknown, x?[1] ?? .unknown, size.map { .fixed($0[0]) } ?? .unknown,
          size.map { .fixed($0[1]) } ?? .unknown,
        ])
    ]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let (x, y) = (try io.input(0).shape, try io.output().shape)
    guard try io.input(1).shape == [y[0], 4], try io.input(2).count == y[0] else {
      throw ModelError(
        .shapeMismatch,
        "rois \(try io.input(1).shape), batch_indices \(try io.input(2).shape)",
        expected: "[\(y[0]), 4] and [\(y[0])]")
    }
    let op = self
    return Kernel("crop_and_resize") { (context) throws(ModelError) in
      let batches = context.input(2, as: Int32.self)
      for part in 0..<y[0] where batches[part] < 0 || Int(batches[part]) >= x[0] {
        throw ModelError(
          .outOfRange, "batch_indices[\(part)] is \(batches[part])", expected: "0 ..< \(x[0])")
      }
      nonisolated(unsafe) let (image, parts) = (
        context.input(0, as: Float.self), context.input(1, as: Float.self)
      )
      nonisolated(unsafe) let (to, batch) = (context.output(0, as: Float.self), batches)
      context.parallel(y[0] * y[1], grain: max(1, 4096 / max(1, y[2] * y[3]))) { planes in
        for plane in planes {
          let (part, channel) = (plane / y[1], plane % y[1])
          let from = image + (Int(batch[part]) * x[1] + channel) * x[2] * x[3]
          let roi = parts + part * 4
          for row in 0..<y[2] {
            let v = Self.place(roi[0], roi[2], row, y[2], x[2])
            for column in 0..<y[3] {
              let u = Self.place(roi[1], roi[3], column, y[3], x[3])
              to[(plane * y[2] + row) * y[3] + column] = op.sample(from, x[2], x[3], v, u)
            }
          }
        }
      }
    }
  }

  /// Where element `index` of `count` lies in an axis of `extent`.
  private static func place(
    _ first: Float, _ last: Float, _ index: Int, _ count: Int, _ extent: Int
  ) -> Float {
    let reach = Float(extent - 1)
    if count <= 1 { return 0.5 * (first + last) * reach }
    return first * reach + Float(index) * ((last - first) * reach / Float(count - 1))
  }

  private func sample(
    _ image: UnsafePointer<Float>, _ height: Int, _ width: Int, _ v: Float, _ u: Float
  ) -> Float {
    guard v >= 0, v <= Float(height - 1), u >= 0, u <= Float(width - 1) else { return outside }
    if isNearest {
      return image[Int(v.rounded()) * width + Int(u.rounded())]
    }
    let (top, left) = (Int(v), Int(u))
    let (bottom, right) = (Int(v.rounded(.up)), Int(u.rounded(.up)))
    let (y, x) = (v - Float(top), u - Float(left))
    func pixel(_ row: Int, _ column: Int) -> Float { image[row * width + column] }
    let above = pixel(top, left) + (pixel(top, right) - pixel(top, left)) * x
    let below = pixel(bottom, left) + (pixel(bottom, right) - pixel(bottom, left)) * x
    return above + (below - above) * y
  }
}
