import ZooRuntime

/// The integers that stand for real numbers: q = clamp(round(x / scale) + zeroPoint), rounded to nearest, ties to
/// even, as ONNX `QuantizeLinear` does.
public enum IntegerRange: String, Sendable, Codable, CaseIterable {
  /// −127 ... 127, zero point 0. −128 is left out, so that the range is symmetric.
  case int8
  /// −64 ... 64, zero point 0: with 8-bit activations, pairs of products fit 16 bits. For other runtimes' kernels on
  /// CPUs with AVX2 and without VNNI, which saturate otherwise.
  case int7
  /// 0 ... 255 with a zero point.
  case uint8
  /// −8 ... 7, zero point 0.
  case int4
  /// 0 ... 15 with a zero point.
  case uint4

  var lowest: Int {
    switch self {
    case .int8: -127
    case .int7: -64
    case .int4: -8
    case .uint8, .uint4: 0
    }
  }

  var highest: Int {
    switch self {
    case .int8: 127
    case .int7: 64
    case .uint8: 255
    case .int4: 7
    case .uint4: 15
    }
  }

  var bits: Int { self == .int4 || self == .uint4 ? 4 : 8 }

  var isSymmetric: Bool { self != .uint8 && self != .uint4 }

  var elementType: ElementType {
    switch self {
    case .int8, .int7: .i8
    case .uint8: .u8
    case .int4: .i4
    case .uint4: .u4
    }
  }

  /// The scale and zero point that cover `low ... high`, widened to hold 0, which is always exact: padding, ReLU and
  /// pruning make many zeros.
  func parameters(low: Float, high: Float) -> (scale: Float, zeroPoint: Int) {
    let low = min(low, 0)
    let high = max(high, 0)
    let scale: Float
    if isSymmetric {
      // The scale that lets both ends in: for −8 ... 7 they are not equally far from 0.
      scale = max(high / Float(highest), low / Float(lowest))
    } else {
      scale = high / Float(highest) - low / Float(highest)
    }
    guard scale >= Float.leastNormalMagnitude else { return (1, 0) }
    if isSymmetric { return (scale, 0) }
    let zeroPoint = (-low / scale).rounded(.toNearestOrEven)
    return (scale, min(max(Int(zeroPoint), 0), highest))
  }

  /// The integer nearest to `value`; 0's for NaN.
  @inline(__always)
  func quantize(_ value: Float, scale: Float, zeroPoint: Int) -> Int {
    let steps = (value / scale).rounded(.toNearestOrEven) + Float(zeroPoint)
    if steps.isNaN { return zeroPoint }
    return Int(min(max(steps, Float(lowest)), Float(highest)))
  }

  /// A tensor of integers, each within the range.
  func tensor(_ values: [Int8], shape: [Int]) throws(ModelError) -> Tensor {
    try Tensor(elementType, shape: shape) { bytes in
      if bits == 8 {
        values.withUnsafeBytes { bytes.copyMemory(from: $0) }
        return
      }
      for index in bytes.indices {
        let low = UInt8(bitPattern: values[2 * index]) & 15
        let high = 2 * index + 1 < values.count ? UInt8(bitPattern: values[2 * index + 1]) & 15 : 0
        bytes[index] = low | high << 4
      }
    }
  }
}
