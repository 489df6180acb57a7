import CKernels

/// `QuantizeLinear`: numbers as integers or small floats.
///
///     y = saturate(round(x / scale) + zero point)          small floats: y = cast(x / scale + zero point)
///
/// |        | name    | shape | element types |
/// |--------|---------|-------|---------------|
/// | input  | `x`     | any   | `f32`, `f16`, `bf16`, `i32` |
/// | input  | `scale` | `[]`, `[extent of axis]`, or blocks along `axis` | floats, `i32`, `f8e8m0` |
/// | input  | `zero point` | shape of `scale` | type of `y`; optional |
/// | output | `y`     | shape of `x` | integers of 2 to 16 bits, floats of 8, 6 and 4 bits; default `u8` |
/// | attr   | `axis`, `block_size`, `saturate`, `output_dtype` | | defaults 1, 0, 1, – |
///
/// Halves are rounded to even. Division and rounding are exact in f32, so results do not depend on the instruction set;
/// attribute `precision`, which asks for less, changes nothing, as in ONNX Runtime.
/// Source: ONNX `QuantizeLinear`, opsets 10 to 28.
struct QuantizeLinear: TensorOperator {
  let axis: Int
  let blockSize: Int
  let saturates: Bool
  let target: ElementType?

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...3)
    axis = try node.int("axis", default: 1)
    blockSize = try node.int("block_size", default: 0)
    saturates = try node.bool("saturate", default: true)
    let named = node.has("output_dtype") ? try node.int("output_dtype") : 0
    target = named == 0 ? nil : try node.elementType("output_dtype")
    guard blockSize >= 0 else {
      throw ModelError(.invalidAttribute, "block_size is \(blockSize)", expected: "0 or more")
    }
  }

  static let codes: Set<ElementType> = [
    .u8, .i8, .u16, .i16, .u4, .i4, .u2, .i2, .f8e4m3fn, .f8e4m3fnuz, .f8e5m2, .f8e5m2fnuz, .f4e2m1,
    .f6e2m3, .f6e3m2,
  ]

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: [.f32, .f16, .bf16, .i32])
    _ = try inputs.tensor(1, of: [.f32, .f16, .bf16, .i32, .f8e8m0])
    let zero = inputs.has(2) ? try inputs.tensor(2, of: Self.codes).element : nil
    return [.tensor(zero ?? target ?? .u8, x.shape)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let x = try io.input(0)
    let y = try io.output()
    let scale = try io.input(1)
    let scales = try QuantizationScales(
      x.shape, scale: scale.shape, axis: axis, blockSize: blockSize)
    let parameters = try QuantizationParameters(io, codes: y.element)
    let (source, result) = (try ElementCodec(x.element), try ElementCodec(y.element))
    let saturates = saturates
    let isSigned = y.element == .i8
    let isFast =
      x.element == .f32 && scale.element == .f32 && (y.element == .u8 || isSigned)
      && scales.rowsShare
    return Kernel("quantize_\(y.element)", scratchBytes: parameters.bytes) { context in
      let (factors, zeros) = parameters.load(context)
      if isFast {
        Self.fast(context, scales, isSigned, factors, zeros)
      } else {
        let (from, to) = (context.inputBytes(0), context.outputBytes())
        let limits = result.type.isFloatingPoint ? nil : Self.limits(result.type)
        scales.forEachElement { at, index in
          var value = 0.0
          source.decode(from, at, 1, &value)
          value = Double(Float(value) / Float(factors[index]))
          if let limits {
            value = value.isNaN ? 0 : value.rounded(.toNearestOrEven)
            value = min(max(value + zeros[index], limits.0), limits.1)
          } else {
            value += zeros[index]
          }
          result.encode(&value, to, at, 1, saturates: saturates)
        }
      }
    }
  }

  private static func fast(
    _ context: borrowing KernelContext, _ scales: QuantizationScales, _ isSigned: Bool,
    _ factors: UnsafePointer<Double>, _ zeros: UnsafePointer<Double>
  ) {
    let x = context.input(0, as: Float.self)
    let y = context.outputBytes()
    let kernels = zoo_vector_kernels_for(zoo_cpu_isa()).pointee
    scales.forEachRun(context) { start, count, index in
      let (scale, zero) = (Float(factors[index]), Int32(zeros[index]))
      if isSigned {
        kernels.quantize_s8(
          x + start, (y + start).assumingMemoryBound(to: Int8.self), count, scale, zero)
      } else {
        kernels.quantize_u8(
          x + start, (y + start).assumingMemoryBound(to: UInt8.self), count, scale, zero)
      }
    }
  }

  private static func limits(_ type: ElementType) -> (Double, Double) {
    let width = type.bitWidth
    return type.isSignedInteger
      ? (-Double(1 << (width - 1)), Double(1 << (width - 1) - 1)) : (0, Double(1 << width - 1))
  }
}

/// Scales (input 1) and zero points (input 2, if it is there), which a kernel reads as f64.
struct QuantizationParameters: Sendable {
  private let count: Int
  private let hasZeros: Bool
  private let scaleCodec: ElementCodec
  private let zeroCodec: ElementCodec

  init(_ io: NodeIO, codes: ElementType) throws(ModelError) {
    let scale = try io.input(1)
    count = scale.count
    hasZeros = io.has(2)
    if hasZeros, try io.input(2).count != count {
      throw ModelError(
        .shapeMismatch, "zero points of shape \(try io.input(2).shape)", expected: "\(scale.shape)")
    }
    scaleCodec = try ElementCodec(scale.element)
    zeroCodec = try ElementCodec(codes)
  }

  var bytes: Int { 16 * max(count, 1) }

  /// Both, at the beginning of the scratch memory.
  func load(
    _ context: borrowing KernelContext
  ) -> (scales: UnsafePointer<Double>, zeros: UnsafePointer<Double>) {
    let scales = context.scratch.assumingMemoryBound(to: Double.self)
    let zeros = scales + count
    scaleCodec.decode(context.inputBytes(1), 0, count, scales)
    if hasZeros {
      zeroCodec.decode(context.inputBytes(2), 0, count, zeros)
    } else {
      zeros.update(repeating: 0, count: count)
    }
    return (UnsafePointer(scales), UnsafePointer(zeros))
  }
}
