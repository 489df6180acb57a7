/// Where the random numbers of a node come from: the same ones at each run if the node has a seed.
struct RandomSeed: Sendable {
  private let seed: UInt32?

  init(_ node: NodeReader) throws(ModelError) {
    guard node.has("seed") else {
      seed = nil
      return
    }
    // ONNX says float; Dropout's seed is an integer.
    if case .int(let value)? = node.node.attribute("seed") {
      seed = UInt32(truncatingIfNeeded: value)
    } else {
      let value = try node.float("seed")
      seed = Int64(exactly: value.rounded(.towardZero)).map(UInt32.init(truncatingIfNeeded:)) ?? 0
    }
  }

  var isFixed: Bool { seed != nil }

  func generator() -> MersenneTwister {
    MersenneTwister(seed: seed ?? UInt32.random(in: 0...UInt32.max))
  }
}
