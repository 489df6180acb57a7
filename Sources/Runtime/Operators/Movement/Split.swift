/// `Split`: cuts a tensor into pieces along an axis; the counterpart of `Concat`.
///
/// |        | name    | shape | element types |
/// |--------|---------|-------|---------------|
/// | input  | `input` | any, rank ≥ 1 | any   |
/// | input  | `split`, optional | `[n]` | `i64`: the pieces' extents; an attribute before opset 13 |
/// | output | `outputs`, n | as `input` but for `axis` | type of `input` |
/// | attr   | `axis`  | −r ..< r | default 0   |
/// | attr   | `num_outputs` | | since opset 18: equal pieces, the last one smaller if it does not come out even |
///
/// Source: ONNX `Split`, opsets 1 to 18.
struct Split: DataMovement {
  let axis: Int
  let lengths: [Int]?
  let hasInput: Bool
  let pieces: Int
  let mayBeUneven: Bool

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...2, outputs: 1...Int.max)
    axis = try node.int("axis", default: 0)
    lengths = node.has("split") && node.opset < 13 ? try node.ints("split") : nil
    hasInput = node.hasInput(1)
    pieces = node.outputCount
    mayBeUneven = node.opset >= 18
    if node.opset >= 18, node.has("num_outputs") {
      let asked = try node.int("num_outputs")
      guard asked == pieces, !hasInput else {
        throw ModelError(
          .invalidAttribute, "attribute 'num_outputs' is \(asked), with \(pieces) outputs",
          expected: hasInput ? "no such attribute, since input 'split' is there" : "\(pieces)")
      }
    }
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let data = try inputs.tensor(0)
    guard let shape = data.shape else {
      return Array(repeating: .tensor(data.element, nil), count: pieces)
    }
    let axis = try shape.axis(axis)
    return try parts(shape[axis], inputs).map { extent in
      var piece = shape
      piece[axis] = extent
      return .tensor(data.element, piece)
    }
  }

  private func parts(_ extent: Dimension, _ inputs: Operands) throws(ModelError) -> [Dimension] {
    if let given = lengths?.map(Dimension.fixed) ?? (hasInput ? inputs.extents(1) : nil) {
      guard given.count == pieces, given.allSatisfy({ ($0.value ?? 0) >= 0 }),
        given.reduce(.fixed(0), +).canBe(extent)
      else {
        throw ModelError(
          .shapeMismatch, "pieces \(Shape(given)) of an axis of extent \(extent)",
          expected: "\(pieces) extents that sum up to \(extent)")
      }
      return given
    }
    if hasInput { return Array(repeating: .unknown, count: pieces) }
    guard let total = extent.value else {
      let even = mayBeUneven && pieces > 1 ? .unknown : extent / .fixed(pieces)
      return Array(repeating: even, count: pieces)
    }
    let size = (total + pieces - 1) / pieces
    guard mayBeUneven || total % pieces == 0 else {
      throw ModelError(
        .shapeMismatch, "an axis of extent \(total) split into \(pieces) equal pieces",
        expected: "a multiple of \(pieces)")
    }
    return (0..<pieces).map { .fixed(max(0, min(size, total - $0 * size))) }
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let input = try io.input(0)
    let axis = try Shape.normalize(axis, rank: input.rank)
    let strides = rowMajorStrides(input.shape)
    if pieces == 1 { return .alias() }
    guard let extents = try extents(io, input.shape[axis]) else { return .deferred }
    var moves: [(output: Int, move: PlannedMove)] = []
    var position = 0
    for (index, extent) in extents.enumerated() {
      if let output = io.outputs[index] {
        let move = StridedMove(
          extents: output.shape, inStrides: strides, outStrides: rowMajorStrides(output.shape),
          inOffset: position * strides[axis])
        moves.append((index, try move.planned(input.element.byteWidth)))
      }
      position += extent
    }
    let planned = moves
    return Kernel("split") { context in
      for (output, move) in planned {
        move.run(from: context.inputBytes(0), to: context.outputBytes(output), context)
      }
    }
  }

  /// Outputs that nobody wants count, too.
  private func extents(_ io: NodeIO, _ total: Int) throws(ModelError) -> [Int]? {
    if let lengths { return lengths }
    if hasInput { return try io.input(1).value?.integers }
    let size = (total + pieces - 1) / pieces
    return (0..<pieces).map { max(0, min(size, total - $0 * size)) }
  }
}
