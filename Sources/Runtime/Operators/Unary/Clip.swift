import CKernels

/// `Clip`: limits each element.
///
///     y = min(max(x, min), max)
///
/// |        | name         | shape        | element types |
/// |--------|--------------|--------------|---------------|
/// | input  | `x`          | any          | floats and integers of 8 to 64 bits |
/// | input  | `min`, `max` | `[]`         | type of `x`; optional; attributes before opset 11 |
/// | output | `y`          | shape of `x` | type of `x`   |
///
/// Where `min` > `max`, the result is `max`. NaN stays NaN. Attributes that are left out are the finite extremes of `f32`,
/// so that infinity is limited; operands that are left out limit nothing. Source: ONNX `Clip`, opsets 1, 6, 11, 12, 13.
struct Clip: TensorOperator {
  let low: Float
  let high: Float

  init(_ node: NodeReader) throws(ModelError) {
    guard node.opset < 11 else {
      try node.require(inputs: 1...3)
      (low, high) = (-.infinity, .infinity)
      return
    }
    try node.require(inputs: 1...1)
    low = try node.float("min", default: -.greatestFiniteMagnitude)
    high = try node.float("max", default: .greatestFiniteMagnitude)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: ElementType.numbers)
    for index in 1...2 where inputs.has(index) { _ = try inputs.tensor(index, of: [x.element]) }
    return [.tensor(x)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let x = try io.input(0)
    let kind = try x.element.requireScalar()
    let size = x.element.bitWidth / 8
    for index in 1...2 where io.has(index) {
      let limit = try io.input(index)
      guard limit.count == 1 else {
        throw ModelError(.shapeMismatch, "a limit of shape \(limit.shape)", expected: "a scalar")
      }
    }
    let (hasLow, hasHigh) = (io.has(1), io.has(2))
    if x.element.isInteger {
      return integers(x.count, kind, size, hasLow, hasHigh)
    }
    let (low, high, count, element) = (low, high, x.count, x.element)
    return Kernel("clip_\(element)", reuses: [0: 0]) { context in
      var limits = (low: Double(low), high: Double(high))
      if hasLow { zoo_cast(context.inputBytes(1), kind, &limits.low, zoo_f64, 1) }
      if hasHigh { zoo_cast(context.inputBytes(2), kind, &limits.high, zoo_f64, 1) }
      Self.floats(context, element, count, limits.low, limits.high)
    }
  }

  private static func floats(
    _ context: borrowing KernelContext, _ element: ElementType, _ count: Int, _ low: Double,
    _ high: Double
  ) {
    let x = context.inputBytes(0)
    let y = context.outputBytes()
    if element == .f64 {
      let (from, to) = (context.input(0, as: Double.self), context.output(as: Double.self))
      for i in 0..<count { to[i] = min(from[i] < low ? low : from[i], high) }
      return
    }
    let kernel = zoo_unary_f32_kernel(zoo_cpu_isa(), zoo_unary_clip)
    let (a, b) = (Float(low), Float(high))
    if element == .f32 {
      let (from, to) = (context.input(0, as: Float.self), context.output(as: Float.self))
      context.parallel(count, grain: Broadcast.grain) { range in
        kernel(from + range.lowerBound, to + range.lowerBound, range.count, a, b)
      }
    } else {
      HalfChunks.map(x, y, element, 0..<count) { kernel($0, $0, $1, a, b) }
    }
  }

  private func integers(
    _ count: Int, _ kind: zoo_scalar, _ size: Int, _ hasLow: Bool, _ hasHigh: Bool
  ) -> Kernel {
    Kernel("clip_integers", reuses: [0: 0]) { context in
      let y = context.outputBytes()
      var x = context.inputBytes(0)
      for (index, isThere, op) in [(1, hasLow, zoo_binary_max), (2, hasHigh, zoo_binary_min)]
      where isThere {
        zoo_binary_kernel_for(zoo_cpu_isa(), op, kind)?(
          x, 1, context.inputBytes(index), 0, y, count)
        x = UnsafeRawPointer(y)
      }
      if x != UnsafeRawPointer(y) { y.copyMemory(from: x, byteCount: count * size) }
    }
  }
}
