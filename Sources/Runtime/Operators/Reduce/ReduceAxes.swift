import CKernels

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
  let permutation: [Int]?
  let shape: [Int]

  init(_ shape: [Int], _ axes: [Int]) {
    self.shape = shape
    let reduced = Set(axes)
    // Axes of one element belong to either side.
    let busy = shape.indices.filter { shape[$0] != 1 }
    let runs = busy.map { reduced.contains($0) }
    let changes = zip(runs, runs.dropFirst()).filter { $0 != $1 }.count
    let isDirect = changes <= 1 || (changes == 2 && runs.first == false)
    if isDirect, let first = busy.first(where: { reduced.contains($0) }),
      let last = busy.last(where: { reduced.contains($0) })
    {
      let outer = shape[..<first].reduce(1, *)
      let inner = shape[(last + 1)...].reduce(1, *)
      let axis = shape[first...last].reduce(1, *)
      layout = AxisLayout([outer, axis, inner], along: 1)
      permutation = nil
    } else if isDirect {
      layout = AxisLayout([shape.reduce(1, *), 1, 1], along: 1)
      permutation = nil
    } else {
      let kept = shape.indices.filter { !reduced.contains($0) }
      let outer = kept.map { shape[$0] }.reduce(1, *)
      layout = AxisLayout([outer, axes.map { shape[$0] }.reduce(1, *), 1], along: 1)
      permutation = kept + axes
    }
  }

  var transposeBytes: Int { permutation == nil ? 0 : max(64, layout.count * 8) }

  /// Input 0, transposed into the stage's scratch memory if it has to be.
  func arrange<T>(
    _ stage: Stage, _ context: borrowing KernelContext, _ type: T.Type
  ) -> UnsafePointer<T> {
    let x = stage.input(context, 0, as: T.self)
    guard let permutation else { return x }
    let scratch = stage.scratch(context, as: T.self)
    var plan = zoo_transpose()
    let known = zoo_transpose_plan(
      &plan, Int32(shape.count), shape, permutation.map(Int32.init), MemoryLayout<T>.stride)
    if known != 0 {
      zoo_transpose_run(&plan, x, scratch, 0, zoo_transpose_items(&plan))
    } else {
      walk(x, scratch, permutation)
    }
    return UnsafePointer(scratch)
  }

  /// For more axes than the kernel takes.
  private func walk<T>(
    _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ permutation: [Int]
  ) {
    var strides = [Int](repeating: 1, count: shape.count)
    for axis in shape.indices.dropLast().reversed() {
      strides[axis] = strides[axis + 1] * shape[axis + 1]
    }
    for at in 0..<layout.count {
      var (rest, source) = (at, 0)
      for axis in permutation.reversed() {
        source += rest % shape[axis] * strides[axis]
        rest /= shape[axis]
      }
      y[at] = x[source]
    }
  }
}
