/// How the bits of a float of 8 or 4 bits are read.
///
/// Source: OCP 8-bit Floating Point Specification 1.0 (`E4M3`, `E5M2`), OCP Microscaling Formats 1.0 (`E2M1`,
/// `E8M0`), and for the `UZ` kinds Noune et al., "8-bit Numerical Formats for Deep Neural Networks", 2022.
public struct SmallFloatFormat: Sendable {
  public let exponentBits: Int
  public let mantissaBits: Int
  public let bias: Int
  /// Whether the top exponent stands for infinities and NaN as in IEEE 754.
  public let hasInfinity: Bool
  /// The one bit pattern (sign aside) that is NaN where there are no infinities; `nil` if there is none.
  let nan: UInt8?
  /// Whether there is no −0: its pattern is NaN.
  public let isUnsignedZero: Bool

  /// The format of an element type, `nil` for all but `f8e4m3fn`, `f8e4m3fnuz`, `f8e5m2`, `f8e5m2fnuz`, `f4e2m1`.
  public init?(_ type: ElementType) {
    switch type {
    case .f8e4m3fn: self.init(4, 3, 7, infinity: false, nan: 0x7F, unsignedZero: false)
    case .f8e4m3fnuz: self.init(4, 3, 8, infinity: false, nan: nil, unsignedZero: true)
    case .f8e5m2: self.init(5, 2, 15, infinity: true, nan: nil, unsignedZero: false)
    case .f8e5m2fnuz: self.init(5, 2, 16, infinity: false, nan: nil, unsignedZero: true)
    case .f4e2m1: self.init(2, 1, 1, infinity: false, nan: nil, unsignedZero: false)
    default: return nil
    }
  }

  private init(
    _ exponentBits: Int, _ mantissaBits: Int, _ bias: Int, infinity: Bool, nan: UInt8?,
    unsignedZero: Bool
  ) {
    self.exponentBits = exponentBits
    self.mantissaBits = mantissaBits
    self.bias = bias
    hasInfinity = infinity
    self.nan = nan
    isUnsignedZero = unsignedZero
  }

  /// The number that a bit pattern stands for.
  public func decode(_ code: UInt8) -> Float {
    let signBit = UInt8(1) << UInt8(exponentBits + mantissaBits)
    let magnitude = code & (signBit - 1)
    let isNegative = code & signBit != 0
    if isUnsignedZero && isNegative && magnitude == 0 || magnitude == nan { return .nan }
    let exponent = Int(magnitude >> UInt8(mantissaBits))
    let mantissa = Int(magnitude) & ((1 << mantissaBits) - 1)
    if hasInfinity && exponent == (1 << exponentBits) - 1 {
      if mantissa != 0 { return .nan }
      return isNegative ? -.infinity : .infinity
    }
    let significand = exponent == 0 ? mantissa : mantissa + (1 << mantissaBits)
    let scale = Double(
      sign: .plus, exponent: max(exponent, 1) - bias - mantissaBits, significand: 1)
    let value = Float(Double(significand) * scale)
    return isNegative ? -value : value
  }
}

extension Tensor {
  /// All elements as `Double`s, exactly but for large `i64` and `u64`; `false` is 0, `true` 1; the two parts of a
  /// complex number follow each other.
  ///
  /// - Throws: `.elementTypeMismatch` for strings.
  public func doubles() throws(ModelError) -> [Double] {
    switch elementType {
    case .f32: try array(of: Float.self).map(Double.init)
    case .f64: try array(of: Double.self)
    case .f16: try array(of: Float16.self).map(Double.init)
    case .bf16: try array(of: BFloat16.self).map { Double($0.float) }
    case .i8: try array(of: Int8.self).map(Double.init)
    case .i16: try array(of: Int16.self).map(Double.init)
    case .i32: try array(of: Int32.self).map(Double.init)
    case .i64: try array(of: Int64.self).map(Double.init)
    case .u8: try array(of: UInt8.self).map(Double.init)
    case .u16: try array(of: UInt16.self).map(Double.init)
    case .u32: try array(of: UInt32.self).map(Double.init)
    // `Double.init` alone would mean the one that takes bits.
    case .u64: try array(of: UInt64.self).map { Double($0) }
    case .bool: try array(of: Bool.self).map { $0 ? 1 : 0 }
    case .c64: try array(of: Complex64.self).flatMap { [Double($0.real), Double($0.imaginary)] }
    case .c128: try array(of: Complex128.self).flatMap { [$0.real, $0.imaginary] }
    case .u4, .u2: try unpackedCodes().map(Double.init)
    case .i4: try unpackedCodes().map { Double(Int8(bitPattern: $0 << 4) >> 4) }
    case .i2: try unpackedCodes().map { Double(Int8(bitPattern: $0 << 6) >> 6) }
    case .f8e8m0:
      try codes().map {
        $0 == 255 ? .nan : Double(sign: .plus, exponent: Int($0) - 127, significand: 1)
      }
    case .f8e4m3fn, .f8e4m3fnuz, .f8e5m2, .f8e5m2fnuz: try smallFloats(codes())
    case .f4e2m1: try smallFloats(unpackedCodes())
    case .string:
      throw ModelError(.elementTypeMismatch, "a tensor of strings", expected: "numbers")
    }
  }

  private func codes() throws(ModelError) -> [UInt8] {
    try withBytes { (bytes) throws(ModelError) in Array(bytes) }
  }

  private func smallFloats(_ codes: [UInt8]) -> [Double] {
    guard let format = SmallFloatFormat(elementType) else { return [] }
    let table = (0...UInt8.max).map { Double(format.decode($0)) }
    return codes.map { table[Int($0)] }
  }
}
