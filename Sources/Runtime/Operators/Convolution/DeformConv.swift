import CKernels

/// `DeformConv`: a convolution whose taps are moved, each by its own offset, and read between elements.
///
///     Y[n, m, …o] = B[m] + Σ_c Σ_t W[m, c, …t] · mask[n, t, …o] · X[n, c, …o·stride + t·dilation − pad + offset[n, t, …o]]
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `X`  | `[n, c, …]`, any number of spatial axes | `f16`, `bf16`, `f32`, `f64` |
/// | input  | `W`  | `[m, c / group, k…]` | type of `X` |
/// | input  | `offset` | `[n, offset_group · Πk · axes, o…]` | type of `X` |
/// | input  | `B`, optional | `[m]` | type of `X` |
/// | input  | `mask`, optional | `[n, offset_group · Πk, o…]` | type of `X` |
/// | output | `Y`  | `[n, m, o…]` | type of `X` |
/// | attr   | `strides`, `dilations`, `pads`, `group`, `kernel_shape` | | ``ConvGeometry`` |
/// | attr   | `offset_group` | | default 1: channels are cut into that many groups with offsets of their own |
///
/// Linear interpolation; elements outside count as 0. Source: ONNX `DeformConv`, opsets 19 and 22; Dai et al.,
/// "Deformable Convolutional Networks", 2017; Zhu et al., "Deformable ConvNets v2", 2019.
struct DeformConv: FloatOperator {
  private let geometry: ConvGeometry
  private let offsetGroups: Int

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 3...5)
    geometry = try ConvGeometry(node)
    offsetGroups = try node.int("offset_group", default: 1)
    guard offsetGroups > 0 else {
      throw ModelError(
        .invalidAttribute, "offset_group is \(offsetGroups)", expected: "1 or more")
    }
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: ElementType.floats)
    for index in 1..<5 where inputs.has(index) { _ = try inputs.tensor(index, of: [x.element]) }
    guard let shape = x.shape, let w = try inputs.tensor(1).shape else {
      return [.tensor(x.element, nil)]
    }
    guard shape.rank >= 3 else {
      throw ModelError(
        .shapeMismatch, "the input is \(shape)", expected: "[batch, channels, spatial axes …]")
    }
    try geometry.checkCounts(spatialRank: shape.rank - 2)
    try geometry.checkWeights(shape, w)
    guard (shape[1].value ?? 0) % offsetGroups == 0 else {
      throw ModelError(
        .invalidAttribute, "\(offsetGroups) groups of offsets for \(shape[1]) channels",
        expected: "a divisor")
    }
    var output = [shape[0], w[0]]
    for axis in 0..<shape.rank - 2 {
      output.append(geometry.output(shape[axis + 2], kernel: w[axis + 2], axis: axis))
    }
    let taps = w.dimensions.dropFirst(2).reduce(.fixed(offsetGroups), *)
    try check(inputs, 2, [shape[0], taps * .fixed(shape.rank - 2)] + output[2...])
    try check(inputs, 3, [w[0]])
    try check(inputs, 4, [shape[0], taps] + output[2...])
    return [.tensor(x.element, Shape(output))]
  }

  private func check(
    _ inputs: Operands, _ index: Int, _ wanted: [Dimension]
  ) throws(ModelError) {
    guard let shape = try inputs.optionalTensor(index)?.shape else { return }
    guard shape.canBe(Shape(wanted)) else {
      throw ModelError(
        .shapeMismatch, "input \(index) is \(shape)", expected: "\(Shape(wanted))")
    }
  }

  func lower<T: FloatElement>(_ io: NodeIO, as type: T.Type) throws(ModelError) -> Kernel {
    let (x, w, y) = (try io.input(0).shape, try io.input(1).shape, try io.output().shape)
    let job = DeformedColumns(
      geometry: geometry, offsetGroups: offsetGroups, channels: x[1], input: Array(x[2...]),
      kernel: Array(w[2...]), output: Array(y[2...]))
    let (groups, points) = (geometry.groups, job.points)
    let (rows, outputs) = (w[1] * job.taps, w[0] / groups)
    let (hasBias, hasMask) = (io.has(3), io.has(4))
    let size = x[2...].reduce(x[1], *)
    return Kernel(
      "deform_conv_\(T.elementType)",
      scratchBytes: x[1] * job.taps * points * MemoryLayout<T>.stride
    ) { context in
      let columns = context.scratch.assumingMemoryBound(to: T.self)
      let (weights, y) = (context.input(1, as: T.self), context.output(as: T.self))
      let bias = hasBias ? context.input(3, as: T.self) : nil
      for n in 0..<x[0] {
        job.fill(
          context, columns, image: context.input(0, as: T.self) + n * size,
          offsets: context.input(2, as: T.self) + n * job.offsetCount,
          mask: hasMask ? context.input(4, as: T.self) + n * job.maskCount : nil)
        context.parallel(w[0], grain: max(1, 16384 / max(1, rows * points))) { range in
          for m in range {
            let to = y + (n * w[0] + m) * points
            to.update(repeating: bias?[m] ?? 0, count: points)
            let group = columns + m / outputs * rows * points
            for row in 0..<rows {
              let (factor, line) = (weights[m * rows + row], group + row * points)
              for point in 0..<points { to[point] += factor * line[point] }
            }
          }
        }
      }
    }
  }
}

