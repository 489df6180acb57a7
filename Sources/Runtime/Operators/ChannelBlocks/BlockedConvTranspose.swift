import CKernels
import ModelFormat

/// `BlockedConvTranspose`: ``ConvTranspose`` from channel blocks with a kernel as large as its stride, without padding.
///
/// |        | name | shape                     | element types |
/// |--------|------|---------------------------|---------------|
/// | input  | `X`  | images in blocks          | `f32` |
/// | input  | `W`  | `[c, m, kh, kw]`          | `f32` |
/// | input  | `B`  | `[m]`, optional           | `f32` |
/// | output | `Y`  | images of `h · kh` × `w · kw` pixels, in blocks or in planes | `f32` |
/// | attr   | `planes` | whether the output is in planes: where all taps' channels fit into one block | default 0 |
///
/// Other attributes: ``FusedActivation``.
struct BlockedConvTranspose: TensorOperator {
  let givesPlanes: Bool
  let activation: zoo_activation

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...3)
    givesPlanes = try node.bool("planes", default: false)
    activation = try FusedActivation.decode(node)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try ChannelBlocks.input(inputs, 0)
    let w = try inputs.tensor(1, of: [.f32])
    guard let shape = x.shape, let weights = w.shape else { return [.tensor(.f32, nil)] }
    guard weights.rank == 4, shape[1].canBe(ChannelBlocks.count(weights[0])) else {
      throw ModelError(
        .shapeMismatch, "weights \(weights) for an input \(shape)", expected: "[c, m, kh, kw]")
    }
    let planes = Shape([shape[0], weights[1], shape[2] * weights[2], shape[3] * weights[3]])
    return [.tensor(.f32, givesPlanes ? planes : ChannelBlocks.shape(planes))]
  }

  /// The extents for a kernel.
  static func shape(_ x: [Int], _ w: [Int]) -> zoo_conv_shape {
    func axes(_ values: [Int], _ filler: Int64 = 1) -> (Int64, Int64, Int64) {
      (filler, Int64(values[0]), Int64(values[1]))
    }
    return zoo_conv_shape(
      batch: Int64(x[0]), groups: 1, in_channels: Int64(w[0]), out_channels: Int64(w[1]),
      input: axes([x[2], x[3]]), kernel: axes([w[2], w[3]]),
      output: axes([x[2] * w[2], x[3] * w[3]]), stride: axes([w[2], w[3]]),
      dilation: axes([1, 1]), pad: axes([0, 0], 0))
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let (x, w) = (try io.input(0).shape, try io.input(1).shape)
    let shape = Self.shape(x, w)
    let planes: Int32 = givesPlanes ? 1 : 0
    guard withUnsafePointer(to: shape, { zoo_blocked_spread_takes($0, planes) }) != 0 else {
      throw ModelError(
        .shapeMismatch, "weights \(w)", expected: "at most \(ChannelBlocks.lanes) numbers a channel"
      )
    }
    let isa = zoo_cpu_isa()
    let (hasBias, activation) = (io.has(2), activation)
    let bytes = withUnsafePointer(to: shape) {
      zoo_blocked_spread_packed_bytes(isa, $0, planes)
    }
    let bias = try io.constantRow(2)
    let packed = try bias.flatMap { (bias) throws(ModelError) in
      try io.packed(1, "spread_\(planes)\(bias.name)", replaces: true) {
        (weight) throws(ModelError) in
        var shape = shape
        return try Tensor(.u8, shape: [bytes]) { (to) throws(ModelError) in
          try weight.withElements(of: Float.self) { (from) throws(ModelError) in
            zoo_blocked_spread_pack(
              isa, &shape, planes, from.baseAddress, bias.values, to.baseAddress)
          }
        }
      }
    }
    return Kernel(
      "conv_transpose_blocks_f32_\(String(cString: zoo_isa_name(isa)))",
      scratchBytes: packed == nil ? bytes : 0
    ) { (context) throws(ModelError) in
      var shape = shape
      if let packed {
        try packed.withBytes { (weights) throws(ModelError) in
          zoo_blocked_spread_run(
            isa, &shape, planes, context.input(0), weights.baseAddress, activation,
            context.output(), Int32(context.threads))
        }
      } else {
        zoo_blocked_spread_pack(
          isa, &shape, planes, context.input(1), hasBias ? context.input(2) : nil, context.scratch)
        zoo_blocked_spread_run(
          isa, &shape, planes, context.input(0), context.scratch, activation, context.output(),
          Int32(context.threads))
      }
    }
  }
}
