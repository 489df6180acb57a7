import CKernels
import ModelFormat

/// `BlockedQuantizedAverage`: the ``QuantizedPool`` that is `global`, of codes in channel blocks, ``CodeBlocks``.
///
/// |        | name | shape                       | element types |
/// |--------|------|-----------------------------|---------------|
/// | input  | `x`  | images in blocks            | `f32`: codes − their zero point |
/// | output | `y`  | images in blocks of 1 × 1   | `f32`: codes − `y_zero`, real numbers without `y_type` |
/// | attr   | `x_scale`, `y_scale`, `y_zero`, `y_type` | what codes stand for | |
struct BlockedQuantizedAverage: TensorOperator {
  private let scale: Float
  private let y: QuantizedEpilogue.Codes?

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    scale = try node.float("x_scale")
    y = try QuantizedEpilogue.Codes(node, "y")
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    guard let x = try ChannelBlocks.input(inputs, 0).shape else { return [.tensor(.f32, nil)] }
    return [.tensor(.f32, Shape([x[0], x[1], .fixed(1), .fixed(1), x[4]]))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let x = try io.input(0).shape
    let (blocks, pixels, scale) = (Int64(x[0] * x[1]), Int64(x[2] * x[3]), scale)
    let form = y.map {
      zoo_qform(is_signed: $0.element == .i8 ? 1 : 0, scale: $0.scale, zero: Int32($0.zero))
    }
    return Kernel("average_blocks_f32") { context in
      let threads = Int32(context.threads)
      if var form {
        zoo_code_blocks_average(
          zoo_cpu_isa(), blocks, pixels, scale, &form, context.input(0), context.output(), threads)
      } else {
        zoo_code_blocks_average(
          zoo_cpu_isa(), blocks, pixels, scale, nil, context.input(0), context.output(), threads)
      }
    }
  }
}
