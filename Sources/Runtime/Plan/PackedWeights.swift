import Synchronization

/// The weights of a session in the layouts that its kernels want; plans for different extents share them.
final class PackedWeights: Sendable {
  private struct Key: Hashable {
    let weight: ValueID
    let layout: String
  }

  private let tensors = Mutex<[Key: Tensor]>([:])

  func tensor(
    _ weight: ValueID, _ layout: String, _ pack: () throws(ModelError) -> Tensor
  ) throws(ModelError) -> Tensor {
    let key = Key(weight: weight, layout: layout)
    if let known = tensors.withLock({ $0[key] }) { return known }
    // Two threads that plan at once may both pack; the first result stays.
    let packed = try pack()
    return tensors.withLock { tensors in
      if let known = tensors[key] { return known }
      tensors[key] = packed
      return packed
    }
  }
}
