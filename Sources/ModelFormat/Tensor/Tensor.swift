/// An immutable array of elements of one type, in row-major order.
///
///     let image = try Tensor([0, 0.5, 1, 0.25], shape: [1, 4])      // f32 [1, 4]
///     let values = try image.array(of: Float.self)
///
/// Copies share their memory.
public struct Tensor: Sendable {
  enum Storage: Sendable {
    case bytes(TensorBuffer, offset: Int)
    case strings([String])
  }

  public let elementType: ElementType
  /// Extents, outermost first; `[]` for a scalar. Each is ≥ 0.
  public let shape: [Int]
  private(set) var storage: Storage

  /// The number of elements.
  public var count: Int { shape.reduce(1, *) }

  /// Bytes of the packed elements; for strings, their UTF-8 lengths.
  public var byteCount: Int {
    if case .strings(let strings) = storage { return strings.reduce(0) { $0 + $1.utf8.count } }
    return elementType.byteCount(of: count) ?? 0
  }

  public var type: TensorType { TensorType(elementType, shape) }

  /// The most elements of a shape, extents of 0 left aside: more than any memory holds, and so few that strides and sums of
  /// extents never overflow.
  private static let mostElements = 1 << 48

  /// The number of elements of a shape.
  ///
  /// - Throws: `.outOfRange` if an extent is negative, `.limitExceeded` if the product of those that are not 0 is too large.
  public static func count(of shape: [Int]) throws(ModelError) -> Int {
    var count = 1
    for extent in shape {
      guard extent >= 0 else {
        throw ModelError(.outOfRange, "shape \(shape) has a negative extent")
      }
      let (product, overflow) = count.multipliedReportingOverflow(by: max(extent, 1))
      guard !overflow, product <= mostElements else {
        throw ModelError(.limitExceeded, "shape \(shape) has more elements than can be counted")
      }
      count = product
    }
    return shape.contains(0) ? 0 : count
  }

  /// The number of bytes of a tensor.
  public static func byteCount(
    _ elementType: ElementType, shape: [Int]
  ) throws(ModelError) -> Int {
    guard let bytes = elementType.byteCount(of: try count(of: shape)) else {
      throw ModelError(
        .limitExceeded, "a tensor \(elementType) \(shape) has more bytes than can be counted")
    }
    return bytes
  }
}

// Making tensors.
extension Tensor {
  /// A tensor of `values` in row-major order.
  ///
  /// - Throws: `.shapeMismatch` unless `shape` has as many elements as `values`.
  public init<T: TensorElement>(_ values: [T], shape: [Int]) throws(ModelError) {
    try Self.check(values.count, shape)
    try self.init(T.elementType, shape: shape) { bytes in
      values.withUnsafeBytes { bytes.copyMemory(from: $0) }
    }
  }

  /// A tensor of strings.
  public init(strings: [String], shape: [Int]) throws(ModelError) {
    try Self.check(strings.count, shape)
    elementType = .string
    self.shape = shape
    storage = .strings(strings)
  }

  /// A scalar.
  public init<T: TensorElement>(scalar value: T) throws(ModelError) {
    try self.init([value], shape: [])
  }

  /// A tensor whose packed bytes `fill` writes; it is given exactly as many bytes as the elements take.
  public init(
    _ elementType: ElementType, shape: [Int],
    fill: (UnsafeMutableRawBufferPointer) throws(ModelError) -> Void
  ) throws(ModelError) {
    precondition(elementType != .string, "strings are made with init(strings:shape:)")
    let bytes = try Self.byteCount(elementType, shape: shape)
    let buffer = try TensorBuffer(byteCount: bytes)
    try fill(UnsafeMutableRawBufferPointer(start: buffer.base, count: bytes))
    self.elementType = elementType
    self.shape = shape
    storage = .bytes(buffer, offset: 0)
  }

  /// A tensor that shares the bytes of `buffer` from `offset` on.
  ///
  /// - Throws: `.shapeMismatch` if the buffer is too short.
  public init(
    _ elementType: ElementType, shape: [Int], sharing buffer: TensorBuffer, offset: Int = 0
  ) throws(ModelError) {
    precondition(elementType != .string, "strings are made with init(strings:shape:)")
    let bytes = try Self.byteCount(elementType, shape: shape)
    guard offset >= 0, bytes <= buffer.byteCount - offset else {
      throw ModelError(
        .shapeMismatch, "\(buffer.byteCount - offset) bytes for a tensor \(elementType) \(shape)",
        expected: "\(bytes) bytes")
    }
    self.elementType = elementType
    self.shape = shape
    storage = .bytes(buffer, offset: offset)
  }

