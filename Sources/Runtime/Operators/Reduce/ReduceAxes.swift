/// Which axes an operator reduces: an attribute before some opset, an input since.
struct ReduceAxes: Sendable {
  private let attribute: [Int]?
  private let isInput: Bool
  private let keepsRank: Bool
  /// Without axes, everything is reduced unless this says that nothing is.
  private let isNoneWithoutAxes: Bool

  /// - Parameter inputOpset: Since when the axes are an input.
  init(_ node: NodeReader, inputOpset: Int) throws(ModelError) {
    isInput = node.opset >= inputOpset
    try node.require(inputs: isInput ? 1...2 : 1...1)
    attribute = !isInput && node.has("axes") ? try node.ints("axes") : nil
    keepsRank = try node.bool("keepdims", default: true)
    let isNone = try node.bool("noop_with_empty_axes", default: false)
    isNoneWithoutAxes = isInput && isNone
  }

  /// The reduced axes of a tensor of rank `rank`, ascending; `nil` if they are not known yet.
  func resolve(
    rank: Int, given: [Int]?, isGiven: Bool
  ) throws(ModelError) -> [Int]? {
    var axes = attribute ?? []
    if isInput, isGiven {
      guard let given else { return nil }
      axes = given
    }
    if axes.isEmpty { return isNoneWithoutAxes ? [] : Array(0..<rank) }
    var result = Set<Int>()
    for axis in axes { result.insert(try Shape.normalize(axis, rank: rank)) }
    return result.sorted()
  }

  func outputShape(_ inputs: Operands) throws(ModelError) -> Shape? {
    guard let shape = try inputs.tensor(0).shape else { return nil }
    let isGiven = isInput && inputs.has(1)
    guard
      let axes = try resolve(
        rank: shape.rank, given: isGiven ? inputs.integers(1) : nil, isGiven: isGiven)
    else {
      return keepsRank ? Shape(shape.dimensions.map { _ in Dimension.unknown }) : nil
    }
    var dimensions: [Dimension] = []
    for axis in 0..<shape.rank {
      if !axes.contains(axis) {
        dimensions.append(shape[axis])
      } else if keepsRank {
        dimensions.append(1)
      }
    }
    return Shape(dimensions)
  }

  /// The reduced axes when all is known; `nil` if the axes are computed by the model.
  func axes(_ io: NodeIO) throws(ModelError) -> [Int]? {
    let isGiven = isInput && io.has(1)
    let given = isGiven ? try io.input(1).value?.integers : nil
    return try resolve(rank: try io.input(0).rank, given: given, isGiven: isGiven)
  }
}

/// A reduction seen as `[outer, axis, inner]`, after a transposition that brings the reduced axes together if they are
/// not neighbours.
struct ReduceLayout: Sendable {
  let layout: AxisLayout
  private let transposition: PlannedMove?
  let transposeBytes: Int

  /// - Throws: `.limitExceeded` if the transposition takes more axes than the kernel has.
  init(_ shape: [Int], _ axes: [Int], elementSize: Int) throws(ModelError) {
    let reduced = Set(axes)
    // Axes of one element belong to either side.
    let busy = shape.indices.filter { shape[$0] != 1 }
    let runs = busy.map { reduced.contains($0) }
    let changes = zip(runs, runs.dropFirst()).filter { $0 != $1 }.count
    guard changes <= 1 || (changes == 2 && runs.first == false) else {
      let order = shape.indices.filter { !reduced.contains($0) } + axes
      let extents = order.map { shape[$0] }
      let strides = rowMajorStrides(shape)
      transposition = try StridedMove(
        extents: extents, inStrides: order.map { strides[$0] }, outStrides: rowMajorStrides(extents)
      ).planned(elementSize)
      let axis = axes.map { shape[$0] }.reduce(1, *)
      layout = AxisLayout([extents.dropLast(axes.count).reduce(1, *), axis, 1], along: 1)
      transposeBytes = max(64, layout.count * elementSize)
      return
    }
    transposition = nil
    transposeBytes = 0
    guard let first = busy.first(where: { reduced.contains($0) }),
      let last = busy.last(where: { reduced.contains($0) })
    else {
      layout = AxisLayout([shape.reduce(1, *), 1, 1], along: 1)
      return
    }
    layout = AxisLayout(
      [
        shape[..<first].reduce(1, *), shape[first...last].reduce(1, *),
        shape[(last + 1)...].reduce(1, *),
      ], along: 1)
  }

  /// Input 0, transposed into the stage's scratch memory if it has to be.
  func arrange<T>(
    _ stage: Stage, _ context: borrowing KernelContext, _ type: T.Type
  ) -> UnsafePointer<T> {
    let x = stage.input(context, 0, as: T.self)
    guard let transposition else { return x }
    let scratch = stage.scratch(context, as: T.self)
    transposition.run(from: x, to: scratch, context)
    return UnsafePointer(scratch)
  }
}
