/// The extents of a tensor's axes, outermost first.
public struct Shape: Hashable, Sendable {
  public var dimensions: [Dimension]

  public init(_ dimensions: [Dimension]) { self.dimensions = dimensions }
  public init(_ extents: [Int]) { dimensions = extents.map(Dimension.fixed) }

  public var rank: Int { dimensions.count }

  /// All extents, if each is a number.
  public var extents: [Int]? {
    var extents: [Int] = []
    extents.reserveCapacity(rank)
    for dimension in dimensions {
      guard let value = dimension.value else { return nil }
      extents.append(value)
    }
    return extents
  }

  /// The number of elements: the product of all extents.
  public var count: Dimension { dimensions.reduce(.fixed(1), *) }

  /// Whether both can be the same shape: of equal rank, without two different numbers at one axis.
  public func canBe(_ other: Shape) -> Bool {
    rank == other.rank && zip(dimensions, other.dimensions).allSatisfy { $0.canBe($1) }
  }

  /// Axis `axis` counted from the front; negative axes count from the back, as in ONNX.
  ///
  /// - Throws: `.outOfRange` unless −rank ≤ axis < rank.
  public func axis(_ axis: Int) throws(ModelError) -> Int {
    try Self.normalize(axis, rank: rank)
  }

  /// The same for a rank without a shape.
  public static func normalize(_ axis: Int, rank: Int) throws(ModelError) -> Int {
    guard axis >= -rank, axis < rank else {
      throw ModelError(
        .outOfRange, "axis \(axis) of a tensor of rank \(rank)",
        expected: rank == 0 ? "a tensor of rank 1 or more" : "\(-rank) ... \(rank - 1)")
    }
    return axis < 0 ? axis + rank : axis
  }

  public subscript(_ axis: Int) -> Dimension {
    get { dimensions[axis] }
    set { dimensions[axis] = newValue }
  }
}

extension Shape: ExpressibleByArrayLiteral {
  public init(arrayLiteral elements: Dimension...) { dimensions = elements }
}

extension Shape: CustomStringConvertible {
  public var description: String {
    "[" + dimensions.map(\.description).joined(separator: ", ") + "]"
  }
}
