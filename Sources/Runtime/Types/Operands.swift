/// What is known of a node's inputs when its output types are asked for.
public struct Operands {
  /// `nil` where an optional input is left out or nothing is known of it.
  public let types: [ValueType?]
  let known: [KnownValue?]
  let isPresent: [Bool]
  public let outputCount: Int
  let bodyTypes: (GraphID, [ValueType?]) throws(ModelError) -> [ValueType?]

  init(
    types: [ValueType?], known: [KnownValue?], isPresent: [Bool], outputCount: Int,
    bodyTypes: @escaping (GraphID, [ValueType?]) throws(ModelError) -> [ValueType?] = {
      (_, _) throws(ModelError) in []
    }
  ) {
    self.types = types
    self.known = known
    self.isPresent = isPresent
    self.outputCount = outputCount
    self.bodyTypes = bodyTypes
  }

  public var count: Int { types.count }

  public func has(_ index: Int) -> Bool { index < count && isPresent[index] }

  /// The type of tensor input `index`.
  ///
  /// - Throws: `.missingInput` if it is left out, `.elementTypeMismatch` if it is no tensor.
  public func tensor(_ index: Int) throws(ModelError) -> TensorType {
    guard has(index) else {
      throw ModelError(.missingInput, "input \(index) is left out", expected: "a tensor")
    }
    guard let type = types[index] else {
      throw ModelError(
        .elementTypeMismatch, "the type of input \(index) cannot be told", expected: "a tensor")
    }
    guard let tensor = type.tensorType else {
      throw ModelError(.elementTypeMismatch, "input \(index) is \(type)", expected: "a tensor")
    }
    return tensor
  }

  /// The type of tensor input `index`, `nil` if it is left out.
  public func optionalTensor(_ index: Int) throws(ModelError) -> TensorType? {
    has(index) ? try tensor(index) : nil
  }

  /// The type of tensor input `index`, whose elements must be of one of `elements`.
  public func tensor(
    _ index: Int, of elements: Set<ElementType>
  ) throws(ModelError) -> TensorType {
    let type = try tensor(index)
    try Self.require(type, index, of: elements)
    return type
  }

  /// - Throws: `.elementTypeMismatch` unless input `index`, of type `type`, has elements of one of `elements`.
  static func require(
    _ type: TensorType, _ index: Int, of elements: Set<ElementType>
  ) throws(ModelError) {
    guard !elements.contains(type.element) else { return }
    let names = elements.sorted { $0.rawValue < $1.rawValue }.map(\.description)
    throw ModelError(
      .elementTypeMismatch, "input \(index) is a tensor of \(type.element)",
      expected: names.count == 1 ? names[0] : "one of " + names.joined(separator: ", "))
  }

  /// The elements of input `index`, if they are all known.
  public func constant(_ index: Int) -> Tensor? {
    guard index < count, case .tensor(let type)? = types[index] else { return nil }
    return known[index]?.constant(type.element)
  }

  /// The integers of input `index`, a scalar or a list, if they are known, be it as symbols.
  public func extents(_ index: Int) -> [Dimension]? {
    index < count ? known[index]?.extents : nil
  }

  /// The integers of input `index`, if each is a known number.
  public func integers(_ index: Int) -> [Int]? { constant(index)?.integers }

  public func knownValue(_ index: Int) -> KnownValue? { index < count ? known[index] : nil }

  /// The output types of a subgraph that is given inputs of `types`; `nil` where nothing can be told.
  public func outputTypes(
    of graph: GraphID, given types: [ValueType?]
  ) throws(ModelError) -> [ValueType?] {
    try bodyTypes(graph, types)
  }
}
