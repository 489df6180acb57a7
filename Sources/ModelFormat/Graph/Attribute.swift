/// A named constant of a node.
public struct Attribute: Sendable {
  public var name: String
  public var value: AttributeValue

  public init(_ name: String, _ value: AttributeValue) {
    self.name = name
    self.value = value
  }
}

/// The kinds of attribute that ONNX has. Graphs are rows of the model's table of graphs.
public enum AttributeValue: Sendable {
  case int(Int64)
  case float(Float)
  case string(String)
  /// A string that is not UTF-8.
  case bytes([UInt8])
  case tensor(Weight)
  case sparseTensor(SparseTensor)
  case graph(GraphID)
  case type(ValueType)
  case ints([Int64])
  case floats([Float])
  case strings([String])
  case tensors([Weight])
  case sparseTensors([SparseTensor])
  case graphs([GraphID])
  case types([ValueType])
  /// Inside a function: the attribute `name` of the node that calls it, of ONNX's attribute kind `kind`.
  case reference(name: String, kind: Int32)

  /// The graphs that the attribute holds.
  public var graphs: [GraphID] {
    switch self {
    case .graph(let graph): [graph]
    case .graphs(let graphs): graphs
    default: []
    }
  }
}
