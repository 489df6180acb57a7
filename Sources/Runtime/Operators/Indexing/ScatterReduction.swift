/// What becomes of an element and an update for it.
enum ScatterReduction: String, Sendable {
  case none, add, mul, max, min

  /// Takes `count` updates at `u` into the elements at `y`.
  typealias Body =
    @Sendable (_ y: UnsafeMutableRawPointer, _ u: UnsafeRawPointer, _ count: Int) ->
    Void

  init(_ node: NodeReader) throws(ModelError) {
    let name = try node.choice(
      "reduction", of: ["none", "add", "mul", "max", "min"], default: "none")
    self = ScatterReduction(rawValue: name) ?? .none
  }

  /// - Throws: `.elementTypeMismatch` for elements that cannot be added up.
  func check(_ element: ElementType) throws(ModelError) {
    if self == .none { return }
    guard element.bitWidth >= 8, !element.isComplex, !Self.isSmallFloat(element) else {
      throw ModelError(
        .elementTypeMismatch, "reduction '\(rawValue)' of elements of \(element)",
        expected: "numbers of 8 bits or more")
    }
  }

  private static func isSmallFloat(_ element: ElementType) -> Bool {
    element.isFloatingPoint && element.bitWidth < 16
  }

  func body(_ element: ElementType) -> Body {
    switch (self, element) {
    case (.none, _):
      let width = element.byteWidth
      return { $0.copyMemory(from: $1, byteCount: $2 * width) }
    case (_, .f32): return floating(Float.self)
    case (_, .f64): return floating(Double.self)
    case (_, .f16): return floating(Float16.self)
    case (_, .bf16):
      let combine: @Sendable (Float, Float) -> Float = combined()
      return Self.each(BFloat16.self) { BFloat16(combine($0.float, $1.float)) }
    case (_, .i8): return integral(Int8.self)
    case (_, .i16): return integral(Int16.self)
    case (_, .i32): return integral(Int32.self)
    case (_, .u8): return integral(UInt8.self)
    case (_, .u16): return integral(UInt16.self)
    case (_, .u32): return integral(UInt32.self)
    case (_, .u64): return integral(UInt64.self)
    case (.add, .bool), (.max, .bool): return Self.each(Bool.self) { $0 || $1 }
    case (_, .bool): return Self.each(Bool.self) { $0 && $1 }
    default: return integral(Int64.self)
    }
  }

  private func floating<T: TensorElement & BinaryFloatingPoint & SendableMetatype>(_ type: T.Type)
    -> Body
  {
    let combine: @Sendable (T, T) -> T = combined()
    return Self.each(type, combine)
  }

  private func combined<T: BinaryFloatingPoint & SendableMetatype>() -> @Sendable (T, T) -> T {
    switch self {
    case .add: { $0 + $1 }
    case .mul: { $0 * $1 }
    case .max: { $0.isNaN || $0 > $1 ? $0 : $1 }
    case .min: { $0.isNaN || $0 < $1 ? $0 : $1 }
    case .none: { $1 }
    }
  }

  private func integral<T: TensorElement & FixedWidthInteger & SendableMetatype>(_ type: T.Type)
    -> Body
  {
    switch self {
    case .add: Self.each(type) { $0 &+ $1 }
    case .mul: Self.each(type) { $0 &* $1 }
    case .max: Self.each(type) { Swift.max($0, $1) }
    case .min: Self.each(type) { Swift.min($0, $1) }
    case .none: Self.each(type) { $1 }
    }
  }

  private static func each<T: TensorElement>(
    _ type: T.Type, _ combine: @escaping @Sendable (T, T) -> T
  ) -> Body {
    { y, u, count in
      let y = y.assumingMemoryBound(to: T.self)
      let u = u.assumingMemoryBound(to: T.self)
      for index in 0..<count { y[index] = combine(y[index], u[index]) }
    }
  }
}
