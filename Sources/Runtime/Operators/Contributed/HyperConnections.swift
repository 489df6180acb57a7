import ModelFormat

/// Where the streams of a tensor are: `[…, count, size]`, or `[…, count·size]`.
struct StreamAxes {
  static let elements: Set<ElementType> = [.f32, .f16, .bf16]

  let extents: [Int]
  /// The extents before those of the streams.
  let lead: [Int]
  let count: Int
  let size: Int

  /// `[rows, count, size]`
  var grouped: [Int] { [lead.reduce(1, *), count, size] }

  /// - Parameter branches: The number of streams that share the last axis; 0 if they have their own.
  /// - Returns: `nil` while extents are open.
  init?(_ x: Composition.Value, branches: Int) throws(ModelError) {
    guard let extents = x.shape?.extents else { return nil }
    self.extents = extents
    let axes = branches == 0 ? 2 : 1
    guard extents.count >= axes, branches == 0 || extents[extents.count - 1] % branches == 0
    else {
      throw ModelError(
        .shapeMismatch, "a tensor \(x.type)",
        expected: branches == 0 ? "[…, streams, size]" : "[…, \(branches)·size]")
    }
    lead = Array(extents.dropLast(axes))
    count = branches == 0 ? extents[extents.count - 2] : branches
    size = branches == 0 ? extents[extents.count - 1] : extents[extents.count - 1] / branches
  }
}

/// `HyperConnectionPreMix` and `HyperConnectionPostMix` of `com.microsoft`: several streams of features become one, and
/// take one up again.
///
///     PreMix:   y[…, h] = scale · Σ_c x[…, c, h] · pre[…, c, h]
///     PostMix:  y[…, k, h] = Σ_c mix[…, c, k] · x[…, c, h] + post[…, k, h] · block[…, h]
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `streams` | `[…, c, h]`, with `num_branches` `[…, c·h]` | `f32`, `f16`, `bf16` |
/// | input  | `block_output` (`PostMix`) | `[…, h]` | type of `streams` |
/// | input  | `pre_mix`, `post_mix` | `[…, c]`, `[…, c, 1]` or `[…, c, h]` | any of them |
/// | input  | `stream_mix` (`PostMix`), optional | `[…, c, c]`; default: each stream itself | any of them |
/// | output | `output` | `[…, h]` (`PreMix`), of `streams` (`PostMix`) | type of `streams` |
/// | attr   | `num_branches`, `reduction_scale` (`PreMix`) | | defaults 0, 1 |
///
/// Computed in `f32`. Source: ONNX Runtime's contributed operators, version 1; Zhu et al., "Hyper-Connections", 2024.
struct HyperConnection: ComposedOperator {
  private enum Form {
    case before(scale: Float)
    case after
  }

  private let form: Form
  private let branches: Int

  init(before node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...2)
    form = .before(scale: try node.float("reduction_scale", default: 1))
    branches = try Self.branches(node)
  }

  init(after node: NodeReader) throws(ModelError) {
    try node.require(inputs: 3...4)
    form = .after
    branches = try Self.branches(node)
  }

  private static func branches(_ node: NodeReader) throws(ModelError) -> Int {
    let count = try node.int("num_branches", default: 0)
    guard count >= 0 else {
      throw ModelError(.invalidAttribute, "num_branches is \(count)", expected: "0 or more")
    }
    return count
  }

  func compose(_ parts: inout Composition) throws(ModelError) -> [Composition.Value?] {
    let x = try parts.input(0, of: StreamAxes.elements)
    guard let axes = try StreamAxes(x, branches: branches) else {
      if case .after = form { return [x] }
      return [parts.undetermined(x.element)]
    }
    let streams = try parts("Reshape", try parts.cast(x, .f32), try parts.integers(axes.grouped))
    switch form {
    case .before(let scale):
      let mixed = try parts("Mul", streams, try gate(&parts, 1, axes))
      let sum = try parts(
        "ReduceSum", mixed, try parts.integers([1]), attributes: ["keepdims": .int(0)])
      let y = try parts("Mul", sum, try parts.scalar(scale))
      let shape = try parts.integers(axes.lead + [axes.size])
      return [try parts.cast(try parts("Reshape", y, shape), x.element)]
    case .after:
      let shape = axes.lead + [axes.size]
      let block = try checked(try parts.input(1, of: [x.element]), [shape])
      let row = try parts(
        "Reshape", try parts.cast(block, .f32),
        try parts.integers([axes.grouped[0], 1, axes.size]))
      let added = try parts("Mul", try gate(&parts, 2, axes), row)
      let kept = try mixed(&parts, streams, axes)
      let y = try parts("Add", kept, added)
      return [try parts.cast(try parts("Reshape", y, try parts.integers(axes.extents)), x.element)]
    }
  }

  /// Input `index` as `[rows, count, 1 or size]`.
  private func gate(
    _ parts: inout Composition, _ index: Int, _ axes: StreamAxes
  ) throws(ModelError) -> Composition.Value {
    var shapes = [[axes.count], [axes.count, 1], [axes.count, axes.size]]
    if branches > 0, index == 1 { shapes.append([axes.count * axes.size]) }
    let gate = try checked(
      try parts.input(index, of: StreamAxes.elements), shapes.map { axes.lead + $0 })
    let count = gate.shape?.extents?.dropFirst(axes.lead.count).reduce(1, *) ?? 0
    let width = count == axes.count ? 1 : axes.size
    return try parts(
      "Reshape", try parts.cast(gate, .f32),
      try parts.integers([axes.grouped[0], axes.count, width]))
  }

  private func mixed(
    _ parts: inout Composition, _ streams: Composition.Value, _ axes: StreamAxes
  ) throws(ModelError) -> Composition.Value {
    guard let given = try parts.optional(3, of: StreamAxes.elements) else { return streams }
    let mix = try checked(given, [axes.lead + [axes.count, axes.count]])
    let rows = try parts(
      "Reshape", try parts.cast(mix, .f32),
      try parts.integers([axes.grouped[0], axes.count, axes.count]))
    return try parts("MatMul", try parts.transposed(rows, [0, 2, 1]), streams)
  }

  private func checked(
    _ value: Composition.Value, _ shapes: [[Int]]
  ) throws(ModelError) -> Composition.Value {
    guard let shape = value.shape, !shapes.contains(where: { shape.canBe(Shape($0)) }) else {
      return value
    }
    throw ModelError(
      .shapeMismatch, "a tensor \(value.type)",
      expected: shapes.map { "\($0)" }.joined(separator: " or "))
  }
}
