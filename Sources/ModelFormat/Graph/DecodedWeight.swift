import Synchronization

/// A weight that is decoded once and then shared, until it is released: then it is decoded again when somebody asks.
final class DecodedWeight: WeightSource {
  fileprivate let source: any WeightSource
  private let tensor: Mutex<Tensor?>

  init(_ source: any WeightSource) throws(ModelError) {
    self.source = source
    tensor = Mutex(try Self.decoded(source))
  }

  /// - Parameter tensor: What `source` gives.
  init(_ source: any WeightSource, as tensor: Tensor) {
    self.source = source
    self.tensor = Mutex(tensor)
  }

  /// The elements, and not those of the file beside a copy of them.
  private static func decoded(_ source: any WeightSource) throws(ModelError) -> Tensor {
    let tensor = try source.load()
    if tensor.bytes?.buffer.isOwned ?? true { source.release() }
    return tensor
  }

  /// Of the elements as they are in memory.
  var encoding: String { "raw" }
  var storedByteCount: Int { source.storedByteCount }

  func load() throws(ModelError) -> Tensor {
    if let known = tensor.withLock({ $0 }) { return known }
    // Two threads may both decode; the first result stays.
    let decoded = try Self.decoded(source)
    return tensor.withLock { tensor in
      if let known = tensor { return known }
      tensor = decoded
      return decoded
    }
  }

  /// Gives the elements away; they are decoded again when somebody else asks.
  func take() throws(ModelError) -> Tensor {
    let known = tensor.withLock { tensor in
      defer { tensor = nil }
      return tensor
    }
    if let known { return known }
    return try Self.decoded(source)
  }

  func release() {
    tensor.withLock { tensor in
      tensor?.bytes?.buffer.release()
      tensor = nil
    }
  }
}

extension Weight {
  /// The same weight, decoded and shared from now on.
  package func decoded() throws(ModelError) -> Weight {
    if source is Tensor || source is DecodedWeight { return self }
    return Weight(elementType, shape: shape, source: try DecodedWeight(source))
  }

  /// A weight whose elements are in memory and can be had again from `source`.
  package init(_ tensor: Tensor, from source: any WeightSource) {
    self.init(
      tensor.elementType, shape: tensor.shape, source: DecodedWeight(source, as: tensor))
  }

  /// Where the elements come from, once they have left the memory.
  package var origin: any WeightSource { (source as? DecodedWeight)?.source ?? source }

  /// The elements, which this weight keeps no longer if they can be had again.
  package func taken() throws(ModelError) -> Tensor {
    if let decoded = source as? DecodedWeight { return try decoded.take() }
    return try source.load()
  }

  /// Says that the elements are not needed soon: those that can be had from a file again leave the memory.
  package func release() { (source as? DecodedWeight)?.release() }
}
