import ZooRuntime

extension Tensor {
  /// The elements as `Float`s, if they are floating-point numbers of 16, 32 or 64 bits; `nil` otherwise.
  func floats() throws(ModelError) -> [Float]? {
    switch elementType {
    case .f32: try array(of: Float.self)
    case .f16: try array(of: Float16.self).map(Float.init)
    case .bf16: try array(of: BFloat16.self).map(\.float)
    case .f64: try array(of: Double.self).map(Float.init)
    default: nil
    }
  }

  /// A tensor of `values` with this one's type and shape.
  func replacingElements(_ values: [Float]) throws(ModelError) -> Tensor {
    switch elementType {
    case .f16: try Tensor(values.map(Float16.init), shape: shape)
    case .bf16: try Tensor(values.map { BFloat16($0) }, shape: shape)
    case .f64: try Tensor(values.map(Double.init), shape: shape)
    default: try Tensor(values, shape: shape)
    }
  }
}

extension ElementType {
  /// Whether weights of this type can be quantized.
  var isWidelyRepresentable: Bool {
    self == .f32 || self == .f16 || self == .bf16 || self == .f64
  }
}

extension Weight {
  var elementCount: Int { shape.reduce(1, *) }
  /// Bytes of the elements as they are in memory, without lossless compression.
  var byteCount: Int { elementType.byteCount(of: elementCount) ?? 0 }
}
