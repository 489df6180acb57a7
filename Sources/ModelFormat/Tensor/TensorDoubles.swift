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
    case .f4e2m1, .f6e2m3, .f6e3m2: try smallFloats(unpackedCodes())
    case .string:
      throw ModelError(.elementTypeMismatch, "a tensor of strings", expected: "numbers")
    }
  }

  private func codes() throws(ModelError) -> [UInt8] {
    try withBytes { (bytes) throws(ModelError) in Array(bytes) }
  }

  private func smallFloats(_ codes: [UInt8]) -> [Double] {
    guard let format = SmallFloat(elementType) else { return [] }
    let table = (0...UInt16(UInt8.max)).map(format.value)
    return codes.map { table[Int($0)] }
  }
}
