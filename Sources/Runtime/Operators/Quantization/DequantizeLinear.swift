import CKernels

/// `DequantizeLinear`: what quantized codes stand for.
///
///     y = (x − zero point) · scale
///
/// |        | name    | shape | element types |
/// |--------|---------|-------|---------------|
/// | input  | `x`     | any   | integers of 2 to 32 bits, floats of 8, 6 and 4 bits |
/// | input  | `scale` | `[]`, `[extent of axis]`, or blocks along `axis` | `f32`, `f16`, `bf16`, `f8e8m0` |
/// | input  | `zero point` | shape of `scale` | type of `x`; optional |
/// | output | `y`     | shape of `x` | type of `scale`, or `output_dtype` |
/// | attr   | `axis`, `block_size`, `output_dtype` | | defaults 1, 0, – |
///
/// Source: ONNX `DequantizeLinear`, opsets 10 to 28.
struct DequantizeLinear: TensorOperator {
  let axis: Int
  let blockSize: Int
  let target: ElementType?

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...3)
    axis = try node.int("axis", default: 1)
    blockSize = try node.int("block_size", default: 0)
    let named = node.has("output_dtype") ? try node.int("output_dtype") : 0
    target = named == 0 ? nil : try node.elementType("output_dtype")
    guard blockSize >= 0 else {
      throw ModelError(.invalidAttribute, "block_size is \(blockSize)", expected: "0 or more")
    }
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: QuantizeLinear.codes.union([.i32]))
    let scale = try inputs.tensor(1, of: [.f32, .f16, .bf16, .f8e8m0])
    if inputs.has(2) { _ = try inputs.tensor(2, of: [x.element]) }
    let type = target ?? (scale.element == .f8e8m0 ? .f32 : scale.element)
    return [.tensor(type, x.shape)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let x = try io.input(0)
    let y = try io.output()
    let scales = try QuantizationScales(
      x.shape, scale: try io.input(1).shape, axis: axis, blockSize: blockSize)
    let parameters = try QuantizationParameters(io, codes: x.element)
    let (source, result) = (try ElementCodec(x.element), try ElementCodec(y.element))
    let element = x.element
    let isFast = y.element == .f32 && scales.rowsShare && [.u8, .i8, .i32].contains(element)
    return Kernel("dequantize_\(element)", scratchBytes: parameters.bytes) { context in
      let (factors, zeros) = parameters.load(context)
      if isFast {
        Self.fast(context, scales, element, factors, zeros)
      } else {
        let (from, to) = (context.inputBytes(0), context.outputBytes())
        scales.forEachElement { at, index in
          var value = 0.0
          source.decode(from, at, 1, &value)
          value = (value - zeros[index]) * factors[index]
          result.encode(&value, to, at, 1, saturates: true)
        }
      }
    }
  }

  private static func fast(
    _ context: borrowing KernelContext, _ scales: QuantizationScales, _ element: ElementType,
    _ factors: UnsafePointer<Double>, _ zeros: UnsafePointer<Double>
  ) {
    let x = context.inputBytes(0)
    let y = context.output(as: Float.self)
    let kernels = zoo_vector_kernels_for(zoo_cpu_isa()).pointee
    scales.forEachRun(context) { start, count, index in
      let (scale, zero) = (Float(factors[index]), Int32(zeros[index]))
      let to = y + start
      switch element {
      case .u8:
        let from = (x + start).assumingMemoryBound(to: UInt8.self)
        kernels.dequantize_u8(from, to, count, scale, zero)
      case .i8:
        let from = (x + start).assumingMemoryBound(to: Int8.self)
        kernels.dequantize_s8(from, to, count, scale, zero)
      default:
        let from = (x + 4 * start).assumingMemoryBound(to: Int32.self)
        kernels.dequantize_s32(from, to, count, scale, zero)
      }
    }
  }
}
