import CKernels
import ModelFormat

/// `BlockedQuantizedJoin`: ``QuantizedJoin`` of codes in channel blocks, ``CodeBlocks``.
///
/// |        | name     | shape            | element types |
/// |--------|----------|------------------|---------------|
/// | input  | `a`, `b` | images in blocks, one of which may have one pixel | `f32`: codes − `a_zero`, `b_zero` |
/// | output | `c`      | images in blocks | `f32`: codes − `c_zero` |
///
/// Attributes: those of ``QuantizedJoin``.
struct BlockedQuantizedJoin: TensorOperator {
  private let join: zoo_qjoin

  init(_ node: NodeReader) throws(ModelError) { join = try QuantizedJoin.decode(node) }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let (a, b) = (try ChannelBlocks.input(inputs, 0), try ChannelBlocks.input(inputs, 1))
    guard let x = a.shape, let y = b.shape else { return [.tensor(.f32, nil)] }
    return [.tensor(.f32, try Shape.broadcast([x, y]))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let (a, b, c) = (try io.input(0).shape, try io.input(1).shape, try io.output().shape)
    let (aStep, bStep) = (try Self.step(a, in: c), try Self.step(b, in: c))
    let (blocks, pixels) = (Int64(c[0] * c[1]), Int64(c[2] * c[3]))
    let join = join
    return Kernel("join_blocks_f32", reuses: a == c ? [0: 0] : [:]) { context in
      var join = join
      zoo_code_blocks_join(
        zoo_cpu_isa(), &join, blocks, pixels, context.input(0), aStep, context.input(1), bStep,
        context.output(), Int32(context.threads))
    }
  }

  /// Numbers from one pixel of an operand to the next.
  private static func step(_ shape: [Int], in result: [Int]) throws(ModelError) -> Int64 {
    if shape == result { return Int64(ChannelBlocks.lanes) }
    guard shape[..<2] == result[..<2], shape[2] * shape[3] == 1 else {
      throw ModelError(
        .shapeMismatch, "an operand \(shape) for \(result)", expected: "its extents, or one pixel")
    }
    return 0
  }
}
