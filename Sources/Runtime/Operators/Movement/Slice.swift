/// `Slice`: a box of a tensor, every `step`-th element along each axis.
///
///     y[…, i, …] = x[…, start + i·step, …]
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `data` | any | any |
/// | input  | `starts`, `ends`, `axes` (optional), `steps` (optional) | `[n]` | `i32`, `i64`; attributes without steps before opset 10 |
/// | output | `output` | | type of `data` |
///
/// Negative starts and ends count from the end of their axis; all are clamped to it. A negative step goes backwards.
/// Source: ONNX `Slice`, opsets 1 to 13.
struct Slice: DataMovement {
  let fixed: (starts: [Int], ends: [Int], axes: [Int]?)?

  init(_ node: NodeReader) throws(ModelError) {
    guard node.opset < 10 else {
      try node.require(inputs: 3...5)
      fixed = nil
      return
    }
    try node.require(inputs: 1...1)
    fixed = (
      try node.ints("starts"), try node.ints("ends"),
      node.has("axes") ? try node.ints("axes") : nil
    )
  }

  /// One axis of the box.
  struct Cut {
    var start: Int
    var step: Int
    var count: Int
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let data = try inputs.tensor(0)
    guard let shape = data.shape else { return [.tensor(data.element, nil)] }
    let count = fixed?.starts.count ?? inputs.extents(1)?.count ?? inputs.extents(2)?.count
    guard let axes = try axes(inputs, count, shape.rank) else {
      return [.tensor(data.element, Shape(shape.dimensions.map { _ in .unknown }))]
    }
    var result = shape
    let starts = fixed?.starts.map(Dimension.fixed) ?? inputs.extents(1)
    let ends = fixed?.ends.map(Dimension.fixed) ?? inputs.extents(2)
    let steps = inputs.has(4) ? inputs.extents(4) : axes.map { _ in .fixed(1) }
    for (index, axis) in axes.enumerated() {
      result[axis] = try extent(
        shape[axis], starts?[checked: index], ends?[checked: index], steps?[checked: index])
    }
    return [.tensor(data.element, result)]
  }

  private func axes(
    _ inputs: Operands, _ count: Int?, _ rank: Int
  ) throws(ModelError) -> [Int]? {
    if let axes = fixed?.axes { return try normalized(axes, rank) }
    if inputs.has(3) {
      guard let axes = inputs.integers(3) else { return nil }
      return try normalized(axes, rank)
    }
    guard let count else { return nil }
    return try normalized(Array(0..<count), rank)
  }

  private func normalized(_ axes: [Int], _ rank: Int) throws(ModelError) -> [Int] {
    let result = try axes.map { (axis) throws(ModelError) in
      try Shape.normalize(axis, rank: rank)
    }
    guard Set(result).count == result.count else {
      throw ModelError(.invalidAttribute, "axes \(axes)", expected: "each axis at most once")
    }
    return result
  }

  /// The extent of a slice whose bounds may be symbols.
  private func extent(
    _ extent: Dimension, _ start: Dimension?, _ end: Dimension?, _ step: Dimension?
  ) throws(ModelError) -> Dimension {
    guard let start, let end, let step = step?.value else { return .unknown }
    if let total = extent.value, let start = start.value, let end = end.value {
      return .fixed(try Self.cut(total, start, end, step).count)
    }
    guard step == 1 else { return .unknown }
    // With symbols: x[a:] for a ≥ 0 and x[:b] for a symbol b that is part of the extent come out exactly only if
    // nothing is clamped, which is known for bounds at the ends.
    let reachesEnd = (end.value ?? 0) >= Self.farAway || end.isCertainly(extent)
    if start == .fixed(0), reachesEnd { return extent }
    // A table that is cut to the length of an input is meant to be long enough: extents that are larger than the table
    // are refused by what comes after, when the numbers are there.
    if start == .fixed(0), end.isSymbol, let total = extent.value, total > 1 { return end }
    return .unknown
  }

  /// Ends at least this large mean "to the end" in exported models.
  private static let farAway = Int(Int32.max)

  static func cut(
    _ extent: Int, _ start: Int, _ end: Int, _ step: Int
  ) throws(ModelError) -> Cut {
    guard step != 0 else {
      throw ModelError(.invalidAttribute, "a slice with step 0", expected: "a step other than 0")
    }
    let high = step > 0 ? extent : extent - 1
    func clamped(_ index: Int, _ low: Int) -> Int {
      min(max(index < 0 ? index.addingReportingOverflow(extent).partialValue : index, low), high)
    }
    // Backwards, the end may lie before the first element, the start may not.
    let first = clamped(start, 0)
    let last = clamped(end, step > 0 ? 0 : -1)
    let distance = step > 0 ? last - first : first - last
    // |step| may be as large as an Int gets, so it is not negated.
    let stride = Int(clamping: step.magnitude)
    let count = extent == 0 || distance <= 0 ? 0 : (distance - 1) / stride + 1
    return Cut(start: first, step: count > 1 ? step : 1, count: count)
  }
}

extension Slice {
  func knownOutputs(_ inputs: Operands) throws(ModelError) -> [KnownValue?] {
    guard try inputs.tensor(0).shape?.rank == 1, let extents = inputs.extents(0) else {
      return [nil]
    }
    let starts = fixed?.starts ?? inputs.integers(1)
    let ends = fixed?.ends ?? inputs.integers(2)
    let step = inputs.has(4) ? inputs.integers(4)?.first : 1
    guard let start = starts?.first, let end = ends?.first, let step else { return [nil] }
    let cut = try Self.cut(extents.count, start, end, step)
    return [
      .extents((0..<cut.count).map { extents[cut.start + $0 * cut.step] }, isScalar: false)
    ]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let input = try io.input(0)
    guard let starts = fixed?.starts ?? io.integers(1), let ends = fixed?.ends ?? io.integers(2),
      let steps = io.has(4) ? io.integers(4) : starts.map({ _ in 1 }),
      let axes = io.has(3) ? io.integers(3) : fixed?.axes ?? Array(starts.indices)
    else { return .deferred }
    guard starts.count == axes.count, ends.count == axes.count, steps.count == axes.count else {
      throw ModelError(
        .shapeMismatch,
        "\(starts.count) starts, \(ends.count) ends, \(axes.count) axes, \(steps.count) steps",
        expected: "as many of each")
    }
    var move = StridedMove(
      extents: input.shape, inStrides: rowMajorStrides(input.shape), outStrides: [])
    for (index, axis) in try normalized(axes, input.rank).enumerated() {
      let cut = try Self.cut(input.shape[axis], starts[index], ends[index], steps[index])
      move.extents[axis] = cut.count
      if cut.count > 0 { move.inOffset += cut.start * move.inStrides[axis] }
      move.inStrides[axis] *= cut.step
    }
    if move.extents == input.shape, move.inOffset == 0 { return .alias() }
    move.outStrides = rowMajorStrides(move.extents)
    return try move.kernel("slice", io)
  }
}

extension Dimension {
  /// Whether this is one symbol, which cannot be negative.
  fileprivate var isSymbol: Bool {
    if case .symbolic(let extent) = self, extent.symbols.count == 1 {
      extent.symbols.first.map(Dimension.symbol) == self
    } else {
      false
    }
  }
}

extension Array {
  /// The element at `index`, `nil` if there is none.
  subscript(checked index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}
