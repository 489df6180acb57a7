/// What flows along a graph's edges: a tensor, or a container of values.
public indirect enum Value: Sendable, Equatable {
  case tensor(Tensor)
  case sparse(SparseTensor)
  /// `element` is the type of the elements, known even if there are none.
  case sequence([Value], element: ValueType)
  /// `wrapped` is the type of the value, known even if there is none.
  case optional(Value?, wrapped: ValueType)
  case map(ValueMap)

  public var tensor: Tensor? {
    if case .tensor(let tensor) = self { tensor } else { nil }
  }

  public var type: ValueType {
    switch self {
    case .tensor(let tensor): .tensor(tensor.type)
    case .sparse(let sparse): .sparseTensor(sparse.values.elementType, sparse.shape)
    case .sequence(_, let element): .sequence(element)
    case .optional(_, let wrapped): .optional(wrapped)
    case .map(let map): .map(key: map.keys.elementType, value: map.values.type)
    }
  }
}

extension ValueType {
  static func sparseTensor(_ element: ElementType, _ extents: [Int]) -> ValueType {
    .sparseTensor(TensorType(element, extents))
  }
}

/// A map from integers or strings to values, in the order of its keys: the `values` are a tensor whose first axis,
/// or a sequence whose elements, correspond to `keys`.
public struct ValueMap: Sendable, Equatable {
  /// Integers or strings, shape [n].
  public let keys: Tensor
  public let values: Value

  public init(keys: Tensor, values: Value) {
    self.keys = keys
    self.values = values
  }
}

/// A tensor of which only the elements that are not zero are kept, as ONNX's `SparseTensorProto` lays them out.
public struct SparseTensor: Sendable, Equatable {
  /// The elements that are not zero, shape [n].
  public let values: Tensor
  /// `i64 [n]` of linear indices or `i64 [n, rank]` of coordinates, ascending.
  public let indices: Tensor
  public let shape: [Int]

  public init(values: Tensor, indices: Tensor, shape: [Int]) {
    self.values = values
    self.indices = indices
    self.shape = shape
  }
}
