import CKernels
import ModelFormat

/// `BlockedConv`: ``Conv`` over two spatial axes, from and to channel blocks.
///
/// |        | name       | shape                       | element types |
/// |--------|------------|-----------------------------|---------------|
/// | input  | `X`        | images in blocks, or few channels in planes (of one row where `height` is left out) | `f32` |
/// | input  | `W`        | `[m, c / group, kh, kw]`    | `f32` |
/// | input  | `B`        | `[m]`, optional             | `f32` |
/// | input  | `residual` | shape of `Y`, optional      | `f32` |
/// | input  | `gain`     | `[m]`, constant, optional: `W` stands for `W · gain` | `f32` |
/// | input  | `scale`, `shift` | `[1, blocks, 1, 1, 16]`, optional: what follows the activation | `f32` |
/// | output | `Y`        | images in blocks            | `f32` |
///
///     Y = activation(conv(X, W) + B + residual) · scale + shift
///
/// Attributes: those of `FusedConv`. The kernel is chosen by an estimate of its cost; the environment variable
/// `ZOO_CONV` (`direct`, `winograd`) forces one where it can be used.
struct BlockedConv: TensorOperator {
  let geometry: ConvGeometry
  let activation: zoo_activation

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...7)
    geometry = try ConvGeometry(node)
    activation = try FusedActivation.decode(node)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: [.f32])
    let w = try inputs.tensor(1, of: [.f32])
    guard let shape = x.shape, let weights = w.shape else { return [.tensor(.f32, nil)] }
    return [.tensor(.f32, try geometry.blockedOutput(shape, weights))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let shape = try geometry.blockedShape(io)
    let isPlanar = try io.input(0).rank < 5
    let form = withUnsafePointer(to: shape) { zoo_blocked_conv_form($0, isPlanar ? 1 : 0) }
    let takes = withUnsafePointer(to: shape) { zoo_blocked_conv_takes($0, form) } != 0
    guard takes, !isPlanar || form == ZOO_BLOCKED_PLANES else {
      throw ModelError(
        .shapeMismatch, "a convolution of \(try io.input(0).shape) by \(try io.input(1).shape)",
        expected: "a shape that kernels over channel blocks take")
    }
    let isa = zoo_cpu_isa()
    let (hasBias, hasResidual, activation) = (io.has(2), io.has(3), activation)
    let hasGain = io.has(4)
    let scales = io.has(5) && io.has(6)
    let packed = try packed(io, shape, form, isa)
    let bytes = withUnsafePointer(to: shape) { zoo_blocked_conv_packed_bytes(isa, $0, form) }
    return Kernel(
      "conv_blocks_\(Self.names[form.rawValue] ?? "")_f32_\(String(cString: zoo_isa_name(isa)))",
      scratchBytes: packed == nil ? bytes : 0, reuses: hasResidual ? [0: 3] : [:]
    ) { (context) throws(ModelError) in
      var shape = shape
      var epilogue = zoo_blocked_epilogue()
      epilogue.activation = activation
      if hasResidual { epilogue.residual = context.input(3) }
      if scales { (epilogue.scale, epilogue.shift) = (context.input(5), context.input(6)) }
      if let packed {
        try packed.withBytes { (weights) throws(ModelError) in
          zoo_blocked_conv_run(
            isa, &shape, form, context.input(0), weights.baseAddress, context.output(), &epilogue,
            Int32(context.threads))
        }
      } else {
        zoo_blocked_conv_pack(
          isa, &shape, form, context.input(1), hasGain ? context.input(4) : nil,
          hasBias ? context.input(2) : nil, context.scratch)
        zoo_blocked_conv_run(
          isa, &shape, form, context.input(0), context.scratch, context.output(), &epilogue,
          Int32(context.threads))
      }
    }
  }

  private static let names = [
    ZOO_BLOCKED_DIRECT.rawValue: "direct", ZOO_BLOCKED_DEPTHWISE.rawValue: "depthwise",
    ZOO_BLOCKED_PLANES.rawValue: "first", ZOO_BLOCKED_WINOGRAD.rawValue: "winograd",
  ]

  /// Weights and bias, packed once; `nil` if they are not both constant.
  private func packed(
    _ io: NodeIO, _ shape: zoo_conv_shape, _ form: zoo_blocked_form, _ isa: zoo_isa
  ) throws(ModelError) -> Tensor? {
    guard let bias = try io.constantRow(2), let gain = try io.constantRow(4) else { return nil }
    // Winograd's form reads the weights of the direct one, so extents that differ in the form share them.
    let order = form == ZOO_BLOCKED_WINOGRAD ? ZOO_BLOCKED_DIRECT : form
    let layout = "blocks_\(order.rawValue)_\(geometry.groups)\(bias.name)\(gain.name)"
    return try io.packed(1, layout, replaces: true) { (weight) throws(ModelError) in
      var shape = shape
      return try Tensor(.u8, shape: [zoo_blocked_conv_packed_bytes(isa, &shape, form)]) {
        (to) throws(ModelError) in
        try weight.withElements(of: Float.self) { (from) throws(ModelError) in
          zoo_blocked_conv_pack(
            isa, &shape, form, from.baseAddress, gain.values, bias.values, to.baseAddress)
        }
      }
    }
  }
}

extension ConvGeometry {
  /// The shape in blocks of what a convolution gives of images in blocks or planes.
  func blockedOutput(_ x: Shape, _ weights: Shape) throws(ModelError) -> Shape {
    var planes = ChannelBlocks.images(x)
    if x.rank == 5 {
      guard x[4].canBe(.fixed(ChannelBlocks.lanes)) else {
        throw ModelError(.shapeMismatch, "an input \(x)", expected: "images in channel blocks")
      }
      planes = ChannelBlocks.planes(x, channels: weights[1] * .fixed(groups))
    }
    guard let y = try outputShape(planes, weights), y.rank == 4 else {
      throw ModelError(.shapeMismatch, "an input \(x)", expected: "images in blocks or planes")
    }
    return ChannelBlocks.shape(y)
  }

  /// The extents for a kernel, of input 0 and the weights in input 1.
  func blockedShape(_ io: NodeIO) throws(ModelError) -> zoo_conv_shape {
    let (x, w, y) = (try io.input(0).shape, try io.input(1).shape, try io.output().shape)
    var planes = x.count == 5 ? ChannelBlocks.planes(x, channels: w[1] * groups) : x
    if planes.count == 3 { planes.insert(1, at: 2) }
    let shape = kernelShape(x: planes, w: w, y: ChannelBlocks.planes(y, channels: w[0]))
    return shape.isColumn ? shape.turned : shape
  }
}

extension zoo_conv_shape {
  /// Whether images and kernel have one column.
  fileprivate var isColumn: Bool {
    input.2 == 1 && kernel.2 == 1 && output.2 == 1 && pad.2 == 0
  }

  /// The same convolution of images of one row, which lie the same in memory: a kernel works on the pixels of a row
  /// together.
  fileprivate var turned: zoo_conv_shape {
    var shape = self
    swap(&shape.input.1, &shape.input.2)
    swap(&shape.kernel.1, &shape.kernel.2)
    swap(&shape.output.1, &shape.output.2)
    swap(&shape.stride.1, &shape.stride.2)
    swap(&shape.dilation.1, &shape.dilation.2)
    swap(&shape.pad.1, &shape.pad.2)
    return shape
  }
}
