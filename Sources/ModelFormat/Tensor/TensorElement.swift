/// A Swift type that is the element of a tensor in memory as it is.
public protocol TensorElement: BitwiseCopyable, Sendable, Equatable {
  static var elementType: ElementType { get }
}

extension Float: TensorElement { public static var elementType: ElementType { .f32 } }
extension Double: TensorElement { public static var elementType: ElementType { .f64 } }
extension Float16: TensorElement { public static var elementType: ElementType { .f16 } }
extension Int8: TensorElement { public static var elementType: ElementType { .i8 } }
extension Int16: TensorElement { public static var elementType: ElementType { .i16 } }
extension Int32: TensorElement { public static var elementType: ElementType { .i32 } }
extension Int64: TensorElement { public static var elementType: ElementType { .i64 } }
extension Int: TensorElement { public static var elementType: ElementType { .i64 } }
extension UInt8: TensorElement { public static var elementType: ElementType { .u8 } }
extension UInt16: TensorElement { public static var elementType: ElementType { .u16 } }
extension UInt32: TensorElement { public static var elementType: ElementType { .u32 } }
extension UInt64: TensorElement { public static var elementType: ElementType { .u64 } }
extension Bool: TensorElement { public static var elementType: ElementType { .bool } }

/// A brain float: the upper half of an `f32`.
public struct BFloat16: TensorElement {
  public static var elementType: ElementType { .bf16 }
  public var bits: UInt16

  public init(bits: UInt16) { self.bits = bits }

  /// The nearest brain float; ties go to the even one, NaN stays NaN.
  public init(_ value: Float) {
    let word = value.bitPattern
    if value.isNaN {
      bits = UInt16(truncatingIfNeeded: word >> 16) | 0x40
    } else {
      bits = UInt16(truncatingIfNeeded: (word &+ 0x7FFF &+ ((word >> 16) & 1)) >> 16)
    }
  }

  public var float: Float { Float(bitPattern: UInt32(bits) << 16) }
}

/// A complex number of two `Float`s.
public struct Complex64: TensorElement {
  public static var elementType: ElementType { .c64 }
  public var real: Float
  public var imaginary: Float
  public init(_ real: Float, _ imaginary: Float) {
    self.real = real
    self.imaginary = imaginary
  }
}

/// A complex number of two `Double`s.
public struct Complex128: TensorElement {
  public static var elementType: ElementType { .c128 }
  public var real: Double
  public var imaginary: Double
  public init(_ real: Double, _ imaginary: Double) {
    self.real = real
    self.imaginary = imaginary
  }
}
