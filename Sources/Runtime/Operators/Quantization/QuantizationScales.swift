/// Which scale belongs to which element: one for all, one for each index of an axis, or one for each block along it.
struct QuantizationScales: Sendable {
  let layout: AxisLayout
  /// Elements along the axis that share a scale; 0 if a scale covers the whole tensor.
  private let block: Int
  /// Scales along the axis.
  private let along: Int
  private let isBlocked: Bool

  init(
    _ shape: [Int], scale: [Int], axis: Int, blockSize: Int
  ) throws(ModelError) {
    if scale.reduce(1, *) == 1, scale.count <= 1 {
      layout = AxisLayout([1, 1, shape.reduce(1, *)], along: 1)
      (block, along, isBlocked) = (0, 1, false)
      return
    }
    let axis = try Shape.normalize(axis, rank: shape.count)
    layout = AxisLayout(shape, along: axis)
    if scale.count == 1, blockSize == 0 || shape.count > 1 {
      guard scale[0] == shape[axis] else { throw Self.mismatch(scale, shape, axis) }
      (block, along, isBlocked) = (1, scale[0], false)
      return
    }
    guard scale.count == shape.count,
      shape.indices.allSatisfy({ $0 == axis || scale[$0] == shape[$0] }), scale[axis] > 0
    else { throw Self.mismatch(scale, shape, axis) }
    let size = blockSize > 0 ? blockSize : (shape[axis] + scale[axis] - 1) / scale[axis]
    guard size > 0, shape[axis] / size + (shape[axis] % size == 0 ? 0 : 1) == scale[axis] else {
      throw Self.mismatch(scale, shape, axis)
    }
    (block, along, isBlocked) = (size, scale[axis], true)
  }

  private static func mismatch(_ scale: [Int], _ shape: [Int], _ axis: Int) -> ModelError {
    ModelError(
      .shapeMismatch, "scales of shape \(scale) for a tensor \(shape)",
      expected: "one, one for each index of axis \(axis), or one for each block along it")
  }

  /// Whether all elements of a row `[inner]` share one scale.
  var rowsShare: Bool { !isBlocked || layout.inner == 1 }

  /// The scale of element `i` of row `(o, a)`.
  func index(_ o: Int, _ a: Int, _ i: Int) -> Int {
    if block == 0 { return 0 }
    return isBlocked ? (o * along + a / block) * layout.inner + i : a
  }

  /// Calls `body` with runs of elements that share a scale, on the threads of the run.
  func forEachRun(
    _ context: borrowing KernelContext, _ body: (_ start: Int, _ count: Int, _ scale: Int) -> Void
  ) {
    if layout.outer * layout.axis == 1 {
      context.parallel(layout.inner, grain: Broadcast.grain) { body($0.lowerBound, $0.count, 0) }
      return
    }
    let grain = max(1, Broadcast.grain / max(layout.inner, 1))
    context.parallel(layout.outer * layout.axis, grain: grain) { rows in
      for row in rows {
        body(row * layout.inner, layout.inner, index(row / layout.axis, row % layout.axis, 0))
      }
    }
  }

  /// Calls `body` with each element and its scale.
  func forEachElement(_ body: (_ at: Int, _ scale: Int) -> Void) {
    var at = 0
    for o in 0..<layout.outer {
      for a in 0..<layout.axis {
        for i in 0..<layout.inner {
          body(at, index(o, a, i))
          at += 1
        }
      }
    }
  }
}
