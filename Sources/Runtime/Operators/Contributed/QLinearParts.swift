import ModelFormat

/// What the quantized forms of operators share: the way to real numbers and back.
extension Composition {
  /// (x − zero) · scale
  mutating func dequantized(
    _ x: Value, _ scale: Value, _ zero: Value?, axis: Int = 1
  ) throws(ModelError) -> Value {
    try self("DequantizeLinear", x, scale, zero, attributes: ["axis": .int(Int64(axis))])
  }

  /// saturate(round(x / scale) + zero)
  mutating func quantized(
    _ x: Value, _ scale: Value, _ zero: Value?, as element: ElementType
  ) throws(ModelError) -> Value {
    try self(
      "QuantizeLinear", x, scale, zero,
      attributes: zero == nil ? ["output_dtype": .int(Int64(element.rawValue))] : [:])
  }

  /// saturate(round(x / scale + zero)): ties round to even once the zero point is added.
  mutating func quantizedAfterShift(
    _ x: Value, _ scale: Value, _ zero: Value?, as element: ElementType
  ) throws(ModelError) -> Value {
    var shifted = try self("Div", x, scale)
    if let zero { shifted = try self("Add", shifted, try cast(zero, .f32)) }
    return try quantized(shifted, try scalar(Float(1)), nil, as: element)
  }

  /// - Throws: `.elementTypeMismatch` or `.shapeMismatch` unless these inputs are one f32 and, if it is there, one element
  ///   of type `element`.
  func requireScale(_ scale: Int, _ zero: Int, of element: ElementType) throws(ModelError) {
    try requireOne(scale, of: [.f32])
    if optional(zero) != nil { try requireOne(zero, of: [element]) }
  }

  private func requireOne(_ index: Int, of elements: Set<ElementType>) throws(ModelError) {
    let value = try input(index, of: elements)
    guard let shape = value.shape, !shape.count.canBe(1) || shape.rank > 1 else { return }
    throw ModelError(.shapeMismatch, "input \(index) is \(shape)", expected: "one element")
  }
}
