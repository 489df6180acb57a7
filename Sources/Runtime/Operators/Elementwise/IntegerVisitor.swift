/// A Swift integer that is the element of a tensor.
typealias IntegerElement = FixedWidthInteger & TensorElement

/// A kernel that is written once for all integer types.
protocol IntegerVisitor {
  func visit<T: IntegerElement>(_ type: T.Type) throws(ModelError) -> Kernel
}

extension ElementType {
  /// The visitor's kernel for this type.
  ///
  /// - Throws: `.elementTypeMismatch` unless this is an integer of 8 to 64 bits.
  func visitInteger(_ visitor: some IntegerVisitor) throws(ModelError) -> Kernel {
    switch self {
    case .i8: return try visitor.visit(Int8.self)
    case .i16: return try visitor.visit(Int16.self)
    case .i32: return try visitor.visit(Int32.self)
    case .i64: return try visitor.visit(Int64.self)
    case .u8: return try visitor.visit(UInt8.self)
    case .u16: return try visitor.visit(UInt16.self)
    case .u32: return try visitor.visit(UInt32.self)
    case .u64: return try visitor.visit(UInt64.self)
    default:
      throw ModelError(
        .elementTypeMismatch, "a tensor of \(self)", expected: "an integer of 8 to 64 bits")
    }
  }
}
