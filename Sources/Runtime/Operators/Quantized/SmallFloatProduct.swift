/// `QLinearMatMul` with operands of floats of 8 bits, computed in f64.
struct SmallFloatProduct: Sendable {
  static let elements: Set<ElementType> = QuantizedProduct.elements.union([
    .f8e4m3fn, .f8e4m3fnuz, .f8e5m2, .f8e5m2fnuz,
  ])

  private let extents: MatrixExtents
  private let a: Side
  private let b: Side
  private let y: Side

  /// An operand's numbers: `(code − zero point) · scale`, with a scale for all or for each line.
  private struct Side: Sendable {
    let codec: ElementCodec
    let count: Int
    let scales: Int
    let zeros: Int
    /// Inputs that hold the scale and the zero point.
    let scale, zero: Int

    init(_ io: NodeIO, _ element: ElementType, count: Int, scale: Int) throws(ModelError) {
      codec = try ElementCodec(element)
      self.count = count
      (self.scale, zero) = (scale, scale + 1)
      scales = try io.input(scale).count
      zeros = try io.input(scale + 1).count
    }

    func parameters(_ context: borrowing KernelContext) -> (scale: [Double], zero: [Double]) {
      let scale = context.input(self.scale, as: Float.self)
      var zero = [Double](repeating: 0, count: zeros)
      codec.decode(context.inputBytes(self.zero), 0, zeros, &zero)
      return ((0..<scales).map { Double(scale[$0]) }, zero)
    }

    /// - Parameter line: The line of an element.
    func values(
      _ context: borrowing KernelContext, _ input: Int, _ line: (Int) -> Int
    ) -> [Double] {
      var values = [Double](repeating: 0, count: count)
      codec.decode(context.inputBytes(input), 0, count, &values)
      let (scale, zero) = parameters(context)
      for i in values.indices {
        let place = line(i)
        values[i] =
          (values[i] - zero[zeros == 1 ? 0 : place]) * scale[scales == 1 ? 0 : place]
      }
      return values
    }
  }

  init(_ io: NodeIO) throws(ModelError) {
    let (left, right) = (try io.input(0), try io.input(3))
    extents = MatrixExtents(left.shape, right.shape)
    a = try Side(io, left.element, count: left.count, scale: 1)
    b = try Side(io, right.element, count: right.count, scale: 4)
    y = try Side(io, try io.output().element, count: try io.output().count, scale: 6)
    for (side, lines) in [(a, extents.m), (b, extents.n), (y, 1)] {
      guard [1, lines].contains(side.scales), [1, lines].contains(side.zeros) else {
        throw ModelError(
          .shapeMismatch, "\(side.scales) scales and \(side.zeros) zero points",
          expected: lines == 1 ? "one" : "one or \(lines)")
      }
    }
  }

  var kernel: Kernel {
    Kernel("qlinear_matmul_f64") { context in
      let (m, n, k) = (extents.m, extents.n, extents.k)
      let left = a.values(context, 0) { k == 0 ? 0 : $0 / k % m }
      let right = b.values(context, 3) { n == 0 ? 0 : $0 % n }
      let (scale, zero) = y.parameters(context)
      var result = [Double](repeating: 0, count: y.count)
      for (index, pair) in extents.products.enumerated() {
        for row in 0..<m {
          for column in 0..<n {
            var sum = 0.0
            for place in 0..<k {
              sum += left[(pair.a * m + row) * k + place] * right[(pair.b * k + place) * n + column]
            }
            result[(index * m + row) * n + column] = rounded(sum / scale[0] + zero[0])
          }
        }
      }
      y.codec.encode(result, context.outputBytes(), 0, y.count, saturates: true)
    }
  }

  /// Integers are rounded and limited here, floats by their codec.
  private func rounded(_ value: Double) -> Double {
    switch y.codec.type {
    case .u8: min(max(value.rounded(.toNearestOrEven), 0), 255)
    case .i8: min(max(value.rounded(.toNearestOrEven), -128), 127)
    default: value
    }
  }
}
