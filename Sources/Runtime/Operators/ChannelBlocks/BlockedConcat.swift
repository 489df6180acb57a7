import CKernels

/// `BlockedConcat`: images in channel blocks one after the other, along channels.
///
/// |        | name | shape                                        | element types |
/// |--------|------|----------------------------------------------|---------------|
/// | input  | any number | images in blocks, all of the same extents | `f32` |
/// | output | `y`  | images in blocks                             | `f32` |
/// | attr   | `channels` | of each input                          | |
struct BlockedConcat: TensorOperator {
  let channels: [Int]

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...Int.max)
    channels = try node.ints("channels")
    guard channels.count == node.inputCount, channels.allSatisfy({ $0 > 0 }) else {
      throw ModelError(
        .invalidAttribute, "channels is \(channels)", expected: "one number for each input")
    }
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let first = try ChannelBlocks.input(inputs, 0)
    guard var shape = first.shape else { return [.tensor(.f32, nil)] }
    for index in 0..<inputs.count {
      guard let other = try ChannelBlocks.input(inputs, index).shape else { continue }
      let blocks = Dimension.fixed(ChannelBlocks.count(channels[index]))
      for (axis, wanted) in [shape[0], blocks, shape[2], shape[3]].enumerated()
      where !other[axis].canBe(wanted) {
        throw ModelError(
          .shapeMismatch, "input \(index) is \(other)", expected: "\(wanted) along axis \(axis)")
      }
    }
    shape[1] = .fixed(ChannelBlocks.count(channels.reduce(0, +)))
    return [.tensor(.f32, shape)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let y = try io.output().shape
    let (images, pixels, channels) = (Int64(y[0]), Int64(y[2] * y[3]), channels)
    for index in channels.indices {
      let shape = try io.input(index).shape
      guard shape[0] == y[0], shape[2] == y[2], shape[3] == y[3],
        shape[1] == ChannelBlocks.count(channels[index])
      else {
        throw ModelError(.shapeMismatch, "input \(index) is \(shape)", expected: "extents as \(y)")
      }
    }
    let total = Int64(channels.reduce(0, +))
    return Kernel("concat_blocks_f32") { context in
      var first: Int64 = 0
      for (index, count) in channels.enumerated() {
        zoo_blocks_insert(
          images, Int64(count), pixels, context.input(index), first, total, context.output(),
          Int32(context.threads))
        first += Int64(count)
      }
    }
  }
}