/// What the taps of a deformed convolution read, as a matrix `[channels · taps, output points]`.
private struct DeformedColumns: Sendable {
  let geometry: ConvGeometry
  let offsetGroups, channels: Int
  let input, kernel, output: [Int]

  var points: Int { output.reduce(1, *) }
  var taps: Int { kernel.reduce(1, *) }
  var offsetCount: Int { offsetGroups * taps * input.count * points }
  var maskCount: Int { offsetGroups * taps * points }

  func fill<T: FloatElement>(
    _ context: borrowing KernelContext, _ columns: UnsafeMutablePointer<T>,
    image: UnsafePointer<T>, offsets: UnsafePointer<T>, mask: UnsafePointer<T>?
  ) {
    let perGroup = channels / offsetGroups
    let size = input.reduce(1, *)
    let axes = input.count
    // All channels of one group of offsets read the same places.
    context.parallel(offsetGroups * taps, grain: max(1, 4096 / max(1, points * perGroup))) {
      range in
      for item in range {
        let (group, tap) = (item / taps, item % taps)
        for point in 0..<points {
          let factor = mask?[item * points + point] ?? 1
          let position = position(tap, point, offsets + (item * axes) * points + point)
          let corners = corners(position)
          for channel in group * perGroup..<(group + 1) * perGroup {
            var value: T = 0
            for corner in corners {
              value += image[channel * size + corner.offset] * T(corner.weight)
            }
            columns[(channel * taps + tap) * points + point] = value * factor
          }
        }
      }
    }
  }

  /// Where a tap reads for an output point.
  private func position<T: FloatElement>(
    _ tap: Int, _ point: Int, _ offsets: UnsafePointer<T>
  ) -> [Double] {
    var (rest, place) = (tap, point)
    var position = [Double](repeating: 0, count: input.count)
    for axis in input.indices.reversed() {
      let start = place % output[axis] * geometry.stride(axis)
      let step = rest % kernel[axis] * geometry.dilation(axis)
      let pad = geometry.pads?[axis] ?? 0
      position[axis] = Double(start + step - pad) + Double(offsets[axis * points])
      (rest, place) = (rest / kernel[axis], place / output[axis])
    }
    return position
  }

  /// The elements around a position, with their weights; none of those outside.
  private func corners(_ position: [Double]) -> [(offset: Int, weight: Double)] {
    var corners: [(offset: Int, weight: Double)] = [(0, 1)]
    for (x, extent) in zip(position, input) {
      guard x > -1, x < Double(extent) else { return [] }
      let low = Int(x.rounded(.down))
      let ratio = x - Double(low)
      var next: [(offset: Int, weight: Double)] = []
      for corner in corners {
        for (place, weight) in [(low, 1 - ratio), (low + 1, ratio)]
        where place >= 0 && place < extent && weight != 0 {
          next.append((corner.offset * extent + place, corner.weight * weight))
        }
      }
      corners = next
    }
    return corners
  }
}
