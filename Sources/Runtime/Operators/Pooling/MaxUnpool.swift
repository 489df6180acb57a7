/// `MaxUnpool`: puts each maximum back where it came from, zeros elsewhere.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `x`  | `[batch, channels, …]` | floats |
/// | input  | `indices` | shape of `x` | `i64`: positions in the result |
/// | input  | `output_shape` | `[rank]` | `i64`; optional |
/// | output | `y`  | `output_shape`, or `(in − 1) · stride − pads + kernel` | type of `x` |
///
/// Throws `.outOfRange` for an index outside the result. Source: ONNX `MaxUnpool`, opsets 9, 11, 22.
struct MaxUnpool: TensorOperator {
  let kernel: [Int]
  let strides: [Int]
  let pads: [Int]

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...3)
    kernel = try node.ints("kernel_shape")
    strides = try node.ints("strides", default: Array(repeating: 1, count: kernel.count))
    pads = try node.ints("pads", default: Array(repeating: 0, count: 2 * kernel.count))
    guard strides.count == kernel.count, pads.count == 2 * kernel.count,
      (kernel + strides + pads).allSatisfy({ $0 >= 0 && $0 <= 1 << 31 })
    else {
      throw ModelError(
        .invalidAttribute, "strides \(strides) and pads \(pads) for kernel \(kernel)",
        expected: "one stride and two pads of 0 or more for each axis of the kernel")
    }
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: ElementType.floats)
    _ = try inputs.tensor(1, of: [.i64])
    guard var shape = x.shape else { return [.tensor(x.element, nil)] }
    guard shape.rank == kernel.count + 2 else {
      throw ModelError(.shapeMismatch, "a tensor \(shape)", expected: "rank \(kernel.count + 2)")
    }
    if inputs.has(2) {
      guard let given = inputs.extents(2) else {
        return [.tensor(x.element, Shape(shape.dimensions.map { _ in Dimension.unknown }))]
      }
      guard given.count == shape.rank, given.allSatisfy({ ($0.value ?? 0) >= 0 }) else {
        throw ModelError(
          .shapeMismatch, "output_shape \(Shape(given))", expected: "\(shape.rank) extents")
      }
      return [.tensor(x.element, Shape(given))]
    }
    for axis in kernel.indices {
      let rest = kernel[axis] - pads[axis] - pads[axis + kernel.count]
      shape[axis + 2] = (shape[axis + 2] - 1) * .fixed(strides[axis]) + .fixed(rest)
      if let extent = shape[axis + 2].value, extent < 0 { shape[axis + 2] = 0 }
    }
    return [.tensor(x.element, shape)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let count = try io.input(0).count
    let y = try io.output()
    let size = y.element.bitWidth / 8
    let (x, result) = (try io.input(0).shape, y.shape)
    // Indices count in the tensor that was pooled: one with windows that just fit, unless a shape is given.
    var pooled = x
    for axis in kernel.indices {
      pooled[axis + 2] =
        (x[axis + 2] - 1) * strides[axis] + kernel[axis] - pads[axis] - pads[axis + kernel.count]
    }
    let source = pooled
    return Kernel("max_unpool") { (context) throws(ModelError) in
      let from = context.inputBytes(0)
      let to = context.outputBytes()
      let indices = context.input(1, as: Int64.self)
      let total = result.reduce(1, *)
      to.initializeMemory(as: UInt8.self, repeating: 0, count: total * size)
      for i in 0..<count {
        var (rest, at, stride, fits) = (Int(indices[i]), 0, 1, indices[i] >= 0)
        for axis in result.indices.reversed() {
          let place = source[axis] > 0 ? rest % source[axis] : 0
          rest = source[axis] > 0 ? rest / source[axis] : 1
          fits = fits && place < result[axis]
          at += place * stride
          stride *= result[axis]
        }
        guard fits, rest == 0 else {
          throw ModelError(.outOfRange, "index \(indices[i])", expected: "a place in \(source)")
        }
        (to + at * size).copyMemory(from: from + i * size, byteCount: size)
      }
    }
  }
}
