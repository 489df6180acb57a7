/// `AffineGrid`: the positions, for `GridSample`, to which affine maps take a regular grid.
///
///     grid[b, i, j] = theta[b] · (xⱼ, yᵢ, 1)
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `theta` | `[batch, 2, 3]` or `[batch, 3, 4]` | `f16`, `bf16`, `f32`, `f64` |
/// | input  | `size` | `[4]`: batch, channels, height, width, or `[5]` with depth before height | `i64` |
/// | output | `grid` | `[batch, height, width, 2]` or `[batch, depth, height, width, 3]` | type of `theta` |
/// | attr   | `align_corners` | | 1: −1 and 1 are the centres of the outermost pixels; 0 (default): their outer edges |
///
/// Source: ONNX `AffineGrid`, opset 20.
struct AffineGrid: FloatOperator {
  private let alignsCorners: Bool

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...2)
    alignsCorners = try node.bool("align_corners", default: false)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let theta = try inputs.tensor(0, of: ElementType.floats)
    _ = try inputs.tensor(1, of: [.i64])
    guard let maps = theta.shape else { return [.tensor(theta.element, nil)] }
    guard maps.rank == 3, maps[1].canBe(maps[2] - 1), [2, 3].contains(maps[1].value ?? 2) else {
      throw ModelError(
        .shapeMismatch, "affine maps \(maps)", expected: "[batch, 2, 3] or [batch, 3, 4]")
    }
    guard let axes = maps[1].value else { return [.tensor(theta.element, nil)] }
    let size = inputs.extents(1) ?? Array(repeating: .unknown, count: axes + 2)
    guard size.count == axes + 2, size[0].canBe(maps[0]),
      size.allSatisfy({ ($0.value ?? 0) >= 0 })
    else {
      throw ModelError(
        .shapeMismatch, "size \(Shape(size)) for affine maps \(maps)",
        expected: "[batch, channels] and \(axes) extents")
    }
    return [.tensor(theta.element, Shape([maps[0]] + size.dropFirst(2) + [.fixed(axes)]))]
  }

  func lower<T: FloatElement>(_ io: NodeIO, as type: T.Type) throws(ModelError) -> Kernel {
    let y = try io.output().shape
    let (extents, axes) = (Array(y[1...].dropLast()), y.count - 2)
    let points = extents.reduce(1, *)
    let steps = extents.map { extent in (0..<extent).map { T(position($0, extent)) } }
    return Kernel("affine_grid_\(T.elementType)") { context in
      let theta = context.input(0, as: T.self)
      let grid = context.output(as: T.self)
      context.parallel(y[0] * points, grain: 4096) { range in
        withUnsafeTemporaryAllocation(of: T.self, capacity: axes) { place in
          for item in range {
            let (map, to) = (theta + item / points * axes * (axes + 1), grid + item * axes)
            var rest = item % points
            for axis in extents.indices.reversed() {
              place[axes - 1 - axis] = steps[axis][rest % extents[axis]]
              rest /= extents[axis]
            }
            for row in 0..<axes {
              var sum = map[row * (axes + 1) + axes]
              for column in 0..<axes { sum += map[row * (axes + 1) + column] * place[column] }
              to[row] = sum
            }
          }
        }
      }
    }
  }

  private func position(_ index: Int, _ extent: Int) -> Double {
    guard alignsCorners else { return (2 * Double(index) + 1) / Double(extent) - 1 }
    return extent > 1 ? 2 * Double(index) / Double(extent - 1) - 1 : -1
  }
}
