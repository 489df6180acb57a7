/// `RotaryEmbedding`: turns pairs of features by an angle that grows with the position.
///
///     (y₁, y₂) = (x₁·cos − x₂·sin, x₁·sin + x₂·cos)
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `X`  | `[batch, heads, time, size]`, or `[batch, time, heads·size]` with `num_heads` | `f32`, `f16`, `bf16` |
/// | input  | `cos_cache`, `sin_cache` | `[positions, d/2]`, or `[batch, time, d/2]` without positions | type of `X` |
/// | input  | `position_ids`, optional | `[batch, time]` | `i64` |
/// | output | `Y`  | of `X` | type of `X`  |
/// | attr   | `interleaved` | | 0 (default): pairs (i, i + d/2); 1: (2i, 2i + 1) |
/// | attr   | `rotary_embedding_dim` | | d, default 0: all of `size`; features from d on stay |
///
/// Source: ONNX `RotaryEmbedding`, opset 23.
struct RotaryEmbedding: TensorOperator {
  private let isInterleaved: Bool
  private let heads: Int
  private let turned: Int

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 3...4)
    isInterleaved = try node.bool("interleaved", default: false)
    heads = try node.int("num_heads", default: 0)
    turned = try node.int("rotary_embedding_dim", default: 0)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let type = try inputs.tensor(0, of: [.f32, .f16, .bf16])
    for index in 1...2 { _ = try inputs.tensor(index, of: [type.element]) }
    if inputs.has(3) { _ = try inputs.tensor(3, of: [.i64]) }
    if let shape = type.shape, shape.rank != 4, shape.rank != 3 || heads <= 0 {
      throw ModelError(
        .shapeMismatch, "a tensor \(shape) with \(heads) heads",
        expected: "rank 4, or rank 3 with 'num_heads'")
    }
    if let shape = type.shape, shape.rank == 3, let hidden = shape[2].value, hidden % heads != 0 {
      throw ModelError(
        .shapeMismatch, "a tensor \(shape) with \(heads) heads",
        expected: "a last axis that is a multiple of them")
    }
    return [.tensor(type)]
  }

  /// Where heads and positions lie.
  private struct Layout: Sendable {
    var batch, heads, time, size, turned: Int
    var headStride, timeStride: Int
    var positions: Int
    var hasPositions, isInterleaved: Bool
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let (shape, cache) = (try io.input(0).shape, try io.input(1).shape)
    let heads = shape.count == 4 ? shape[1] : heads
    let size = shape.count == 4 ? shape[3] : shape[2] / max(1, heads)
    let time = shape.count == 4 ? shape[2] : shape[1]
    let turned = turned == 0 ? size : turned
    let hasPositions = io.has(3)
    let expected = hasPositions ? 2 : 3
    guard turned >= 0, turned <= size, turned % 2 == 0, cache.count == expected,
      cache[expected - 1] == turned / 2, try io.input(2).shape == cache,
      hasPositions
        ? try io.input(3).shape == [shape[0], time] : Array(cache[..<2]) == [shape[0], time]
    else {
      throw ModelError(
        .shapeMismatch, "caches \(cache) for a tensor \(shape) of which \(turned) features turn",
        expected: hasPositions
          ? "[positions, \(turned / 2)]" : "[\(shape[0]), \(time), \(turned / 2)]")
    }
    let layout = Layout(
      batch: shape[0], heads: heads, time: time, size: size, turned: turned,
      headStride: shape.count == 4 ? time * size : size,
      timeStride: shape.count == 4 ? size : heads * size, positions: cache[0],
      hasPositions: hasPositions, isInterleaved: isInterleaved)
    switch try io.input(0).element {
    case .f32: return Self.kernel(layout, { (x: Float) in x }, { $0 })
    case .f16: return Self.kernel(layout, { (x: Float16) in Float(x) }, { Float16($0) })
    default: return Self.kernel(layout, { (x: BFloat16) in x.float }, { BFloat16($0) })
    }
  }

  private static func kernel<T: TensorElement>(
    _ l: Layout, _ wide: @escaping @Sendable (T) -> Float,
    _ narrow: @escaping @Sendable (Float) -> T
  ) -> Kernel {
    Kernel("rotary_embedding") { (context) throws(ModelError) in
      let (x, y) = (context.input(0, as: T.self), context.output(as: T.self))
      let (cosines, sines) = (context.input(1, as: T.self), context.input(2, as: T.self))
      let half = l.turned / 2
      for batch in 0..<l.batch {
        for time in 0..<l.time {
          var row = batch * l.time + time
          if l.hasPositions {
            row = context.input(3, as: Int.self)[row]
            guard row >= 0, row < l.positions else {
              throw ModelError(
                .outOfRange, "position \(row)", expected: "0 ... \(l.positions - 1)")
            }
          }
          for head in 0..<l.heads {
            let start =
              batch * l.heads * l.time * l.size + head * l.headStride + time * l.timeStride
            for pair in 0..<half {
              let first = start + (l.isInterleaved ? 2 * pair : pair)
              let second = l.isInterleaved ? first + 1 : first + half
              let (cos, sin) = (wide(cosines[row * half + pair]), wide(sines[row * half + pair]))
              let (a, b) = (wide(x[first]), wide(x[second]))
              y[first] = narrow(a * cos - b * sin)
              y[second] = narrow(a * sin + b * cos)
            }
            for place in start + l.turned..<start + l.size { y[place] = x[place] }
          }
        }
      }
    }
  }
}
