/// A value that is known before the model runs.
public enum KnownValue: Sendable {
  /// A constant.
  case constant(Tensor)
  /// Integers of which some are symbols: a scalar or a list, such as the output of `Shape`.
  case extents([Dimension], isScalar: Bool)

  /// The integers of a scalar or a list, if this is one of integers.
  public var extents: [Dimension]? {
    switch self {
    case .extents(let extents, _): extents
    case .constant(let tensor):
      tensor.shape.count <= 1 ? tensor.integers?.map(Dimension.fixed) : nil
    }
  }

  /// All elements, if each is known.
  func constant(_ elementType: ElementType) -> Tensor? {
    switch self {
    case .constant(let tensor): return tensor
    case .extents(let extents, let isScalar):
      guard let values = Shape(extents).extents else { return nil }
      let shape = isScalar ? [] : [values.count]
      if elementType == .i64 { return try? Tensor(values.map(Int64.init), shape: shape) }
      let narrow = values.compactMap(Int32.init(exactly:))
      guard elementType == .i32, narrow.count == values.count else { return nil }
      return try? Tensor(narrow, shape: shape)
    }
  }
}

extension Tensor {
  /// The elements as `Int`s; `nil` unless this is a tensor of `i64` or `i32`.
  public var integers: [Int]? {
    switch elementType {
    case .i64: try? array(of: Int.self)
    case .i32: (try? array(of: Int32.self))?.map(Int.init)
    default: nil
    }
  }
}
