import ModelFormat

/// `MaxpoolWithMask` of `com.microsoft`: the greatest element of each window up to the first that is masked.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `X`  | `[batch, channels, …]` with 1 to 3 spatial axes | `f32` |
/// | input  | `M`  | `[m, c, …]`: planes are taken in turn; 0 masks | `i32` |
/// | output | `Y`  | see ``PoolWindow`` | `f32` |
/// | attr   | `kernel_shape`, `strides`, `pads`, `auto_pad` | | |
///
/// A mask ends a row of the window, not the rows after it; with two or three axes the first element of a plane is never
/// masked. A window without elements has the least number. Source: ONNX Runtime's contributed operator, version 1.
struct MaxpoolWithMask: TensorOperator {
  private let window: PoolWindow

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...2)
    window = try PoolWindow(node)
    guard (1...3).contains(window.kernel.count) else {
      throw ModelError(
        .invalidAttribute, "a kernel of \(window.kernel.count) axes", expected: "1 to 3")
    }
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: [.f32])
    let mask = try inputs.tensor(1, of: [.i32])
    let shape = try window.outputShape(x.shape)
    if let extents = x.shape, let other = mask.shape {
      guard other.rank == extents.rank, other[0] != .fixed(0), other[1] != .fixed(0),
        (2..<extents.rank).allSatisfy({ other[$0].canBe(extents[$0]) })
      else {
        throw ModelError(
          .shapeMismatch, "a mask \(other) of \(extents)", expected: "equal spatial axes")
      }
    }
    return [.tensor(.f32, shape)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let (x, y) = (try io.input(0).shape, try io.output().shape)
    let masks = try io.input(1).shape.prefix(2).reduce(1, *)
    // Axes before the spatial ones have extent 1.
    let missing = [Int](repeating: 1, count: 3 - window.kernel.count)
    let (area, pooled) = (missing + x[2...], missing + y[2...])
    let spans = (0..<3).map { axis -> [Range<Int>] in
      let own = axis - missing.count
      guard own >= 0 else { return [0..<1] }
      let before = window.padding(area[axis], own).before
      return (0..<pooled[axis]).map { place in
        let start = place * window.stride(own) - before
        let end = min(start + window.kernel[own], area[axis])
        return max(0, start)..<max(max(0, start), end)
      }
    }
    let isLine = window.kernel.count == 1
    let (size, count) = (area.reduce(1, *), pooled.reduce(1, *))
    return Kernel("max_pool_masked") { context in
      nonisolated(unsafe) let from = context.input(0, as: Float.self)
      nonisolated(unsafe) let mask = context.input(1, as: Int32.self)
      nonisolated(unsafe) let to = context.output(0, as: Float.self)
      context.parallel(x[0] * x[1], grain: max(1, 8192 / max(1, size))) { range in
        for plane in range {
          let (image, hidden) = (from + plane * size, mask + plane % masks * size)
          for place in 0..<count {
            let window = [
              spans[0][place / (pooled[1] * pooled[2])], spans[1][place / pooled[2] % pooled[1]],
              spans[2][place % pooled[2]],
            ]
            var greatest = -Float.greatestFiniteMagnitude
            for a in window[0] {
              for b in window[1] {
                for c in window[2] {
                  let at = (a * area[1] + b) * area[2] + c
                  if hidden[at] == 0, isLine || at > 0 { break }
                  greatest = max(greatest, image[at])
                }
              }
            }
            to[plane * count + place] = greatest
          }
        }
      }
    }
  }
}
