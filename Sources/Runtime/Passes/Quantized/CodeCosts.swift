import CKernels
import ModelFormat

/// What computing a node takes with codes as bytes and in channel blocks, by estimate, in processor cycles.
///
/// The numbers were measured for single layers of 16 to 256 channels on one core, Zen 5 with AVX-512 and with AVX2 forced;
/// for processors between and beside them they are scaled by what their instructions do at once. They decide about time
/// only: both forms give the same codes.
struct CodeCosts {
  /// A cost in each form.
  struct Pair {
    var bytes: Double
    var blocks: Double
  }

  /// Cycles for 16 numbers.
  private struct Rates {
    /// To make codes of sums; with hard swish so much more.
    let finish: Pair
    let swish: Pair
    /// Each product of a sum, where they are many, and where they are channel by channel.
    let product: Pair
    let depthwise: Pair
    let join: Pair
    /// Reading numbers for maxima and means, moving them for concatenations.
    let move: Pair
    let convert: Double
    /// Kernels for bytes compute so many channels at once.
    let columns: Int
  }

  /// What a conversion takes besides.
  private static let start = 700.0

  private let rates: Rates

  init() {
    switch zoo_cpu_isa() {
    case ZOO_ISA_AVX512 where zoo_cpu_has_vnni() != 0: rates = Self.vnni
    case ZOO_ISA_AVX512: rates = Self.avx512
    default: rates = Self.others
    }
  }

  private static let vnni = Rates(
    finish: Pair(bytes: 5, blocks: 4.5), swish: Pair(bytes: 4.6, blocks: 4),
    product: Pair(bytes: 0.13, blocks: 0.54), depthwise: Pair(bytes: 0.55, blocks: 0.5),
    join: Pair(bytes: 5, blocks: 4.5), move: Pair(bytes: 1.5, blocks: 1.5), convert: 3, columns: 32)

  private static let avx512 = Rates(
    finish: Pair(bytes: 14, blocks: 4.5), swish: Pair(bytes: 6, blocks: 4),
    product: Pair(bytes: 0.32, blocks: 0.54), depthwise: Pair(bytes: 1.5, blocks: 0.5),
    join: Pair(bytes: 6, blocks: 4.5), move: Pair(bytes: 1.5, blocks: 1.5), convert: 3, columns: 16)

  private static let others = Rates(
    finish: Pair(bytes: 28, blocks: 5), swish: Pair(bytes: 13, blocks: 8),
    product: Pair(bytes: 0.66, blocks: 1.12), depthwise: Pair(bytes: 3, blocks: 1.4),
    join: Pair(bytes: 14, blocks: 9), move: Pair(bytes: 2, blocks: 2), convert: 3.5, columns: 8)

  /// Tensors that are larger come from memory, or a cache that is shared; 64 bytes then take so many cycles more.
  private static let near = 0.5e6
  private static let far = 8.0

  /// - Parameter pixels: Of the output, over all images; of the input for means.
  func of(_ node: CodeNode, pixels: Double) -> Pair {
    let channels = node.channels
    let perVector = perVector(node)
    var columns = channels
    if case .conv = node.kind {
      columns = (channels + rates.columns - 1) / rates.columns * rates.columns
    }
    let lanes = Double(ChannelBlocks.count(channels) * ChannelBlocks.lanes)
    var cost = Pair(
      bytes: pixels * Double(columns) / 16 * perVector.bytes + access(pixels * Double(channels)),
      blocks: pixels * lanes / 16 * perVector.blocks + access(4 * pixels * lanes))
    if case .conv = node.kind, node.codes == nil {
      // Real numbers enter blocks.
      cost.bytes += ofConversion(channels: channels, pixels: pixels)
    }
    return cost
  }

  private func access(_ bytes: Double) -> Double {
    bytes > Self.near ? bytes / 64 * Self.far : 0
  }

  /// What it takes to convert `channels` of codes.
  func ofConversion(channels: Int, pixels: Double) -> Double {
    let lanes = Double(ChannelBlocks.count(channels) * ChannelBlocks.lanes)
    return Self.start + pixels * lanes / 16 * rates.convert + access(4 * pixels * lanes)
  }

  private func perVector(_ node: CodeNode) -> Pair {
    switch node.kind {
    case .conv(let shape, let isSwish):
      let taps = Double(shape.kernel.1 * shape.kernel.2)
      let isDepthwise =
        shape.groups == shape.in_channels && shape.groups == shape.out_channels
      let products = isDepthwise ? taps : taps * Double(shape.in_channels / shape.groups)
      let each = isDepthwise ? rates.depthwise : rates.product
      return Pair(
        bytes: rates.finish.bytes + (isSwish ? rates.swish.bytes : 0) + products * each.bytes,
        blocks: rates.finish.blocks + (isSwish ? rates.swish.blocks : 0) + products * each.blocks)
    case .join: return rates.join
    case .average, .concat: return rates.move
    case .max(let taps):
      return Pair(
        bytes: rates.move.bytes * Double(taps) / 4, blocks: rates.move.blocks * Double(taps))
    case .quantize, .dequantize: return Pair(bytes: 1e9, blocks: 0)
    }
  }
}
