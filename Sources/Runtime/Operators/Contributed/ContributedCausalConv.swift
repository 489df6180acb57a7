import ModelFormat

/// `CausalConvWithState` of `com.microsoft`: ``CausalConvWithState``, also with taps apart and with channels last.
///
/// | attribute | meaning |
/// |-----------|---------|
/// | `dilation` | the distance of taps in time, default 1; a state is `(k − 1) · dilation` long |
/// | `channels_last` | 1: `input` and `output` are `[batch, time, …]`, states `[batch, length, …]` |
/// | `ndim`, `state_window` | 1 (default), 0 (default) |
///
/// Elements are floats. Source: ONNX Runtime's contributed operator, version 1.
struct ContributedCausalConv: ComposedOperator {
  private let op: CausalConvWithState
  private let isChannelsLast: Bool

  init(_ node: NodeReader) throws(ModelError) {
    op = try CausalConvWithState(contributed: node)
    isChannelsLast = try node.bool("channels_last", default: false)
    try node.refuseStateWindow()
    let axes = try node.int("ndim", default: 1)
    guard axes == 1 else {
      throw ModelError(.invalidAttribute, "ndim is \(axes)", expected: "1")
    }
  }

  func compose(_ parts: inout Composition) throws(ModelError) -> [Composition.Value?] {
    let x = try parts.input(0, of: ElementType.floats)
    let (weight, bias, past) = (try parts.input(1), parts.optional(2), parts.optional(3))
    guard isChannelsLast else {
      let all = try parts.apply(op, [x, weight, bias, past], wants: [true, true])
      return all.map { $0 }
    }
    guard let shape = x.shape, let extents = shape.extents else {
      return [x, parts.undetermined(x.element)]
    }
    guard shape.rank >= 3 else {
      throw ModelError(.shapeMismatch, "an input \(shape)", expected: "[batch, time, channels…]")
    }
    let channels = extents[2...].reduce(1, *)
    let planar = try parts.transposed(
      try parts("Reshape", x, try parts.integers([extents[0], extents[1], channels])), [0, 2, 1])
    let before = try past.map { (past) throws(ModelError) in
      try turnedState(&parts, past, channels)
    }
    let all = try parts.apply(op, [planar, weight, bias, before], wants: [true, true])
    let y = try parts(
      "Reshape", try parts.transposed(all[0], [0, 2, 1]), try parts.integers(extents))
    let state = try parts.transposed(all[1], [0, 2, 1])
    let spread = (state.shape?.extents ?? []).dropLast() + extents[2...]
    return [y, try parts("Reshape", state, try parts.integers(Array(spread)))]
  }

  private func turnedState(
    _ parts: inout Composition, _ past: Composition.Value, _ channels: Int
  ) throws(ModelError) -> Composition.Value {
    guard let extents = past.shape?.extents, extents.count > 2,
      extents[2...].reduce(1, *) == channels
    else {
      throw ModelError(
        .shapeMismatch, "a past state \(past.type)", expected: "one of \(channels) channels, last")
    }
    let flat = try parts("Reshape", past, try parts.integers([extents[0], extents[1], channels]))
    return try parts.transposed(flat, [0, 2, 1])
  }
}
