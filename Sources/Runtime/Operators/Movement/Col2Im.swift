/// `Col2Im`: blocks put back into an image at the places a moving window took them from, added where they overlap.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `input` | `[batch, channels · Π block, blocks]` | numbers, `bool`, complex numbers |
/// | input  | `image_shape` | `[r]`: extents of the image | `i64` |
/// | input  | `block_shape` | `[r]`: extents of a block | `i64` |
/// | output | `output` | `[batch, channels, image…]` | type of `input` |
/// | attr   | `strides`, `dilations`, `pads` | | one number per axis (two for `pads`), default 1, 1, 0 |
///
/// Integers wrap; of truth values, any makes true. Source: ONNX `Col2Im`, opset 18.
struct Col2Im: TensorOperator {
  private let geometry: ConvGeometry

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 3...3)
    geometry = try ConvGeometry(node)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: ElementType.numbers.union([.bool, .c64, .c128]))
    _ = try inputs.tensor(1, of: [.i64])
    _ = try inputs.tensor(2, of: [.i64])
    guard let image = inputs.extents(1) else { return [.tensor(x.element, nil)] }
    let batch = x.shape?.dimensions.first ?? .unknown
    var channels = Dimension.unknown
    if let block = inputs.integers(2), let extents = Shape(image).extents {
      let windows = try windows(extents, block)
      let size = block.reduce(1, *)
      guard x.shape.map({ fits($0, size, windows.reduce(1, *)) }) ?? true else {
        throw ModelError(
          .shapeMismatch, "columns \(x.shape ?? []) for an image \(extents) and blocks \(block)",
          expected: "[batch, a multiple of \(size), \(windows.reduce(1, *))]")
      }
      channels = x.shape.map { $0[1] / .fixed(size) } ?? .unknown
    }
    return [.tensor(x.element, Shape([batch, channels] + image))]
  }

  private func fits(_ shape: Shape, _ size: Int, _ windows: Int) -> Bool {
    shape.rank == 3 && shape[2].canBe(.fixed(windows)) && (shape[1].value ?? 0) % size == 0
  }

  /// How many windows there are along each axis.
  private func windows(_ image: [Int], _ block: [Int]) throws(ModelError) -> [Int] {
    guard image.count == block.count, !image.isEmpty, image.allSatisfy({ $0 >= 0 }),
      block.allSatisfy({ (1...1 << 31).contains($0) })
    else {
      throw ModelError(
        .shapeMismatch, "blocks \(block) of an image \(image)",
        expected: "as many extents, blocks of 1 or more")
    }
    try geometry.checkCounts(spatialRank: image.count)
    var windows: [Int] = []
    for axis in image.indices {
      let count = geometry.output(.fixed(image[axis]), kernel: .fixed(block[axis]), axis: axis)
      windows.append(max(0, count.value ?? 0))
    }
    return windows
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    guard let block = io.integers(2), io.integers(1) != nil else { return .deferred }
    let y = try io.output().shape
    let image = Array(y[2...])
    let job = Job(
      geometry: geometry, image: image, block: block, windows: try windows(image, block),
      planes: y[0] * y[1])
    switch try io.output().element {
    case .f64: return job.kernel(Double.self, +)
    case .f32: return job.kernel(Float.self, +)
    case .f16: return job.kernel(Float16.self, +)
    case .bf16: return job.kernel(BFloat16.self) { BFloat16($0.float + $1.float) }
    case .bool: return job.kernel(Bool.self) { $0 || $1 }
    case .c64:
      return job.kernel(Complex64.self) {
        Complex64($0.real + $1.real, $0.imaginary + $1.imaginary)
      }
    case .c128:
      return job.kernel(Complex128.self) {
        Complex128($0.real + $1.real, $0.imaginary + $1.imaginary)
      }
    default: return try io.output().element.visitInteger(job)
    }
  }

  private struct Job: IntegerVisitor, Sendable {
    let geometry: ConvGeometry
    let image, block, windows: [Int]
    let planes: Int

    func visit<T: IntegerElement>(_ type: T.Type) throws(ModelError) -> Kernel {
      kernel(type) { $0 &+ $1 }
    }

    func kernel<T: TensorElement>(
      _ type: T.Type, _ add: @escaping @Sendable (T, T) -> T
    ) -> Kernel {
      let (taps, columns) = (block.reduce(1, *), windows.reduce(1, *))
      let size = image.reduce(1, *)
      return Kernel("col2im_\(T.elementType)") { context in
        let from = context.input(0, as: T.self)
        let bytes = context.outputBytes()
        let to = context.output(as: T.self)
        context.parallel(planes, grain: max(1, 16384 / max(1, taps * columns))) { range in
          let width = size * MemoryLayout<T>.stride
          (bytes + range.lowerBound * width).initializeMemory(
            as: UInt8.self, repeating: 0, count: range.count * width)
          for plane in range {
            for tap in 0..<taps {
              let row = from + (plane * taps + tap) * columns
              spread(row, to + plane * size, tap, add)
            }
          }
        }
      }
    }

    /// Adds what one element of all blocks holds.
    private func spread<T>(
      _ row: UnsafePointer<T>, _ plane: UnsafeMutablePointer<T>, _ tap: Int, _ add: (T, T) -> T
    ) {
      let strides = rowMajorStrides(image)
      var (rest, first) = (tap, [Int](repeating: 0, count: image.count))
      for axis in image.indices.reversed() {
        let pad = geometry.pads?[axis] ?? 0
        first[axis] = rest % block[axis] * geometry.dilation(axis) - pad
        rest /= block[axis]
      }
      let last = image.count - 1
      let (step, extent) = (geometry.stride(last), image[last])
      var place = [Int](repeating: 0, count: image.count)
      for line in 0..<windows.dropLast().reduce(1, *) {
        var (digits, offset, isInside) = (line, 0, true)
        for axis in (0..<last).reversed() {
          place[axis] = first[axis] + digits % windows[axis] * geometry.stride(axis)
          isInside = isInside && place[axis] >= 0 && place[axis] < image[axis]
          offset += place[axis] * strides[axis]
          digits /= windows[axis]
        }
        guard isInside else { continue }
        for column in 0..<windows[last] {
          let x = first[last] + column * step
          guard x >= 0, x < extent else { continue }
          plane[offset + x] = add(plane[offset + x], row[line * windows[last] + column])
        }
      }
    }
  }
}
