import CKernels
import ModelFormat

/// `QuantizedPool` of domain `zoo`: `MaxPool`, `AveragePool` and `GlobalAveragePool` of 8-bit codes.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `x`  | `[n, c, …]`, 1 to 3 spatial axes | `u8`, `i8` |
/// | output | `y`  | see ``PoolWindow`` | `max`: type of `x`; else `y_type`: `u8`, `i8`, `f32` |
/// | attr   | `pool` | `max`, `average`, `global` | |
/// | attr   | `x_scale`, `x_zero`, `y_scale`, `y_zero` | what codes stand for; not for `max` | |
/// | attr   | `channels_last` | 1: `x` and `y` are `[n, …, c]` | default 0 |
///
/// Ties round to even. Other attributes: those of ``Pool``. `QuantizedMapFusion` makes it.
struct QuantizedPool: TensorOperator {
  private let window: PoolWindow?
  private let isMax: Bool
  private let from: zoo_qform
  private let y: QuantizedEpilogue.Codes?
  private let countsPadding: Bool
  private let channelsLast: Bool

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    let kind = try node.choice("pool", of: ["max", "average", "global"], default: "max")
    isMax = kind == "max"
    window = kind == "global" ? nil : try PoolWindow(node)
    from = zoo_qform(
      is_signed: 0, scale: try node.float("x_scale", default: 1),
      zero: Int32(try node.int("x_zero", default: 0)))
    y = try QuantizedEpilogue.Codes(node, "y")
    countsPadding = try node.bool("count_include_pad", default: false)
    channelsLast = try node.bool("channels_last", default: false)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: QuantizedProduct.elements)
    let given = channelsLast ? x.shape?.channelsFirst : x.shape
    var shape =
      try window.map { (window) throws(ModelError) in try window.outputShape(given) } ?? nil
    if window == nil, let given {
      shape = Shape(given.dimensions.enumerated().map { $0.offset < 2 ? $0.element : .fixed(1) })
    }
    let element = isMax ? x.element : y?.element ?? .f32
    return [.tensor(element, channelsLast ? shape?.channelsLast : shape)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    var layout = ScratchLayout()
    let order = try ChannelOrder(io, isGiven: channelsLast, &layout)
    guard (3...5).contains(order.x.count) else {
      throw ModelError(.shapeMismatch, "\(order.x)", expected: "1 to 3 spatial axes")
    }
    let shape = kernelShape(order.x, order.y)
    let isSigned: Int32 = try io.input(0).element == .i8 ? 1 : 0
    var from = from
    from.is_signed = isSigned
    let to = y.map {
      zoo_qform(is_signed: $0.element == .i8 ? 1 : 0, scale: $0.scale, zero: Int32($0.zero))
    }
    let (form, isMax, isa) = (from, isMax, zoo_cpu_isa())
    let counts: Int32 = countsPadding ? 1 : 0
    return Kernel(isMax ? "max_pool_u8" : "average_pool_u8", scratchBytes: layout.bytes) {
      context in
      let (x, y) = order.begin(context)
      var shape = shape
      let threads = Int32(context.threads)
      if isMax {
        zoo_qpool_max(isa, &shape, isSigned, x, y, threads)
      } else if var to {
        zoo_qpool_average(isa, &shape, form, &to, counts, x, y, threads)
      } else {
        zoo_qpool_average(isa, &shape, form, nil, counts, x, y, threads)
      }
      order.end(context)
    }
  }

  /// The windows as those of a convolution, for shapes `[n, c, …]`.
  private func kernelShape(_ x: [Int], _ y: [Int]) -> zoo_conv_shape {
    let spatial = x.count - 2
    func three(_ value: (Int) -> Int, _ filler: Int64 = 1) -> (Int64, Int64, Int64) {
      func at(_ axis: Int) -> Int64 {
        axis < 3 - spatial ? filler : Int64(value(axis - (3 - spatial)))
      }
      return (at(0), at(1), at(2))
    }
    return zoo_conv_shape(
      batch: Int64(x[0]), groups: 1, in_channels: Int64(x[1]), out_channels: Int64(y[1]),
      input: three { x[$0 + 2] }, kernel: three { window?.kernel[$0] ?? x[$0 + 2] },
      output: three { y[$0 + 2] }, stride: three { window?.stride($0) ?? 1 },
      dilation: three { window?.dilation($0) ?? 1 },
      pad: three({ window?.padding(x[$0 + 2], $0).before ?? 0 }, 0))
  }
}
