import Synchronization

/// A weight that is decoded once and then shared, until it is released: then it is decoded again when somebody asks.
final class DecodedWeight: WeightSource {
  private let source: any WeightSource
  private let tensor: Mutex<Tensor?>

  init(_ source: any WeightSource) throws(ModelError) {
    self.source = source
    tensor = Mutex(try source.load())
  }

  /// Of the elements as they are in memory.
  var encoding: String { "raw" }
  var storedByteCount: Int { source.storedByteCount }

  func load() throws(ModelError) -> Tensor {
    if let known = tensor.withLock({ $0 }) { return known }
    // Two threads may both decode; the first result stays.
    let decoded = try source.load()
    return tensor.withLock { tensor in
      if let known = tensor { return known }
      tensor = decoded
      return decoded
    }
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

  /// Says that the elements are not needed soon: those that can be had from a file again leave the memory.
  package func release() { (source as? DecodedWeight)?.release() }
}
