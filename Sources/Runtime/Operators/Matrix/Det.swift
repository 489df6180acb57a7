/// `Det`: determinants of square matrices.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `X`  | `[…, m, m]` | `f16`, `bf16`, `f32`, `f64` |
/// | output | `Y`  | `[…]`; 1 for matrices without elements | type of `X` |
///
/// By elimination with row pivots, in f64. Source: ONNX `Det`, opsets 11 and 22.
struct Det: TensorOperator {
  init(_ node: NodeReader) throws(ModelError) { try node.require(inputs: 1...1) }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: ElementType.floats)
    guard let shape = x.shape else { return [.tensor(x.element, nil)] }
    guard shape.rank >= 2, shape[shape.rank - 1].canBe(shape[shape.rank - 2]) else {
      throw ModelError(.shapeMismatch, "a tensor \(shape)", expected: "square matrices […, m, m]")
    }
    return [.tensor(x.element, Shape(Array(shape.dimensions.dropLast(2))))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let m = try io.input(0).shape.last ?? 0
    let count = try io.output().count
    let stage = try Stage(io, as: .f64)
    let size = m * m
    let offset = stage.scratchOffset
    return Kernel("det_f64", scratchBytes: offset + 8 * size * count) { context in
      stage.load(context)
      let x = stage.input(context, 0, as: Double.self)
      let y = stage.output(context, as: Double.self)
      let work = stage.scratch(context, as: Double.self)
      context.parallel(count, grain: max(1, 16384 / max(1, size * m))) { range in
        for index in range {
          let matrix = work + index * size
          matrix.update(from: x + index * size, count: size)
          y[index] = Self.determinant(matrix, m)
        }
      }
      stage.store(context)
    }
  }

  /// Destroys the matrix.
  private static func determinant(_ a: UnsafeMutablePointer<Double>, _ m: Int) -> Double {
    var product = 1.0
    for column in 0..<m {
      var pivot = column
      for row in column..<m where abs(a[row * m + column]) > abs(a[pivot * m + column]) {
        pivot = row
      }
      let value = a[pivot * m + column]
      if value == 0 { return 0 }
      if pivot != column {
        for k in column..<m { swap(&a[pivot * m + k], &a[column * m + k]) }
        product = -product
      }
      product *= value
      for row in column + 1..<max(m, column + 1) {
        let factor = a[row * m + column] / value
        if factor == 0 { continue }
        for k in column..<m { a[row * m + k] -= factor * a[column * m + k] }
      }
    }
    return product
  }
}