  /// The same elements in another shape.
  ///
  /// - Throws: `.shapeMismatch` unless both shapes have the same number of elements.
  public func reshaped(to shape: [Int]) throws(ModelError) -> Tensor {
    try Self.check(count, shape)
    return Tensor(elementType: elementType, shape: shape, storage: storage)
  }

  /// A tensor of zeros, `false` or empty strings.
  public static func zeros(_ elementType: ElementType, shape: [Int]) throws(ModelError) -> Tensor {
    if elementType == .string {
      let count = try count(of: shape)
      return try Tensor(strings: [String](repeating: "", count: count), shape: shape)
    }
    return try Tensor(elementType, shape: shape) { bytes in
      if let base = bytes.baseAddress {
        base.initializeMemory(as: UInt8.self, repeating: 0, count: bytes.count)
      }
    }
  }

  /// Takes `other`, and gives a tensor with its memory, to be written anew: `nil` unless `other` is of this type and
  /// alone has that memory.
  package static func reusing(
    _ other: inout Tensor?, _ elementType: ElementType, shape: [Int]
  ) -> Tensor? {
    guard var taken = other.take(), taken.elementType == elementType, taken.shape == shape,
      var bytes = taken.takeBytes(), bytes.offset == 0, bytes.buffer.isOwned,
      isKnownUniquelyReferenced(&bytes.buffer)
    else { return nil }
    taken.storage = .bytes(bytes.buffer, offset: 0)
    return taken
  }

  private static func check(_ count: Int, _ shape: [Int]) throws(ModelError) {
    let expected = try Tensor.count(of: shape)
    guard count == expected else {
      throw ModelError(
        .shapeMismatch, "\(count) elements for shape \(shape)", expected: "\(expected) elements")
    }
  }
}

// Reading tensors.
extension Tensor {
  /// The strings of a tensor of strings, `nil` for all others.
  public var strings: [String]? {
    if case .strings(let strings) = storage { strings } else { nil }
  }

  /// All elements in row-major order.
  ///
  /// - Throws: `.elementTypeMismatch` unless the elements are of type `T`; nothing is converted.
  public func array<T: TensorElement>(of type: T.Type = T.self) throws(ModelError) -> [T] {
    try withElements(of: type) { Array($0) }
  }

  /// Calls `body` with all elements in row-major order.
  public func withElements<T: TensorElement, R>(
    of type: T.Type, _ body: (UnsafeBufferPointer<T>) throws(ModelError) -> R
  ) throws(ModelError) -> R {
    guard T.elementType == elementType else {
      throw ModelError(
        .elementTypeMismatch, "a tensor of \(elementType)", expected: "\(T.elementType)")
    }
    guard case .bytes(let buffer, let offset) = storage else { preconditionFailure() }
    let start = UnsafeRawPointer(buffer.base + offset).assumingMemoryBound(to: T.self)
    let result = try body(UnsafeBufferPointer(start: start, count: count))
    withExtendedLifetime(buffer) {}
    return result
  }

  /// Calls `body` with the packed bytes of the elements; with no bytes for strings.
  public func withBytes<R>(
    _ body: (UnsafeRawBufferPointer) throws(ModelError) -> R
  ) throws(ModelError) -> R {
    guard case .bytes(let buffer, let offset) = storage else {
      return try body(UnsafeRawBufferPointer(start: nil, count: 0))
    }
    let result = try body(UnsafeRawBufferPointer(start: buffer.base + offset, count: byteCount))
    withExtendedLifetime(buffer) {}
    return result
  }

  /// Gives its bytes away and is a tensor of no strings from then on; `nil` for strings.
  package mutating func takeBytes() -> (buffer: TensorBuffer, offset: Int)? {
    defer { storage = .strings([]) }
    return bytes
  }

  /// The buffer and the offset of the first byte in it; `nil` for strings. Whoever keeps a pointer into the buffer
  /// must keep the buffer.
  package var bytes: (buffer: TensorBuffer, offset: Int)? {
    if case .bytes(let buffer, let offset) = storage { (buffer, offset) } else { nil }
  }
}

extension Tensor: Equatable {
  /// Same type, same shape, same bits.
  public static func == (a: Tensor, b: Tensor) -> Bool {
    guard a.elementType == b.elementType, a.shape == b.shape else { return false }
    if let strings = a.strings { return strings == b.strings }
    let equal = try? a.withBytes { (x) throws(ModelError) in
      try b.withBytes { (y) throws(ModelError) in x.hasSameBytes(as: y) }
    }
    return equal ?? false
  }
}
