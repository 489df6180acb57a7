import CKernels
import ModelFormat

/// `DynamicQuantizeLinear`: quantizes a tensor by its own range, which is made to include 0.
///
///     y_scale = (max(x, 0) − min(x, 0)) / 255;   y_zero_point = round(−min(x, 0) / y_scale)
///     y = saturate(round(x / y_scale) + y_zero_point)
///
/// |        | name           | shape        | element types |
/// |--------|----------------|--------------|---------------|
/// | input  | `x`            | any          | `f32`         |
/// | output | `y`            | shape of `x` | `u8`          |
/// | output | `y_scale`      | `[]`         | `f32`         |
/// | output | `y_zero_point` | `[]`         | `u8`          |
///
/// Ties round to even; a tensor of zeros has scale 1. Source: ONNX `DynamicQuantizeLinear`, opset 11.
struct DynamicQuantizeLinear: TensorOperator {
  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1, outputs: 1...3)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: [.f32])
    return [.tensor(.u8, x.shape), .tensor(.f32, []), .tensor(.u8, [])]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let count = try io.input(0).count
    let isa = zoo_cpu_isa()
    let wanted = (0..<3).map { $0 < io.outputs.count && io.outputs[$0] != nil }
    // What nobody wants goes to scratch memory.
    let tail = (count + 63) / 64 * 64
    return Kernel("quantize_dynamic", scratchBytes: tail + 128) { (context) throws(ModelError) in
      let scratch = context.scratch
      let y = wanted[0] ? context.outputBytes(0) : scratch
      let scale = wanted[1] ? context.outputBytes(1) : scratch + tail
      let zero = wanted[2] ? context.outputBytes(2) : scratch + tail + 64
      zoo_quantize_dynamic(
        isa, 1, Int64(count), context.input(0), y.assumingMemoryBound(to: UInt8.self),
        scale.assumingMemoryBound(to: Float.self), zero.assumingMemoryBound(to: UInt8.self),
        Int32(context.threads))
    }
  }
}
