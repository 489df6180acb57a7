import CKernels

/// `BlockedSelect`: images in channel blocks, made of some channels of others in any order.
///
///     y[…, i, …] = x[…, channels[i], …]
///
/// |        | name | shape            | element types |
/// |--------|------|------------------|---------------|
/// | input  | `x`  | images in blocks | `f32`         |
/// | output | `y`  | images in blocks | `f32`         |
/// | attr   | `channels` | the input channel of each output channel | |
/// | attr   | `input_channels` | how many lanes of `x` are channels | |
struct BlockedSelect: TensorOperator {
  let channels: [Int32]
  let inputChannels: Int

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    let inputChannels = try node.int("input_channels")
    let channels = try node.ints("channels")
    guard !channels.isEmpty, inputChannels <= Int(Int32.max),
      channels.allSatisfy({ (0..<max(inputChannels, 0)).contains($0) })
    else {
      throw ModelError(
        .invalidAttribute, "channels is \(channels) of \(inputChannels)",
        expected: "numbers of channels")
    }
    self.inputChannels = inputChannels
    self.channels = channels.map { Int32($0) }
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    guard var shape = try ChannelBlocks.input(inputs, 0).shape else { return [.tensor(.f32, nil)] }
    guard shape[1].canBe(.fixed(ChannelBlocks.count(inputChannels))) else {
      throw ModelError(
        .shapeMismatch, "\(shape[1]) blocks for \(inputChannels) channels",
        expected: "\(ChannelBlocks.count(inputChannels))")
    }
    shape[1] = .fixed(ChannelBlocks.count(channels.count))
    return [.tensor(.f32, shape)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let x = try io.input(0).shape
    let (images, pixels, channels) = (Int64(x[0]), Int64(x[2] * x[3]), channels)
    let inputChannels = Int64(inputChannels)
    return Kernel("select_blocks_f32") { context in
      zoo_blocks_select(
        images, inputChannels, Int64(channels.count), pixels, channels, context.input(0),
        context.output(), Int32(context.threads))
    }
  }
}
