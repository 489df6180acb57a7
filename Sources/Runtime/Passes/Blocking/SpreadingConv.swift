import CKernels
import ModelFormat

/// A transposed convolution whose kernel is as large as its stride, so that no two input pixels meet.
struct SpreadingConv {
  let channels: Int
  let inputChannels: Int
  /// Whether the taps of all channels are the lanes of one block, so that its kernel gives planes.
  let fitsOneBlock: Bool
  private let weights: Tensor
  private let bias: [Float]

  init?(_ node: Node, _ context: PassContext) {
    let graph = GraphMatcher(context)
    guard node.inputs.count >= 2, let w = graph.weight(node.inputs[1]), w.shape.count == 4,
      w.count > 0, Self.isPlain(node, Array(w.shape[2...]))
    else { return nil }
    let shape = BlockedConvTranspose.shape([1, w.shape[0], 8, 8], w.shape)
    guard withUnsafePointer(to: shape, { zoo_blocked_spread_takes($0, 0) }) != 0 else { return nil }
    (inputChannels, channels) = (w.shape[0], w.shape[1])
    weights = w
    fitsOneBlock = withUnsafePointer(to: shape) { zoo_blocked_spread_takes($0, 1) } != 0
    guard node.inputs.count > 2, let value = node.inputs[2] else {
      bias = Array(repeating: 0, count: channels)
      return
    }
    guard let tensor = graph.weight(value), tensor.count == channels,
      let values = try? tensor.array(of: Float.self)
    else { return nil }
    bias = values
  }

  /// Whether blocks of 16 channels waste less than the kernel over them gains, if the input has to be brought into blocks.
  var isWorthConverting: Bool { inputChannels >= 8 && channels >= 4 }

  private static func isPlain(_ node: Node, _ kernel: [Int]) -> Bool {
    func ints(_ name: String, _ filler: Int) -> [Int] {
      guard case .ints(let values)? = node.attribute(name) else {
        return Array(repeating: filler, count: 2)
      }
      return values.map(Int.init)
    }
    if case .int(let group)? = node.attribute("group"), group != 1 { return false }
    if case .string(let pad)? = node.attribute("auto_pad"), pad != "NOTSET" { return false }
    return node.attribute("output_shape") == nil && ints("strides", 1) == kernel
      && ints("dilations", 1) == [1, 1] && ints("pads", 0).allSatisfy { $0 == 0 }
      && ints("output_padding", 0).allSatisfy { $0 == 0 }
  }

  /// Weights and bias that include the scales and shifts of a chain behind the convolution.
  func folded(_ chain: AffineChain?) throws(ModelError) -> (weights: Tensor, bias: Tensor) {
    guard let chain else { return (weights, try Tensor(bias, shape: [channels])) }
    var scaled = try weights.array(of: Float.self)
    let taps = weights.shape[2] * weights.shape[3]
    for i in scaled.indices { scaled[i] *= chain.scale[i / taps % channels] }
    let shifted = bias.indices.map { bias[$0] * chain.scale[$0] + chain.shift[$0] }
    return (
      try Tensor(scaled, shape: weights.shape), try Tensor(shifted, shape: [channels])
    )
  }
}
