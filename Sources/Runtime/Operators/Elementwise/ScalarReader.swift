import CKernels

/// Reads single elements of any numeric type as numbers of 64 bits.
struct ScalarReader: Sendable {
  let type: ElementType
  private let scalar: zoo_scalar?
  private let table: [Double]

  /// - Throws: `.elementTypeMismatch` for strings and complex numbers.
  init(_ type: ElementType) throws(ModelError) {
    self.type = type
    scalar = type.scalar
    if let format = SmallFloat(type), type.bitWidth <= 8 {
      table = (0..<(1 << type.bitWidth)).map { format.value(UInt16($0)) }
    } else if type == .f8e8m0 {
      table = (0..<256).map {
        $0 == 255 ? .nan : Double(sign: .plus, exponent: $0 - 127, significand: 1)
      }
    } else {
      table = []
      guard scalar != nil else {
        throw ModelError(.elementTypeMismatch, "a tensor of \(type)", expected: "numbers")
      }
    }
  }

  /// Element `index` of the elements at `base`, one byte or more each.
  func double(_ base: UnsafeRawPointer, _ index: Int) -> Double {
    guard let scalar else { return table[Int(base.load(fromByteOffset: index, as: UInt8.self))] }
    var value = 0.0
    zoo_cast(base + index * (type.bitWidth / 8), scalar, &value, zoo_f64, 1)
    return value
  }
}
