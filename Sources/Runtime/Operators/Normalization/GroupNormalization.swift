import CKernels

/// `InstanceNormalization` and `GroupNormalization`: each group of channels of each image is brought to mean 0 and
/// variance 1, then scaled and shifted.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `x`  | `[batch, channels, …]` | floats |
/// | input  | `scale`, `shift` | `[channels]`; `[groups]` for `GroupNormalization` before opset 21 | type of `x` |
/// | output | `y`  | shape of `x` | type of `x` |
/// | attr   | `epsilon`, `num_groups` | | default 10⁻⁵; groups divide the channels |
///
/// Source: ONNX `InstanceNormalization`, opsets 1, 6, 22; `GroupNormalization`, opsets 18, 21.
struct GroupNormalization: TensorOperator {
  let groups: Int?
  let epsilon: Float
  let scalesGroups: Bool

  init(instance node: NodeReader) throws(ModelError) {
    try node.require(inputs: 3...3)
    groups = nil
    epsilon = try node.float("epsilon", default: 1e-5)
    scalesGroups = false
  }

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 3...3)
    let groups = try node.int("num_groups")
    guard groups > 0 else {
      throw ModelError(.invalidAttribute, "num_groups is \(groups)", expected: "1 or more")
    }
    self.groups = groups
    epsilon = try node.float("epsilon", default: 1e-5)
    scalesGroups = node.opset < 21
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: ElementType.floats)
    if let shape = x.shape, shape.rank < 2 {
      throw ModelError(.shapeMismatch, "a tensor \(shape)", expected: "[batch, channels, …]")
    }
    return [.tensor(x)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let x = try io.input(0)
    let channels = x.shape[1]
    let groups = groups ?? channels
    guard groups > 0, channels % groups == 0 else {
      throw ModelError(
        .shapeMismatch, "\(channels) channels in \(groups) groups",
        expected: "a number of groups that divides the channels")
    }
    let parameters = scalesGroups ? groups : channels
    for index in 1...2 where try io.input(index).count != parameters {
      throw ModelError(
        .shapeMismatch, "\(try io.input(index).count) parameters", expected: "\(parameters)")
    }
    let call = Call(
      batch: x.shape[0], groups: groups, channels: channels / groups,
      spatial: x.shape[2...].reduce(1, *), scalesGroups: scalesGroups, epsilon: epsilon)
    let isWide = x.element == .f64
    let stage = try Stage(io, as: x.element.computeType)
    return Kernel(
      "group_norm_\(x.element.computeType)",
      scratchBytes: stage.scratchOffset + 8 * max(channels, 1)
    ) { context in
      stage.load(context)
      if isWide { call.wide(context) } else { call.narrow(context, stage) }
      stage.store(context)
    }
  }

  private struct Call: Sendable {
    let batch, groups, channels, spatial: Int
    let scalesGroups: Bool
    let epsilon: Float

    func narrow(_ context: borrowing KernelContext, _ stage: Stage) {
      let size = channels * spatial
      let x = stage.input(context, 0, as: Float.self)
      let y = stage.output(context, as: Float.self)
      var scale = stage.input(context, 1, as: Float.self)
      var shift = stage.input(context, 2, as: Float.self)
      if scalesGroups {
        // The kernel takes one parameter a channel.
        let spread = stage.scratch(context, as: Float.self)
        for c in 0..<groups * channels {
          spread[c] = scale[c / channels]
          spread[groups * channels + c] = shift[c / channels]
        }
        scale = UnsafePointer(spread)
        shift = UnsafePointer(spread + groups * channels)
      }
      let kernels = zoo_vector_kernels_for(zoo_cpu_isa()).pointee
      context.parallel(batch * groups, grain: max(1, Broadcast.grain / 4 / max(size, 1))) { range in
        for item in range {
          let first = item % groups * channels
          var call = zoo_group_norm(
            x: x + item * size, y: y + item * size, scale: scale + first, shift: shift + first,
            groups: 1, channels: channels, spatial: spatial, parameters: channels, epsilon: epsilon)
          kernels.group_norm(&call)
        }
      }
    }

    func wide(_ context: borrowing KernelContext) {
      let x = context.input(0, as: Double.self)
      let y = context.output(as: Double.self)
      let scale = context.input(1, as: Double.self)
      let shift = context.input(2, as: Double.self)
      let size = channels * spatial
      for item in 0..<batch * groups {
        let range = item * size..<(item + 1) * size
        let mean = range.reduce(0) { $0 + x[$1] } / Double(size)
        let variance = range.reduce(0) { $0 + (x[$1] - mean) * (x[$1] - mean) } / Double(size)
        let inverse = 1 / (variance + Double(epsilon)).squareRoot()
        for i in range {
          let group = item % groups
          let c = scalesGroups ? group : group * channels + (i - range.lowerBound) / spatial
          y[i] = (x[i] - mean) * inverse * scale[c] + shift[c]
        }
      }
    }
  }
}
