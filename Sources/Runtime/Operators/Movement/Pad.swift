import CKernels

/// `Pad`: puts elements before and after a tensor along each axis, or takes some away.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `data` | any | any |
/// | input  | `pads` | `[2n]`: befores, then afters; negative ones crop | `i64`; an attribute before opset 11 |
/// | input  | `constant_value`, optional | `[]` | type of `data`; attribute `value` before opset 11 |
/// | input  | `axes`, optional | `[n]` | `i32`, `i64`; since opset 18, default all |
/// | output | `output` | | type of `data` |
/// | attr   | `mode` | | `constant` (default), `reflect`, `edge`, `wrap` (since 19) |
///
/// Axes are cropped first; what is left is padded, the last axis first. A reflection or repetition longer than the
/// axis goes on as often as needed. Source: ONNX `Pad`, opsets 1 to 25.
struct Pad: DataMovement {
  enum Mode: String { case constant, reflect, edge, wrap }

  let mode: Mode
  private let fixed: [Int]?
  private let value: Float

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: node.opset < 11 ? 1...1 : 2...4)
    let name = try node.choice(
      "mode", of: ["constant", "reflect", "edge", "wrap"], default: "constant")
    mode = Mode(rawValue: name) ?? .constant
    fixed = node.opset < 11 ? try node.ints(node.opset < 2 ? "paddings" : "pads") : nil
    value = try node.float("value", default: 0)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let data = try inputs.tensor(0)
    guard let shape = data.shape else { return [.tensor(data.element, nil)] }
    let pads = fixed?.map(Dimension.fixed) ?? inputs.extents(1)
    let axes = inputs.has(3) ? inputs.integers(3) : Array(0..<shape.rank)
    guard let pads, let axes else {
      return [.tensor(data.element, Shape(shape.dimensions.map { _ in .unknown }))]
    }
    guard pads.count == 2 * axes.count else {
      throw ModelError(
        .shapeMismatch, "\(pads.count) pads", expected: "\(2 * axes.count), two for each axis")
    }
    var result = shape
    for (index, axis) in axes.enumerated() {
      let axis = try shape.axis(axis)
      result[axis] = result[axis] + pads[index] + pads[index + axes.count]
      guard (result[axis].value ?? 0) >= 0 else {
        throw ModelError(
          .shapeMismatch, "pads \(Shape(pads)) of a tensor \(shape)",
          expected: "no more cropped than there is")
      }
    }
    return [.tensor(data.element, result)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let input = try io.input(0)
    let output = try io.output()
    guard let pads = fixed ?? io.integers(1),
      let axes = io.has(3) ? io.integers(3) : Array(0..<input.rank)
    else { return .deferred }
    if pads.allSatisfy({ $0 == 0 }) { return .alias() }
    var frame = PadFrame(input.shape, output.shape)
    for (index, axis) in axes.enumerated() {
      frame.before[try Shape.normalize(axis, rank: input.rank)] += pads[index]
    }
    let size = output.element.byteWidth
    let core = try frame.core().planned(size)
    if mode == .constant { return try constant(io, core) }
    let copies = try frame.copies(mode).map { (move) throws(ModelError) in
      try move.planned(size)
    }
    return Kernel("pad_\(mode.rawValue)") { context in
      core.run(from: context.inputBytes(0), to: context.outputBytes(), context)
      let output = context.outputBytes()
      for copy in copies { copy.run(from: output, to: output, context) }
    }
  }

  private func constant(_ io: NodeIO, _ core: PlannedMove) throws(ModelError) -> Kernel {
    let output = try io.output()
    let (count, size) = (output.count, output.element.byteWidth)
    let hasValue = io.has(2)
    let element = try Tensor.filled(output.element, value)
    return Kernel("pad_constant") { (context) throws(ModelError) in
      if hasValue {
        zoo_fill(context.outputBytes(), context.inputBytes(2), Int64(count), Int64(size))
      } else {
        try element.withBytes { bytes in
          guard let base = bytes.baseAddress else { return }
          zoo_fill(context.outputBytes(), base, Int64(count), Int64(size))
        }
      }
      core.run(from: context.inputBytes(0), to: context.outputBytes(), context)
    }
  }
}

