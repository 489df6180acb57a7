import LibC

/// How a float of few bits is laid out: sign, exponent, mantissa, and what stands for infinity and NaN.
///
/// Sources: OCP 8-bit Floating Point Specification 1.0 (E4M3, E5M2); Noune et al. 2022 (the FNUZ kinds);
/// OCP Microscaling Formats 1.0 (E8M0, E2M1, E2M3, E3M2); IEEE 754 binary16; bfloat16.
package struct SmallFloat: Sendable {
  package enum Special: Sendable {
    /// Infinities and NaNs at the greatest exponent, as in IEEE 754.
    case ieee
    /// One NaN, all bits below the sign set; no infinity.
    case nanOnly
    /// One NaN, the code of minus zero; no infinity, no minus zero.
    case nanAtMinusZero
    /// Neither.
    case none
  }

  package let exponentBits: Int
  package let mantissaBits: Int
  package let bias: Int
  package let special: Special

  package init?(_ type: ElementType) {
    switch type {
    case .f8e4m3fn: self.init(4, 3, 7, .nanOnly)
    case .f8e4m3fnuz: self.init(4, 3, 8, .nanAtMinusZero)
    case .f8e5m2: self.init(5, 2, 15, .ieee)
    case .f8e5m2fnuz: self.init(5, 2, 16, .nanAtMinusZero)
    case .f6e2m3: self.init(2, 3, 1, .none)
    case .f6e3m2: self.init(3, 2, 3, .none)
    case .f4e2m1: self.init(2, 1, 1, .none)
    case .f16: self.init(5, 10, 15, .ieee)
    case .bf16: self.init(8, 7, 127, .ieee)
    default: return nil
    }
  }

  private init(_ exponentBits: Int, _ mantissaBits: Int, _ bias: Int, _ special: Special) {
    self.exponentBits = exponentBits
    self.mantissaBits = mantissaBits
    self.bias = bias
    self.special = special
  }

  private var signBit: UInt16 { 1 << (exponentBits + mantissaBits) }
  private var topExponent: Int { (1 << exponentBits) - 1 }

  /// The code of the greatest finite value.
  private var greatest: UInt16 {
    switch special {
    case .ieee: UInt16(topExponent) << mantissaBits - 1
    case .nanOnly: signBit - 2
    case .nanAtMinusZero, .none: signBit - 1
    }
  }

  /// The code of NaN; minus zero where there is none, as ml_dtypes has it.
  private var nan: UInt16 {
    switch special {
    case .ieee: UInt16(topExponent) << mantissaBits | 1 << (mantissaBits - 1)
    case .nanOnly: signBit - 1
    case .nanAtMinusZero: signBit
    case .none: signBit
    }
  }

  /// The number that a code stands for.
  package func value(_ code: UInt16) -> Double {
    let magnitude = Int(code & (signBit - 1))
    let isNegative = code & signBit != 0
    if special == .nanAtMinusZero, code == signBit { return .nan }
    if special == .nanOnly, magnitude == Int(signBit) - 1 { return .nan }
    let exponent = magnitude >> mantissaBits
    let mantissa = magnitude & ((1 << mantissaBits) - 1)
    if special == .ieee, exponent == topExponent {
      return mantissa != 0 ? .nan : isNegative ? -.infinity : .infinity
    }
    let fraction = Double(mantissa) / Double(1 << mantissaBits)
    let result =
      exponent == 0
      ? scalbn(fraction, 1 - bias) : scalbn(1 + fraction, exponent - bias)
    return isNegative ? -result : result
  }

  /// The nearest code, ties to even.
  ///
  /// - Parameter saturates: Values beyond the greatest, and infinity, become the greatest; otherwise infinity or,
  ///   where there is none, NaN.
  package func code(_ value: Double, saturates: Bool) -> UInt16 {
    if value.isNaN { return nan }
    let sign: UInt16 = value.sign == .minus ? signBit : 0
    let overflow: UInt16 = {
      if saturates || special == .none { return greatest | sign }
      switch special {
      case .ieee: return UInt16(topExponent) << mantissaBits | sign
      case .nanOnly: return nan | sign
      case .nanAtMinusZero, .none: return nan
      }
    }()
    let magnitude = abs(value)
    if magnitude.isInfinite { return overflow }
    let exponent = magnitude == 0 ? 1 - bias : max(Int(magnitude.exponent), 1 - bias)
    // In units of the last place; a carry into the next exponent comes out right by itself.
    let units = scalbn(magnitude, mantissaBits - exponent).rounded(.toNearestOrEven)
    let code = Int(units) + ((exponent + bias - 1) << mantissaBits)
    if code > Int(greatest) { return overflow }
    if special == .nanAtMinusZero, code == 0 { return 0 }
    return UInt16(code) | sign
  }
}
