/// A Swift float that is the element of a tensor.
typealias FloatElement = BinaryFloatingPoint & TensorElement

/// A tensor operator whose kernel is written once for `f32` and `f64`; `f16` and `bf16` run through `f32`.
protocol FloatOperator: TensorOperator {
  /// The kernel for these extents; operands of floats are of type `T`.
  func lower<T: FloatElement>(_ io: NodeIO, as type: T.Type) throws(ModelError) -> Kernel
}

extension FloatOperator {
  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    if HalfStaging.isNeeded(io) {
      return try HalfStaging.kernel(io) { (io) throws(ModelError) in try lower(io) }
    }
    let isWide = io.inputs.contains { $0?.element == .f64 }
    return isWide ? try lower(io, as: Double.self) : try lower(io, as: Float.self)
  }
}

// Pointers of generic code that is known to work on `Float`.

@inline(__always)
func asFloats<T>(_ pointer: UnsafePointer<T>) -> UnsafePointer<Float> {
  UnsafeRawPointer(pointer).assumingMemoryBound(to: Float.self)
}

@inline(__always)
func asFloats<T>(_ pointer: UnsafeMutablePointer<T>) -> UnsafeMutablePointer<Float> {
  UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: Float.self)
}
