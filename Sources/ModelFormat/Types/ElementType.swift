/// The type of one element of a tensor. Raw values are ONNX's `TensorProto.DataType` numbers.
public enum ElementType: Int32, Hashable, Sendable, CaseIterable {
  case f32 = 1
  case u8 = 2
  case i8 = 3
  case u16 = 4
  case i16 = 5
  case i32 = 6
  case i64 = 7
  case string = 8
  case bool = 9
  case f16 = 10
  case f64 = 11
  case u32 = 12
  case u64 = 13
  case c64 = 14
  case c128 = 15
  case bf16 = 16
  case f8e4m3fn = 17
  case f8e4m3fnuz = 18
  case f8e5m2 = 19
  case f8e5m2fnuz = 20
  case u4 = 21
  case i4 = 22
  case f4e2m1 = 23
  case f8e8m0 = 24
  case u2 = 25
  case i2 = 26
  case f6e2m3 = 27
  case f6e3m2 = 28

  /// Bits that one element takes in memory; 0 for `string`, whose elements are of no fixed size.
  public var bitWidth: Int {
    switch self {
    case .string: 0
    case .u2, .i2: 2
    case .u4, .i4, .f4e2m1: 4
    case .f6e2m3, .f6e3m2: 6
    case .u8, .i8, .bool, .f8e4m3fn, .f8e4m3fnuz, .f8e5m2, .f8e5m2fnuz, .f8e8m0: 8
    case .u16, .i16, .f16, .bf16: 16
    case .f32, .i32, .u32: 32
    case .f64, .i64, .u64, .c64: 64
    case .c128: 128
    }
  }

  /// Bytes that `count` elements take, packed as ONNX packs them: elements of less than a byte as a stream of bits, the
  /// first in the lowest. `nil` if that number does not fit an `Int`.
  public func byteCount(of count: Int) -> Int? {
    if bitWidth >= 8 {
      let (bytes, overflow) = count.multipliedReportingOverflow(by: bitWidth / 8)
      return overflow ? nil : bytes
    }
    return count / 8 * bitWidth + (count % 8 * bitWidth + 7) / 8
  }

  /// True for types whose elements share bytes.
  public var isPacked: Bool { bitWidth > 0 && bitWidth < 8 }

  public var isFloatingPoint: Bool {
    switch self {
    case .f64, .f32, .f16, .bf16: true
    case .f8e4m3fn, .f8e4m3fnuz, .f8e5m2, .f8e5m2fnuz, .f8e8m0, .f6e2m3, .f6e3m2, .f4e2m1: true
    default: false
    }
  }

  public var isSignedInteger: Bool {
    switch self {
    case .i64, .i32, .i16, .i8, .i4, .i2: true
    default: false
    }
  }

  public var isUnsignedInteger: Bool {
    switch self {
    case .u64, .u32, .u16, .u8, .u4, .u2: true
    default: false
    }
  }

  public var isInteger: Bool { isSignedInteger || isUnsignedInteger }

  public var isComplex: Bool { self == .c64 || self == .c128 }
}

extension ElementType: CustomStringConvertible {
  /// The short name: `f32`, `i64`, `f8e4m3fn`, …
  public var description: String { Self.names[Int(rawValue)] }

  /// The type of that short name.
  public init?(name: String) {
    guard let number = Self.names.firstIndex(of: name) else { return nil }
    self.init(rawValue: Int32(number))
  }

  private static let names: [String] = {
    var names = [String](repeating: "undefined", count: allCases.count + 1)
    for type in allCases { names[Int(type.rawValue)] = "\(type.caseName)" }
    return names
  }()

  private var caseName: StaticString {
    switch self {
    case .f32: "f32"
    case .u8: "u8"
    case .i8: "i8"
    case .u16: "u16"
    case .i16: "i16"
    case .i32: "i32"
    case .i64: "i64"
    case .string: "string"
    case .bool: "bool"
    case .f16: "f16"
    case .f64: "f64"
    case .u32: "u32"
    case .u64: "u64"
    case .c64: "c64"
    case .c128: "c128"
    case .bf16: "bf16"
    case .f8e4m3fn: "f8e4m3fn"
    case .f8e4m3fnuz: "f8e4m3fnuz"
    case .f8e5m2: "f8e5m2"
    case .f8e5m2fnuz: "f8e5m2fnuz"
    case .u4: "u4"
    case .i4: "i4"
    case .f4e2m1: "f4e2m1"
    case .f8e8m0: "f8e8m0"
    case .u2: "u2"
    case .i2: "i2"
    case .f6e2m3: "f6e2m3"
    case .f6e3m2: "f6e3m2"
    }
  }
}
