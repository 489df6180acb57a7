import ModelFormat

/// `ExpandDims`: the same elements with one more axis of extent 1.
///
/// |        | name   | shape | element types |
/// |--------|--------|-------|---------------|
/// | input  | `X`    | any, rank r | any     |
/// | input  | `axis` | one; −r − 1 … r | `i32` |
/// | output | `Y`    | `X` with the axis | type of `X` |
///
/// Source: ONNX Runtime's contributed operator, version 1.
struct ExpandDims: DataMovement {
  init(_ node: NodeReader) throws(ModelError) { try node.require(inputs: 2...2) }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0)
    _ = try inputs.tensor(1, of: [.i32])
    guard var shape = x.shape, let axis = inputs.integers(1)?.first else {
      return [.tensor(x.element, nil)]
    }
    shape.dimensions.insert(
      .fixed(1), at: try Shape.normalize(axis, rank: shape.rank + 1))
    return [.tensor(x.element, shape)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel { .alias() }
}

/// `GatherND` of `com.microsoft`: ``GatherND`` with indices of `i32` or `i64`.
///
/// Source: ONNX Runtime's contributed operator, version 1.
struct ContributedGatherND: ComposedOperator, DataMovement {
  init(_ node: NodeReader) throws(ModelError) { try node.require(inputs: 2...2) }

  func compose(_ parts: inout Composition) throws(ModelError) -> [Composition.Value?] {
    let indices = try parts.cast(try parts.input(1, of: [.i32, .i64]), .i64)
    return [try parts("GatherND", try parts.input(0), indices)]
  }
}

/// `Pad` and `Range` of `com.microsoft`: those of the standard with other forms of some operands.
///
/// `Pad` takes its pads also as `[1, 2·rank]`; `Range` takes each number also as `[1]`, the step being optional. Source:
/// ONNX Runtime's contributed operators, version 1.
struct ContributedShaping: ComposedOperator {
  private let name: String
  private let mode: String

  init(pad node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...3)
    name = "Pad"
    mode = try node.choice("mode", of: ["constant", "reflect", "edge"], default: "constant")
  }

  init(range node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...3)
    (name, mode) = ("Range", "")
  }

  func compose(_ parts: inout Composition) throws(ModelError) -> [Composition.Value?] {
    if name == "Pad" {
      let pads = try parts("Reshape", try parts.input(1, of: [.i64]), try parts.integers([-1]))
      let x = try parts.input(0)
      let value = try parts.optional(2, of: [x.element]).map { (value) throws(ModelError) in
        try parts("Reshape", value, try parts.integers([]))
      }
      return [
        try parts(
          "Pad", x, pads, value, attributes: ["mode": .string(mode)])
      ]
    }
    let scalar = try parts.integers([])
    let start = try parts("Reshape", try parts.input(0), scalar)
    let limit = try parts("Reshape", try parts.input(1), scalar)
    let step =
      if let given = parts.optional(2) {
        try parts("Reshape", given, scalar)
      } else {
        try parts.cast(try parts.scalar(Int64(1)), start.element)
      }
    return [try parts("Range", start, limit, step)]
  }
}

/// `UnfoldTensor`: windows of one axis, as a new last axis.
///
///     y[…, i, …, t] = x[…, i · step + t, …]
///
/// |        | name    | shape | element types |
/// |--------|---------|-------|---------------|
/// | input  | `input` | any, rank r ≥ 1 | any |
/// | output | `output` | of `input` with ⌊(extent − size) / step⌋ + 1 windows along `dim`, then `size` | type of `input` |
/// | attr   | `dim`, `size`, `step` | | defaults −1, –, 1 |
///
/// Source: ONNX Runtime's contributed operator, version 1.
struct UnfoldTensor: DataMovement {
  let axis: Int
  let size: Int
  let step: Int

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    axis = try node.int("dim", default: -1)
    size = try node.int("size")
    step = try node.int("step", default: 1)
    guard size > 0, step > 0 else {
      throw ModelError(
        .invalidAttribute, "size \(size), step \(step)", expected: "numbers from 1 on")
    }
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0)
    guard var shape = x.shape else { return [.tensor(x.element, nil)] }
    let axis = try shape.axis(axis)
    if let extent = shape[axis].value, extent < size {
      throw ModelError(
        .shapeMismatch, "windows of \(size) along an axis of \(extent)",
        expected: "windows that are no longer than the axis")
    }
    shape[axis] = (shape[axis] - .fixed(size)) / .fixed(step) + .fixed(1)
    shape.dimensions.append(.fixed(size))
    return [.tensor(x.element, shape)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let x = try io.input(0)
    let axis = try Shape.normalize(axis, rank: x.rank)
    let layout = AxisLayout(x.shape, along: axis)
    let windows = try io.output().shape[axis]
    let bytes = x.element.bitWidth / 8
    let (size, step) = (size, step)
    return Kernel("unfold") { context in
      var to = context.outputBytes(0)
      for outer in 0..<layout.outer {
        for window in 0..<windows {
          for inner in 0..<layout.inner {
            for place in 0..<size {
              let row = outer * layout.axis + window * step + place
              let from = context.inputBytes(0) + (row * layout.inner + inner) * bytes
              to.copyMemory(from: from, byteCount: bytes)
              to += bytes
            }
          }
        }
      }
    }
  }
}

/// `Unique` of `com.microsoft`: the different elements of a list in the order in which they come.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `x`  | `[n]` | `f32`         |
/// | output | `y`  | `[u]` | `f32`         |
/// | output | `idx` | `[n]`: where each element is in `y` | `i64` |
/// | output | `counts` | `[u]` | `i64`    |
///
/// Source: ONNX Runtime's contributed operator, version 1.
struct ContributedUnique: ValueOperator {
  private let unique: Unique

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1, outputs: 1...3)
    let part = Node(
      "Unique", inputs: node.node.inputs, outputs: node.node.outputs,
      attributes: [Attribute("sorted", .int(0))])
    unique = try Unique(NodeReader(part, opset: 11))
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: [.f32])
    if let shape = x.shape, shape.rank != 1 {
      throw ModelError(.shapeMismatch, "a tensor \(shape)", expected: "a list")
    }
    return [
      .tensor(.f32, [.unknown]), .tensor(.i64, x.shape ?? [.unknown]), .tensor(.i64, [.unknown]),
    ]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    let all = try unique.evaluate(call)
    return [all[0], all[2], all[3]]
  }
}
