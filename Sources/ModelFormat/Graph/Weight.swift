/// A constant tensor of a model whose elements may still be in a file: its type is known at once, its elements
/// are decoded when they are asked for.
public struct Weight: Sendable {
  public let elementType: ElementType
  public let shape: [Int]
  package let source: any WeightSource

  /// A weight whose elements are in memory.
  public init(_ tensor: Tensor) {
    self.init(tensor.elementType, shape: tensor.shape, source: tensor)
  }

  package init(_ elementType: ElementType, shape: [Int], source: any WeightSource) {
    self.elementType = elementType
    self.shape = shape
    self.source = source
  }

  public var type: TensorType { TensorType(elementType, shape) }

  /// Decodes the elements.
  ///
  /// - Throws: `.corrupted` if a checksum does not match, `.malformed` if the bytes are no tensor of this type.
  /// - Complexity: O(1) for elements that lie in the file as they are, else one decoding at each call.
  public func tensor() throws(ModelError) -> Tensor { try source.load() }

  /// Calls `body` with the elements, then lets the system have the memory back in which the file shows them.
  package func withTensor<R>(
    _ body: (Tensor) throws(ModelError) -> R
  ) throws(ModelError) -> R {
    defer { source.release() }
    return try body(source.load())
  }

  /// Bytes that the weight takes in its file, or in memory.
  public var storedByteCount: Int { source.storedByteCount }

  /// How the bytes are laid out in the file: `raw`, `zstd`, `planes`, …
  public var encoding: String { source.encoding }
}

/// Where a weight's elements come from.
package protocol WeightSource: Sendable {
  var storedByteCount: Int { get }
  var encoding: String { get }
  func load() throws(ModelError) -> Tensor
  /// Tells the system that the weight's part of its file need not stay in memory; it is read again when needed.
  func release()
}

extension WeightSource {
  package func release() {}
}

extension Tensor: WeightSource {
  package var storedByteCount: Int { byteCount }
  package var encoding: String { "raw" }
  package func load() throws(ModelError) -> Tensor { self }
}
