import CKernels

extension ElementType {
  /// The floating-point types that arithmetic is defined for.
  static let floats: Set<ElementType> = [.f16, .bf16, .f32, .f64]
  static let integers: Set<ElementType> = [.i8, .i16, .i32, .i64, .u8, .u16, .u32, .u64]
  static let numbers = floats.union(integers)

  /// The same type as kernels name it; `nil` for those that kernels do not know.
  var scalar: zoo_scalar? {
    switch self {
    case .f32: zoo_f32
    case .f64: zoo_f64
    case .f16: zoo_f16
    case .bf16: zoo_bf16
    case .i8: zoo_i8
    case .i16: zoo_i16
    case .i32: zoo_i32
    case .i64: zoo_i64
    case .u8: zoo_u8
    case .u16: zoo_u16
    case .u32: zoo_u32
    case .u64: zoo_u64
    case .bool: zoo_bool
    default: nil
    }
  }

  /// - Throws: `.elementTypeMismatch` for types without a kernel.
  func requireScalar() throws(ModelError) -> zoo_scalar {
    guard let scalar else {
      throw ModelError(
        .elementTypeMismatch, "a tensor of \(self)", expected: "a number of 8 to 64 bits or bool")
    }
    return scalar
  }

  /// The type in which floating-point operators compute: `f64` for itself, `f32` for the narrower ones.
  var computeType: ElementType { self == .f64 ? .f64 : .f32 }
}
