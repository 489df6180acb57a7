import ModelFormat

/// `GatherBlockQuantized`: ``Gather`` from a tensor of codes in blocks that share a scale and a zero point.
///
///     y = (code − zero) · scale
///
/// |        | name      | shape | element types |
/// |--------|-----------|-------|---------------|
/// | input  | `data`    | any, rank r ≥ 1; codes of fewer than 8 bits in `u8` lie side by side along the last axis | `u8`, `i4`, `u4`, `i2`, `u2`, 8-bit floats, `f4e2m1` |
/// | input  | `indices` | any | `i32`, `i64` |
/// | input  | `scales`  | of `data`, with one element per block along `quantize_axis` | `f32`, `f16`, `bf16` |
/// | input  | `zero_points`, optional | as `scales`, packed like `data` | type of `data` |
/// | output | `output`  | `indices` in the place of `gather_axis` | type of `scales` |
/// | attr   | `bits`, `block_size`, `gather_axis`, `quantize_axis` | | defaults 4, 128, 0, 1 |
///
/// Without zero points those of `u8` are 2^(bits − 1), all others 0. An index out of range gives zeros. Source: ONNX
/// Runtime's contributed operator, version 1.
struct GatherBlockQuantized: TensorOperator {
  let bits: Int
  let block: Int
  let gatherAxis: Int
  let quantizeAxis: Int

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 3...4)
    bits = try node.int("bits", default: 4)
    block = try node.int("block_size", default: 128)
    gatherAxis = try node.int("gather_axis", default: 0)
    quantizeAxis = try node.int("quantize_axis", default: 1)
    guard [2, 4, 8].contains(bits), block >= 16, block & (block - 1) == 0 else {
      throw ModelError(
        .invalidAttribute, "bits \(bits), block_size \(block)",
        expected: "2, 4 or 8 bits, and a power of two from 16 on")
    }
  }

  private static let data: Set<ElementType> = [
    .u8, .i4, .u4, .i2, .u2, .f8e4m3fn, .f8e4m3fnuz, .f8e5m2, .f8e5m2fnuz, .f4e2m1,
  ]

  /// Codes in an element of `data`.
  private func perElement(_ element: ElementType) -> Int { element == .u8 ? 8 / bits : 1 }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let data = try inputs.tensor(0, of: Self.data)
    let indices = try inputs.tensor(1, of: [.i32, .i64])
    let scales = try inputs.tensor(2, of: [.f32, .f16, .bf16])
    if inputs.has(3) { _ = try inputs.tensor(3, of: [data.element]) }
    guard var shape = data.shape, let places = indices.shape else {
      return [.tensor(scales.element, nil)]
    }
    let axis = try shape.axis(gatherAxis)
    let quantized = try shape.axis(quantizeAxis)
    guard data.element != .u8 || (axis == 0 && (bits == 8 || quantized != 0)) else {
      throw ModelError(
        .invalidAttribute, "codes in u8 gathered along axis \(axis), in blocks along \(quantized)",
        expected: "axis 0, and blocks along another")
    }
    shape[shape.rank - 1] = shape[shape.rank - 1] * .fixed(perElement(data.element))
    let result = shape.dimensions[..<axis] + places.dimensions + shape.dimensions[(axis + 1)...]
    return [.tensor(scales.element, Shape(Array(result)))]
  }

  /// Where a code, its scale and its zero point lie, for one set of extents.
  private struct Layout: Sendable {
    let shape: [Int]
    let scaleShape: [Int]
    let axis: Int
    let quantized: Int
    let block: Int
    let inner: Int
    let places: Int

    /// Of element `i` of the part behind the gathered axis, of index `place` and outer row `o`: the codes' number, the
    /// scale's, the last axis' extent taken as `width`.
    func find(_ o: Int, _ place: Int, _ i: Int) -> (code: Int, scale: Int, row: Int, column: Int) {
      var (code, scale, rest) = (0, 0, (o * shape[axis] + place) * inner + i)
      var indices = [Int](repeating: 0, count: shape.count)
      for axis in shape.indices.reversed() {
        indices[axis] = rest % shape[axis]
        rest /= shape[axis]
      }
      for axis in shape.indices {
        code = code * shape[axis] + indices[axis]
        let at = axis == quantized ? indices[axis] / block : indices[axis]
        scale = scale * scaleShape[axis] + (scaleShape[axis] == 1 ? 0 : at)
      }
      let last = scaleShape[shape.count - 1]
      return (code, scale, last == 0 ? 0 : scale / last, last == 0 ? 0 : scale % last)
    }
  }

  private func layout(_ io: NodeIO) throws(ModelError) -> Layout {
    let data = try io.input(0)
    var shape = data.shape
    let axis = try Shape.normalize(gatherAxis, rank: shape.count)
    let quantized = try Shape.normalize(quantizeAxis, rank: shape.count)
    shape[shape.count - 1] *= perElement(data.element)
    let size = block == 0 ? max(1, shape[quantized]) : block
    var expected = shape
    expected[quantized] = (shape[quantized] + size - 1) / size
    let scales = try io.input(2).shape
    let mayBroadcast = data.element.isFloatingPoint
    guard scales.count == shape.count,
      zip(scales, expected).allSatisfy({ $0 == $1 || (mayBroadcast && $0 == 1) })
    else {
      throw ModelError(
        .shapeMismatch, "scales \(scales) of data \(shape)", expected: "\(expected)")
    }
    return Layout(
      shape: shape, scaleShape: scales, axis: axis, quantized: quantized, block: size,
      inner: shape[(axis + 1)...].reduce(1, *), places: try io.input(1).count)
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let data = try io.input(0)
    let layout = try layout(io)
    let codes = try ElementCodec(
      data.element != .u8 || bits == 8 ? data.element : bits == 4 ? .u4 : .u2)
    let scales = try ElementCodec(try io.input(2).element)
    let indices = try ElementCodec(try io.input(1).element)
    let outer = layout.shape[..<layout.axis].reduce(1, *)
    // Zero points that share bytes begin each row with a byte.
    let zeroRow = layout.scaleShape.last ?? 1
    let perByte = perElement(data.element)
    let zeroStride = (zeroRow + perByte - 1) / perByte * perByte
    if io.has(3),
      try io.input(3).count != (layout.scaleShape.dropLast().reduce(1, *)) * (zeroStride / perByte)
    {
      throw ModelError(
        .shapeMismatch, "zero points \(try io.input(3).shape) of scales \(layout.scaleShape)",
        expected: "one for each")
    }
    let hasZeros = io.has(3)
    let middle = data.element == .u8 ? Double(1 << (bits - 1)) : 0
    return Kernel("gather_blocks") { context in
      nonisolated(unsafe) let (table, factors) = (context.inputBytes(0), context.inputBytes(2))
      nonisolated(unsafe) let zeros = hasZeros ? context.inputBytes(3) : nil
      nonisolated(unsafe) let (chosen, y) = (context.inputBytes(1), context.outputBytes(0))
      let rows = outer * layout.places
      context.parallel(rows, grain: max(1, 4096 / max(1, layout.inner))) { range in
        for row in range {
          var index: Int64 = 0
          indices.decode(chosen, row % layout.places, 1, &index)
          let extent = layout.shape[layout.axis]
          let place = Int(index) < 0 ? Int(index) + extent : Int(index)
          for i in 0..<layout.inner {
            var (code, scale, value) = (0.0, 0.0, 0.0)
            if place >= 0, place < extent {
              let at = layout.find(row / layout.places, place, i)
              codes.decode(table, at.code, 1, &code)
              scales.decode(factors, at.scale, 1, &scale)
              var zero = middle
              if let zeros { codes.decode(zeros, at.row * zeroStride + at.column, 1, &zero) }
              value = Double(Float(code - zero) * Float(scale))
            }
            scales.encode(&value, y, row * layout.inner + i, 1, saturates: false)
          }
        }
      }
    }
  }
}
