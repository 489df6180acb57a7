import CKernels
import ModelFormat

/// `BlockedQuantizeLinear`: real numbers in channel blocks, rounded as `QuantizeLinear` rounds them, ``CodeBlocks``.
///
/// |        | name | shape            | element types |
/// |--------|------|------------------|---------------|
/// | input  | `x`  | images in blocks | `f32`         |
/// | output | `y`  | shape of `x`     | `f32`: codes − `y_zero` |
/// | attr   | `y_scale`, `y_zero`, `y_type` | what codes stand for | |
struct BlockedQuantizeLinear: TensorOperator {
  private let form: zoo_qform

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    guard let y = try QuantizedEpilogue.Codes(node, "y") else {
      throw ModelError(.invalidAttribute, "no 8-bit y_type", expected: "that of u8 or i8")
    }
    form = zoo_qform(is_signed: y.element == .i8 ? 1 : 0, scale: y.scale, zero: Int32(y.zero))
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    [.tensor(try ChannelBlocks.input(inputs, 0))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let (count, form) = (Int64(try io.output().count), form)
    return Kernel("quantize_blocks_f32", reuses: [0: 0]) { context in
      var form = form
      zoo_code_blocks_quantize(
        zoo_cpu_isa(), count, context.input(0), &form, context.output(), Int32(context.threads))
    }
  }
}
