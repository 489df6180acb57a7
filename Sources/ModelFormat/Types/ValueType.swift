/// The type of a graph's value.
public indirect enum ValueType: Hashable, Sendable {
  case tensor(TensorType)
  case sparseTensor(TensorType)
  case sequence(ValueType)
  case optional(ValueType)
  case map(key: ElementType, value: ValueType)

  public static func tensor(_ element: ElementType, _ shape: Shape?) -> ValueType {
    .tensor(TensorType(element, shape))
  }

  /// The tensor's type, if this is a dense tensor.
  public var tensorType: TensorType? {
    if case .tensor(let type) = self { type } else { nil }
  }
}

/// The type of a tensor: its elements and, if the rank is known, its shape.
public struct TensorType: Hashable, Sendable {
  public var element: ElementType
  /// `nil` if not even the rank is known.
  public var shape: Shape?

  public init(_ element: ElementType, _ shape: Shape?) {
    self.element = element
    self.shape = shape
  }

  public init(_ element: ElementType, _ extents: [Int]) {
    self.init(element, Shape(extents))
  }
}

extension TensorType: CustomStringConvertible {
  /// `f32 [batch, 784]`
  public var description: String { "\(element) \(shape?.description ?? "[…]")" }
}

extension ValueType: CustomStringConvertible {
  public var description: String {
    switch self {
    case .tensor(let type): type.description
    case .sparseTensor(let type): "sparse \(type)"
    case .sequence(let element): "sequence of \(element)"
    case .optional(let wrapped): "optional \(wrapped)"
    case .map(let key, let value): "map from \(key) to \(value)"
    }
  }
}
