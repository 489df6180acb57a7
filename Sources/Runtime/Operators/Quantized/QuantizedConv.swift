import CKernels
import ModelFormat

/// `QuantizedConv` of domain `zoo`: an 8-bit convolution and what follows it, ``QuantizedEpilogue``.
///
/// |        | name | shape                              | element types      |
/// |--------|------|------------------------------------|--------------------|
/// | input  | `x`  | `[n, c, …]`, 1 to 3 spatial axes   | `u8`, `i8`         |
/// | input  | `w`  | `[m, c / group, …]`                | `u8`, `i8`         |
/// | output | `y`  | `[n, m, …]`                        | `u8`, `i8`, `f32`  |
/// | attr   | `channels_last` | 1: `x`, `y` and the residual are `[n, …, c]` | default 0 |
///
/// Padding reads `x_zero`. Other attributes: ``ConvGeometry``. `QuantizedLayerFusion` makes it.
struct QuantizedConv: TensorOperator {
  let geometry: ConvGeometry
  let epilogue: QuantizedEpilogue
  let channelsLast: Bool

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 3...7)
    geometry = try ConvGeometry(node)
    epilogue = try QuantizedEpilogue(node)
    channelsLast = try node.bool("channels_last", default: false)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    try epilogue.check(inputs)
    let x = try inputs.tensor(0).shape
    let shape = try geometry.outputShape(
      channelsLast ? x?.channelsFirst : x, try inputs.tensor(1).shape)
    return [.tensor(epilogue.element, channelsLast ? shape?.channelsLast : shape)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let convolution = try QuantizedConvolution(
      io, geometry, weights: QuantizedEpilogue.Input.weight, channelsLast: channelsLast)
    if !channelsLast && io.has(QuantizedEpilogue.Input.residual) {
      throw ModelError(
        .invalidAttribute, "a residual with channels first", expected: "channels_last of 1")
    }
    let bound = try epilogue.bound(to: io, channels: try io.input(1).shape[0])
    return Kernel(
      convolution.kernelName, scratchBytes: convolution.scratchBytes,
      reuses: QuantizedEpilogue.reuses(io)
    ) { (context) throws(ModelError) in
      try bound.run(context) { (x, w, target) throws(ModelError) in
        try convolution.run(context, xSide: x, wSide: w, target: target)
      }
    }
  }
}

extension Shape {
  /// `[n, …, c]` of `[n, c, …]`.
  var channelsLast: Shape { Shape([self[0]] + dimensions.dropFirst(2) + [self[1]]) }
  /// `[n, c, …]` of `[n, …, c]`.
  var channelsFirst: Shape {
    rank < 2 ? self : Shape([self[0], self[rank - 1]] + dimensions[1..<rank - 1])
  }
}
