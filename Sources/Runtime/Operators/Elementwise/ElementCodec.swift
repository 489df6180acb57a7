import CKernels
import LibC
import ModelFormat

/// Reads and writes elements of any numeric type, those of fewer than 8 bits included, as numbers of 64 bits.
struct ElementCodec: Sendable {
  /// How a value becomes an `f8e8m0` power of two.
  enum PowerRounding: Sendable { case up, down, nearest }

  let type: ElementType
  private let scalar: zoo_scalar?
  private let format: SmallFloat?
  /// The value of each code of a small float.
  private let table: [Double]

  /// - Throws: `.elementTypeMismatch` for strings and complex numbers.
  init(_ type: ElementType) throws(ModelError) {
    self.type = type
    scalar = type.scalar
    format = scalar == nil ? SmallFloat(type) : nil
    if type == .f8e8m0 {
      table = (0..<256).map { $0 == 255 ? .nan : scalbn(1, $0 - 127) }
    } else if let format {
      table = (0..<(1 << type.bitWidth)).map { format.value(UInt16($0)) }
    } else {
      table = []
    }
    guard scalar != nil || !table.isEmpty || type.isInteger else {
      throw ModelError(.elementTypeMismatch, "a tensor of \(type)", expected: "numbers")
    }
  }

  private func code(_ base: UnsafeRawPointer, _ index: Int) -> UInt8 {
    let width = type.bitWidth
    if width == 8 { return base.load(fromByteOffset: index, as: UInt8.self) }
    return PackedCodes(width: width).load(base, index)
  }

  private func store(_ code: UInt8, _ base: UnsafeMutableRawPointer, _ index: Int) {
    let width = type.bitWidth
    if width == 8 {
      base.storeBytes(of: code, toByteOffset: index, as: UInt8.self)
      return
    }
    PackedCodes(width: width).store(code, base, index)
  }

  private func integer(_ code: UInt8) -> Int64 {
    guard type.isSignedInteger else { return Int64(code) }
    let shift = 8 - type.bitWidth
    return Int64(Int8(bitPattern: code << UInt8(shift)) >> Int8(shift))
  }

  /// Elements `start ..< start + count` of those at `base`.
  func decode(
    _ base: UnsafeRawPointer, _ start: Int, _ count: Int, _ values: UnsafeMutablePointer<Double>
  ) {
    if let scalar {
      zoo_cast(base + start * (type.bitWidth / 8), scalar, values, zoo_f64, count)
    } else if table.isEmpty {
      for i in 0..<count { values[i] = Double(integer(code(base, start + i))) }
    } else {
      for i in 0..<count { values[i] = table[Int(code(base, start + i))] }
    }
  }

  /// The same of an integer type, to the last bit.
  func decode(
    _ base: UnsafeRawPointer, _ start: Int, _ count: Int, _ values: UnsafeMutablePointer<Int64>
  ) {
    if let scalar {
      zoo_cast(base + start * (type.bitWidth / 8), scalar, values, zoo_i64, count)
    } else {
      for i in 0..<count { values[i] = integer(code(base, start + i)) }
    }
  }

  /// - Parameter saturates: What lies beyond a small float's greatest value becomes that value, not infinity or NaN.
  func encode(
    _ values: UnsafePointer<Double>, _ base: UnsafeMutableRawPointer, _ start: Int, _ count: Int,
    saturates: Bool, rounding: PowerRounding = .up
  ) {
    if let scalar {
      zoo_cast(values, zoo_f64, base + start * (type.bitWidth / 8), scalar, count)
    } else if type == .f8e8m0 {
      for i in 0..<count { store(Self.power(values[i], saturates, rounding), base, start + i) }
    } else if let format {
      for i in 0..<count {
        let code = format.code(values[i], saturates: saturates)
        store(UInt8(truncatingIfNeeded: code), base, start + i)
      }
    } else {
      for i in 0..<count {
        let value = values[i].isFinite ? values[i] : 0
        let whole = Int64(exactly: value.rounded(.towardZero)) ?? 0
        store(UInt8(truncatingIfNeeded: whole), base, start + i)
      }
    }
  }

  /// Cut off to the type's width.
  func encode(
    _ values: UnsafePointer<Int64>, _ base: UnsafeMutableRawPointer, _ start: Int, _ count: Int
  ) {
    if let scalar {
      zoo_cast(values, zoo_i64, base + start * (type.bitWidth / 8), scalar, count)
    } else {
      for i in 0..<count { store(UInt8(truncatingIfNeeded: values[i]), base, start + i) }
    }
  }

  private static func power(_ value: Double, _ saturates: Bool, _ rounding: PowerRounding) -> UInt8
  {
    if value.isNaN { return 255 }
    let magnitude = abs(value)
    if magnitude == 0 { return saturates ? 0 : 255 }
    if magnitude.isInfinite { return saturates ? 254 : 255 }
    var exponent = Int(magnitude.exponent)
    switch rounding {
    case .up: exponent += magnitude.significand > 1 ? 1 : 0
    case .down: break
    case .nearest: exponent += magnitude.significand >= 1.5 ? 1 : 0
    }
    if exponent > 127 { return saturates ? 254 : 255 }
    if exponent < -127 { return saturates ? 0 : 255 }
    return UInt8(exponent + 127)
  }
}
