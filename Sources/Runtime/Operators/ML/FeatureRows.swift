/// Numbers of the types that `ai.onnx.ml` takes, as floats.
struct FeatureRows: Sendable {
  static let types: Set<ElementType> = [.f32, .f64, .i64, .i32]

  private let element: ElementType
  let rows: Int
  let columns: Int

  /// Rows of the last axis; a tensor of rank 1 is one row.
  init(_ operand: NodeIO.Operand) {
    element = operand.element
    columns = operand.shape.last ?? 1
    rows = columns == 0 ? operand.shape.dropLast().reduce(1, *) : operand.count / columns
  }

  /// Bytes that `floats` needs.
  var scratchBytes: Int { element == .f32 ? 0 : 4 * rows * columns }

  /// The elements; converted ones lie at `scratch`.
  func floats(
    _ source: UnsafeRawPointer, scratch: @autoclosure () -> UnsafeMutableRawPointer
  ) -> UnsafePointer<Float> {
    if element == .f32 { return source.assumingMemoryBound(to: Float.self) }
    let target = scratch().assumingMemoryBound(to: Float.self)
    for index in 0..<rows * columns { target[index] = Float(double(source, index)) }
    return UnsafePointer(target)
  }

  func double(_ source: UnsafeRawPointer, _ index: Int) -> Double {
    switch element {
    case .f32: Double(source.assumingMemoryBound(to: Float.self)[index])
    case .f64: source.assumingMemoryBound(to: Double.self)[index]
    case .f16: Double(source.assumingMemoryBound(to: Float16.self)[index])
    case .i64: Double(source.assumingMemoryBound(to: Int64.self)[index])
    default: Double(source.assumingMemoryBound(to: Int32.self)[index])
    }
  }
}

extension Operands {
  /// The shape of features, with the rows and columns that models read in it.
  func features() throws(ModelError) -> (shape: Shape?, rows: Dimension, columns: Dimension) {
    let type = try tensor(0, of: FeatureRows.types)
    guard let shape = type.shape, let columns = shape.dimensions.last else {
      return (type.shape, type.shape == nil ? .unknown : 1, type.shape == nil ? .unknown : 1)
    }
    return (shape, shape.rank == 1 ? 1 : Shape(Array(shape.dimensions.dropLast())).count, columns)
  }
}