/// Where the elements of a padded tensor come from.
private struct PadFrame {
  let input: [Int]
  let output: [Int]
  /// Elements put before each axis; negative ones are cropped.
  var before: [Int]

  init(_ input: [Int], _ output: [Int]) {
    self.input = input
    self.output = output
    before = Array(repeating: 0, count: input.count)
  }

  /// The first position of an axis of the output that the input has, and how many.
  private func kept(_ axis: Int) -> (start: Int, count: Int) {
    let start = max(before[axis], 0)
    let end = min(before[axis] + input[axis], output[axis])
    return (start, max(0, end - start))
  }

  /// The part that is the input's.
  func core() -> StridedMove {
    var move = StridedMove(
      extents: input.indices.map { kept($0).count }, inStrides: rowMajorStrides(input),
      outStrides: rowMajorStrides(output))
    for axis in input.indices {
      move.inOffset += max(-before[axis], 0) * move.inStrides[axis]
      move.outOffset += kept(axis).start * move.outStrides[axis]
    }
    return move
  }

  /// Moves within the output that make the padding, axis by axis from the last one.
  func copies(_ mode: Pad.Mode) throws(ModelError) -> [StridedMove] {
    var moves: [StridedMove] = []
    let strides = rowMajorStrides(output)
    for axis in input.indices.reversed() {
      let (start, count) = kept(axis)
      let padded =
        Array(0..<min(start, output[axis])) + Array(min(start + count, output[axis])..<output[axis])
      guard count > 0 || padded.isEmpty else {
        throw ModelError(
          .shapeMismatch, "axis \(axis) of extent 0 padded by mode '\(mode.rawValue)'",
          expected: "elements to pad with")
      }
      for run in runs(padded, mode, start, count) {
        var move = StridedMove(extents: output, inStrides: strides, outStrides: strides)
        for earlier in 0..<axis {
          move.extents[earlier] = kept(earlier).count
          let offset = kept(earlier).start * strides[earlier]
          move.inOffset += offset
          move.outOffset += offset
        }
        move.extents[axis] = run.count
        move.inStrides[axis] *= run.step
        move.inOffset += run.source * strides[axis]
        move.outOffset += run.position * strides[axis]
        moves.append(move)
      }
    }
    return moves
  }

  private struct Run {
    var position: Int
    var source: Int
    var step: Int
    var count: Int
  }

  /// Neighbouring positions whose sources are neighbours, too.
  private func runs(_ padded: [Int], _ mode: Pad.Mode, _ start: Int, _ count: Int) -> [Run] {
    var runs: [Run] = []
    for position in padded {
      let source = start + PadFrame.source(position - start, count, mode)
      if var run = runs.last, run.position + run.count == position {
        let step = source - (run.source + (run.count - 1) * run.step)
        if run.count == 1 ? (-1...1).contains(step) : step == run.step {
          run.step = step
          run.count += 1
          runs[runs.count - 1] = run
          continue
        }
      }
      runs.append(Run(position: position, source: source, step: 1, count: 1))
    }
    return runs
  }

  private static func source(_ index: Int, _ count: Int, _ mode: Pad.Mode) -> Int {
    func modulo(_ value: Int, _ divisor: Int) -> Int {
      let rest = value % divisor
      return rest < 0 ? rest + divisor : rest
    }
    switch mode {
    case .constant, .edge: return min(max(index, 0), count - 1)
    case .wrap: return modulo(index, count)
    case .reflect:
      if count == 1 { return 0 }
      let place = modulo(index, 2 * count - 2)
      return place < count ? place : 2 * count - 2 - place
    }
  }
}
