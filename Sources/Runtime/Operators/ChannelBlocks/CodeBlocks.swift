import CKernels
import ModelFormat

/// 8-bit images in channel blocks, as `f32`: the differences code − zero point, in the layout ``ChannelBlocks``.
///
/// Products and sums of such numbers are exact while they stay within ±2²⁴. Kernels for real numbers then give what
/// those for bytes give, to the bit. ``CodeBlocking`` is the pass that chooses where they do.
enum CodeBlocks {
  /// Below this, whole numbers and their sums are exact.
  static let exactLimit = 1 << 24

  /// 8-bit weights less their zero points, one or one for each of the first axis' lines.
  static func differences(_ codes: Tensor, _ zeros: Tensor?) throws(ModelError) -> [Float] {
    let numbers =
      codes.elementType == .i8
      ? try codes.array(of: Int8.self).map(Float.init)
      : try codes.array(of: UInt8.self).map(Float.init)
    let zeros = (zeros.flatMap(QuantizedMatcher.integers) ?? [0]).map(Float.init)
    if zeros == [0] { return numbers }
    let line = max(1, numbers.count / max(codes.shape.first ?? 1, 1))
    return numbers.indices.map { numbers[$0] - zeros[zeros.count == 1 ? 0 : $0 / line] }
  }
}

/// `CodesToChannelBlocks`: 8-bit images `[batch, channels, height, width]` in channel blocks, less `zero`, as `f32`. With
/// the attribute `channels_last` they are `[batch, height, width, channels]`.
struct CodesToChannelBlocks: TensorOperator {
  private let zero: Int
  private let channelsLast: Bool

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    zero = try node.int("zero")
    channelsLast = try node.bool("channels_last", default: false)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: QuantizedProduct.elements)
    guard let shape = x.shape else { return [.tensor(.f32, nil)] }
    guard shape.rank == 4 else {
      throw ModelError(.shapeMismatch, "the input is \(shape)", expected: "images of four axes")
    }
    return [.tensor(.f32, ChannelBlocks.shape(channelsLast ? shape.channelsFirst : shape))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let x = try io.input(0)
    let layout = zoo_code_layout(
      x.shape, channelsLast: channelsLast, isSigned: x.element == .i8, zero)
    return Kernel("blocks_from_codes") { context in
      var layout = layout
      zoo_code_blocks_from_bytes(
        zoo_cpu_isa(), &layout, context.input(0), context.output(), Int32(context.threads))
    }
  }
}

/// `CodesFromChannelBlocks`: the reverse of ``CodesToChannelBlocks``.
///
/// | attr | meaning |
/// |---|---|
/// | `channels` | how many lanes are channels |
/// | `zero`, `type` | zero point and element type of the codes |
/// | `channels_last` | 1 for `[batch, height, width, channels]` |
struct CodesFromChannelBlocks: TensorOperator {
  private let channels: Int
  private let zero: Int
  private let element: ElementType
  private let channelsLast: Bool

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    channels = try node.int("channels")
    zero = try node.int("zero")
    element = try node.elementType("type")
    channelsLast = try node.bool("channels_last", default: false)
    guard QuantizedProduct.elements.contains(element) else {
      throw ModelError(.invalidAttribute, "type is \(element)", expected: "u8 or i8")
    }
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    guard let x = try ChannelBlocks.input(inputs, 0).shape else { return [.tensor(element, nil)] }
    guard x[1].canBe(.fixed(ChannelBlocks.count(channels))) else {
      throw ModelError(
        .shapeMismatch, "\(x[1]) blocks for \(channels) channels",
        expected: "\(ChannelBlocks.count(channels))")
    }
    let planes = ChannelBlocks.planes(x, channels: .fixed(channels))
    return [.tensor(element, channelsLast ? planes.channelsLast : planes)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let layout = zoo_code_layout(
      try io.output().shape, channelsLast: channelsLast, isSigned: element == .i8, zero)
    return Kernel("codes_from_blocks") { context in
      var layout = layout
      zoo_code_blocks_to_bytes(
        zoo_cpu_isa(), &layout, context.input(0), context.output(), Int32(context.threads))
    }
  }
}

extension zoo_code_layout {
  fileprivate init(_ shape: [Int], channelsLast: Bool, isSigned: Bool, _ zero: Int) {
    let pixels = channelsLast ? shape[1] * shape[2] : shape[2] * shape[3]
    self.init(
      images: Int64(shape[0]), channels: Int64(channelsLast ? shape[3] : shape[1]),
      pixels: Int64(pixels), channels_last: channelsLast ? 1 : 0, is_signed: isSigned ? 1 : 0,
      zero: Int32(zero))
  }
}
