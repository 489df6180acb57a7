import CKernels

/// `BlockedAffine`: each channel of images in channel blocks is scaled and shifted.
///
///     y = activation(x · scale + shift)
///
/// |        | name    | shape                                   | element types |
/// |--------|---------|-----------------------------------------|---------------|
/// | input  | `x`     | `[batch, blocks, height, width, 16]`    | `f32` |
/// | input  | `scale` | `[batch or 1, blocks, 1, 1, 16]`, optional | `f32` |
/// | input  | `shift` | as `scale`, optional                    | `f32` |
/// | output | `y`     | shape of `x`                            | `f32` |
///
/// Attributes: ``FusedActivation``.
struct BlockedAffine: TensorOperator {
  let activation: zoo_activation

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...3)
    activation = try FusedActivation.decode(node)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try ChannelBlocks.input(inputs, 0)
    for index in 1...2 where inputs.has(index) {
      let y = try ChannelBlocks.input(inputs, index)
      guard let shape = x.shape, let other = y.shape else { continue }
      let fits =
        (other[0].canBe(shape[0]) || other[0].canBe(.fixed(1))) && other[1].canBe(shape[1])
        && other[2].canBe(.fixed(1)) && other[3].canBe(.fixed(1))
      guard fits else {
        throw ModelError(
          .shapeMismatch, "input \(index) is \(other) for images \(shape)",
          expected: "one pixel for each image or for all")
      }
    }
    return [.tensor(x)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let x = try io.input(0).shape
    let (hasScale, hasShift, activation) = (io.has(1), io.has(2), activation)
    var periods: [Int] = []
    for index in 1...2 where io.has(index) {
      let shape = try io.input(index).shape
      guard shape[0] == x[0] || shape[0] == 1, shape[1] == x[1], shape[2] * shape[3] == 1 else {
        throw ModelError(
          .shapeMismatch, "input \(index) is \(shape) for images \(x)",
          expected: "one pixel for each image or for all")
      }
      periods.append(shape[0] * shape[1])
    }
    guard Set(periods).count <= 1 else {
      throw ModelError(
        .shapeMismatch, "scale and shift for \(periods) blocks", expected: "the same for both")
    }
    let (blocks, pixels) = (Int64(x[0] * x[1]), Int64(x[2] * x[3]))
    let period = Int64(periods.first ?? 1)
    return Kernel("affine_blocks_f32", reuses: [0: 0]) { context in
      zoo_blocked_affine_run(
        zoo_cpu_isa(), blocks, pixels, period, context.input(0),
        hasScale ? context.input(1) : nil, hasShift ? context.input(2) : nil, activation,
        context.output(), Int32(context.threads))
    }
  }
}
