/// `NonZero`: where the elements are that are not zero, `false` or empty.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `X`  | any   | any           |
/// | output | `Y`  | `[r, n]`: coordinates, one column per element, in row-major order | `i64` |
///
/// A scalar counts as a tensor of shape [1]. Source: ONNX `NonZero`, opsets 9 and 13.
struct NonZero: ValueOperator {
  init(_ node: NodeReader) throws(ModelError) { try node.require(inputs: 1...1) }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let rank = try inputs.tensor(0).shape?.rank
    return [.tensor(.i64, [rank.map { .fixed(max($0, 1)) } ?? .unknown, .unknown])]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    let x = try call.tensor(0)
    let places = try x.truePlaces()
    let shape = x.shape.isEmpty ? [1] : x.shape
    let strides = rowMajorStrides(shape)
    let output = try Tensor(.i64, shape: [shape.count, places.count]) { bytes in
      let coordinates = bytes.bindMemory(to: Int64.self)
      for axis in shape.indices {
        let (stride, extent, row) = (strides[axis], shape[axis], axis * places.count)
        for (column, place) in places.enumerated() {
          coordinates[row + column] = Int64(place / stride % extent)
        }
      }
    }
    return [.tensor(output)]
  }
}

extension Tensor {
  /// Linear indices of the elements that are not zero, `false` or empty.
  func truePlaces() throws(ModelError) -> [Int] {
    if let strings { return strings.indices.filter { !strings[$0].isEmpty } }
    if elementType.isPacked {
      let codes = try unpackedCodes()
      let sign: UInt8 = elementType.isFloatingPoint ? 1 << (elementType.bitWidth - 1) : 0
      return codes.indices.filter { codes[$0] & ~sign != 0 }
    }
    switch elementType {
    // Negative zero is zero.
    case .f32: return try places(Float.self) { $0 != 0 }
    case .f64: return try places(Double.self) { $0 != 0 }
    case .f16: return try places(Float16.self) { $0 != 0 }
    case .bf16: return try places(BFloat16.self) { $0.bits & 0x7FFF != 0 }
    case .c64: return try places(Complex64.self) { $0.real != 0 || $0.imaginary != 0 }
    case .c128: return try places(Complex128.self) { $0.real != 0 || $0.imaginary != 0 }
    case .f8e4m3fn, .f8e5m2:
      return try withBytes { bytes in bytes.indices.filter { bytes[$0] & 0x7F != 0 } }
    case .f8e8m0: return Array(0..<count)
    default: break
    }
    switch elementType.byteWidth {
    case 1: return try withBytes { bytes in bytes.indices.filter { bytes[$0] != 0 } }
    case 2: return try rawPlaces(UInt16.self)
    case 4: return try rawPlaces(UInt32.self)
    default: return try rawPlaces(UInt64.self)
    }
  }

  private func places<T: TensorElement>(
    _ type: T.Type, where isTrue: (T) -> Bool
  ) throws(ModelError) -> [Int] {
    try withElements(of: T.self) { elements in elements.indices.filter { isTrue(elements[$0]) } }
  }

  private func rawPlaces<T: FixedWidthInteger>(_ type: T.Type) throws(ModelError) -> [Int] {
    try withBytes { bytes in
      let words = bytes.bindMemory(to: T.self)
      return words.indices.filter { words[$0] != 0 }
    }
  }
}
