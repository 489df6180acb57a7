import CKernels

/// The layout in which images are computed between convolutions: `[batch, ⌈channels / 16⌉, height, width, 16]`.
///
/// A value in channel blocks is an ordinary tensor of rank 5; how many of its last block's lanes are channels is
/// known to the nodes that need to know it. Lanes beyond the last channel hold anything, and no operator lets them
/// reach others. ``ChannelBlocking`` is the pass that chooses where the layout is used; operators of domain `zoo`
/// that work on it say so, elementwise ones work on it as they are.
enum ChannelBlocks {
  static let lanes = Int(ZOO_CHANNEL_BLOCK)

  /// The shape in blocks of images `[batch, channels, height, width]`.
  static func shape(_ planes: Shape) -> Shape {
    Shape([planes[0], count(planes[1]), planes[2], planes[3], .fixed(lanes)])
  }

  /// The shape in planes of images in blocks.
  static func planes(_ blocks: Shape, channels: Dimension) -> Shape {
    Shape([blocks[0], channels, blocks[2], blocks[3]])
  }

  static func planes(_ blocks: [Int], channels: Int) -> [Int] {
    [blocks[0], channels, blocks[2], blocks[3]]
  }

  /// `[batch, channels, width]` as images of one row.
  static func images(_ planes: Shape) -> Shape {
    planes.rank == 3 ? Shape([planes[0], planes[1], .fixed(1), planes[2]]) : planes
  }

  /// Blocks that hold so many channels.
  static func count(_ channels: Dimension) -> Dimension {
    (channels + .fixed(lanes - 1)) / .fixed(lanes)
  }

  static func count(_ channels: Int) -> Int { (channels + lanes - 1) / lanes }

  /// Input `index`, which has to be images in blocks.
  static func input(_ inputs: Operands, _ index: Int) throws(ModelError) -> TensorType {
    let x = try inputs.tensor(index, of: [.f32])
    if let shape = x.shape, shape.rank != 5 || !shape[4].canBe(.fixed(lanes)) {
      throw ModelError(
        .shapeMismatch, "input \(index) is \(shape)",
        expected: "images in channel blocks, [batch, blocks, height, width, \(lanes)]")
    }
    return x
  }
}

/// `ToChannelBlocks`: images `[batch, channels, height, width]` of `f32` in channel blocks; without `height` they are
/// images of one row. With the attribute `channels_last` they are `[batch, height, width, channels]`.
struct ToChannelBlocks: TensorOperator {
  let channelsLast: Bool

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    channelsLast = try node.bool("channels_last", default: false)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: [.f32])
    guard let shape = x.shape else { return [.tensor(.f32, nil)] }
    guard (channelsLast ? 4...4 : 3...4).contains(shape.rank) else {
      throw ModelError(
        .shapeMismatch, "the input is \(shape)",
        expected: channelsLast
          ? "[batch, height, width, channels]" : "[batch, channels, height, width]")
    }
    let planes =
      channelsLast
      ? Shape([shape[0], shape[3], shape[1], shape[2]]) : ChannelBlocks.images(shape)
    return [.tensor(.f32, ChannelBlocks.shape(planes))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let x = try io.input(0).shape
    let channels = channelsLast ? x[3] : x[1]
    let pixels = channelsLast ? x[1] * x[2] : x[2...].reduce(1, *)
    // Single pixels, and single blocks of channels last, lie the same way in both layouts.
    let isOneBlock = channelsLast && channels == ChannelBlocks.lanes
    if (pixels == 1 && channels % ChannelBlocks.lanes == 0) || isOneBlock { return .alias() }
    let (images, count, plane) = (Int64(x[0]), Int64(channels), Int64(pixels))
    if channelsLast {
      return Kernel("blocks_from_pixels_f32") { context in
        zoo_blocks_from_pixels(
          images, count, plane, context.input(0), context.output(), Int32(context.threads))
      }
    }
    return Kernel("blocks_from_planes_f32") { context in
      zoo_blocks_from_planes(
        zoo_cpu_isa(), images, count, plane, context.input(0), context.output(),
        Int32(context.threads))
    }
  }
}

/// `FromChannelBlocks`: images in channel blocks as `[batch, channels, height, width]`.
///
/// | attr | meaning |
/// |---|---|
/// | `channels` | how many lanes are channels |
/// | `rank` | 4, or 3 for `[batch, channels, width]` of images of one row |
/// | `channels_last` | 1 for `[batch, height, width, channels]` |
struct FromChannelBlocks: TensorOperator {
  let channels: Int
  let rank: Int
  let channelsLast: Bool

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    channels = try node.int("channels")
    rank = try node.int("rank", default: 4)
    guard (3...4).contains(rank) else {
      throw ModelError(.invalidAttribute, "rank is \(rank)", expected: "3 or 4")
    }
    channelsLast = try node.bool("channels_last", default: false)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try ChannelBlocks.input(inputs, 0)
    guard let shape = x.shape else { return [.tensor(.f32, nil)] }
    guard shape[1].canBe(.fixed(ChannelBlocks.count(channels))) else {
      throw ModelError(
        .shapeMismatch, "\(shape[1]) blocks for \(channels) channels",
        expected: "\(ChannelBlocks.count(channels))")
    }
    let planes = ChannelBlocks.planes(shape, channels: .fixed(channels))
    if channelsLast {
      return [.tensor(.f32, Shape([planes[0], planes[2], planes[3], planes[1]]))]
    }
    guard rank == 3 else { return [.tensor(.f32, planes)] }
    guard planes[2].canBe(1) else {
      throw ModelError(.shapeMismatch, "\(shape[2]) rows", expected: "1")
    }
    return [.tensor(.f32, Shape([planes[0], planes[1], planes[3]]))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let x = try io.input(0).shape
    let (images, channels, pixels) = (Int64(x[0]), Int64(channels), Int64(x[2] * x[3]))
    let isOneBlock = channelsLast && self.channels == ChannelBlocks.lanes
    if (pixels == 1 && self.channels % ChannelBlocks.lanes == 0) || isOneBlock { return .alias() }
    if channelsLast {
      return Kernel("pixels_from_blocks_f32") { context in
        zoo_pixels_from_blocks(
          images, channels, pixels, context.input(0), context.output(), Int32(context.threads))
      }
    }
    return Kernel("planes_from_blocks_f32") { context in
      zoo_planes_from_blocks(
        zoo_cpu_isa(), images, channels, pixels, context.input(0), context.output(),
        Int32(context.threads))
    }
  }
}

extension NodeIO {
  /// A row that is packed together with weights, such as a bias: its numbers (`nil` if it is left out) and a name that
  /// tells it from other rows of the same weights; `nil` if it is no constant.
  func constantRow(_ index: Int) throws(ModelError) -> (values: [Float]?, name: String)? {
    guard has(index) else { return (nil, "") }
    let operand = try input(index)
    guard operand.weight != nil, let value = operand.value else { return nil }
    return (try value.array(of: Float.self), weightName(index))
  }

  /// What tells this input's weight from others in the name of a layout that depends on it; "" if it is no weight.
  func weightName(_ index: Int) -> String {
    guard has(index), let weight = inputs[index]?.weight else { return "" }
    return "_\(index):\(weight.index)"
  }

  /// The same with another shape for input `index`.
  func replacing(input index: Int, shape: [Int]) -> NodeIO {
    var inputs = inputs
    inputs[index] = inputs[index].map {
      Operand(element: $0.element, shape: shape, value: $0.value, weight: $0.weight)
    }
    return NodeIO(
      inputs: inputs, outputs: outputs, packedWeights: packedWeights, threads: threads)
  }
}
