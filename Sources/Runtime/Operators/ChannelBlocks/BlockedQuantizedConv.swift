import CKernels
import ModelFormat

/// `BlockedQuantizedConv`: ``QuantizedConv`` over two spatial axes, of codes in channel blocks, ``CodeBlocks``.
///
/// |        | name       | shape                       | element types |
/// |--------|------------|-----------------------------|---------------|
/// | input  | `x`        | images in blocks            | `f32`: codes − `x_zero` |
/// | input  | `w`, …     | as ``QuantizedEpilogue``, constants | `u8`, `i8`, … |
/// | input  | `residual` | shape of `y`, optional      | `f32`: codes − `residual_zero` |
/// | output | `y`        | images in blocks            | `f32`: codes − `y_zero`, real numbers if `y_type` is f32 |
///
/// Attributes: ``ConvGeometry``, ``QuantizedEpilogue``. The same numbers come out as from ``QuantizedConv``, to the bit, if
/// no sum can leave ±2²⁴, which the pass that makes it sees to: ``CodeBlocking``.
struct BlockedQuantizedConv: TensorOperator {
  let geometry: ConvGeometry
  let epilogue: QuantizedEpilogue

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 3...7)
    geometry = try ConvGeometry(node)
    epilogue = try QuantizedEpilogue(node)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    try epilogue.check(inputs, elements: [.f32])
    guard let x = try ChannelBlocks.input(inputs, 0).shape,
      let weights = try inputs.tensor(1).shape
    else { return [.tensor(.f32, nil)] }
    return [.tensor(.f32, try geometry.blockedOutput(x, weights))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let shape = try geometry.blockedShape(io)
    let forms = [ZOO_BLOCKED_DEPTHWISE, ZOO_BLOCKED_DIRECT]
    let taken = forms.first { form in
      withUnsafePointer(to: shape) { zoo_blocked_conv_takes($0, form) } != 0
    }
    guard let form = taken else {
      throw ModelError(
        .shapeMismatch, "a convolution of \(try io.input(0).shape) by \(try io.input(1).shape)",
        expected: "a shape that kernels over channel blocks take")
    }
    let isa = zoo_cpu_isa()
    let weights = try packed(io, shape, form, isa)
    let sums = try CodeSums(io, epilogue, channels: Int(shape.out_channels))
    let kind = form == ZOO_BLOCKED_DEPTHWISE ? "depthwise" : "direct"
    return Kernel("qconv_blocks_\(kind)_f32_\(String(cString: zoo_isa_name(isa)))") {
      (context) throws(ModelError) in
      try sums.withSums(context) { (sums, residual) throws(ModelError) in
        try weights.withBytes { (weights) throws(ModelError) in
          var shape = shape
          var epilogue = zoo_blocked_epilogue()
          epilogue.codes = sums
          epilogue.residual = residual
          zoo_blocked_conv_run(
            isa, &shape, form, context.input(0), weights.baseAddress, context.output(), &epilogue,
            Int32(context.threads))
        }
      }
    }
  }

  /// The weights less their zero points and the bias of the sums, as f32.
  private func packed(
    _ io: NodeIO, _ shape: zoo_conv_shape, _ form: zoo_blocked_form, _ isa: zoo_isa
  ) throws(ModelError) -> Tensor {
    typealias Input = QuantizedEpilogue.Input
    let bias = try io.constant(Input.sumBias)?.array(of: Int32.self).map(Float.init)
    let zeros = try io.constant(Input.zero)
    let names = io.weightName(Input.sumBias) + io.weightName(Input.zero)
    let layout = "code_blocks_\(form.rawValue)_\(geometry.groups)\(names)"
    let packed = try io.packed(Input.weight, layout, replaces: true) {
      (weight) throws(ModelError) in
      var shape = shape
      let numbers = try CodeBlocks.differences(weight, zeros)
      return try Tensor(.u8, shape: [zoo_blocked_conv_packed_bytes(isa, &shape, form)]) {
        zoo_blocked_conv_pack(isa, &shape, form, numbers, nil, bias, $0.baseAddress)
      }
    }
    guard let packed else {
      throw ModelError(.invalidGraph, "weights that are no constant", expected: "a constant")
    }
    return packed
  }
}

/// What makes codes of the sums of one node.
struct CodeSums: Sendable {
  private let bound: QuantizedEpilogue.Bound
  /// Scales, then biases.
  private let lines: Tensor
  private let hasBias: Bool
  private let hasResidual: Bool
  private let isModerate: Int32

  init(
    _ io: NodeIO, _ epilogue: QuantizedEpilogue, channels: Int
  ) throws(ModelError) {
    typealias Input = QuantizedEpilogue.Input
    bound = try epilogue.bound(to: io, channels: channels)
    let hasResidual = io.has(Input.residual)
    let given = try io.constant(Input.bias)?.array(of: Float.self)
    hasBias = given != nil
    guard let scales = try io.constant(Input.scale)?.array(of: Float.self) else {
      throw ModelError(.invalidGraph, "scales that are no constant", expected: "a constant")
    }
    var target = bound.form
    var weights = zoo_qside()
    weights.scale_per_line = scales.count > 1 ? 1 : 0
    let floats = ChannelBlocks.count(channels) * ChannelBlocks.lanes
    var isModerate: Int32 = 0
    var numbers = [Float](repeating: 0, count: 2 * floats)
    withUnsafePointer(to: epilogue.xScale) { xScale in
      var x = zoo_qside()
      x.scale = xScale
      // Only whether there is one counts.
      target.residual = hasResidual ? UnsafeRawPointer(xScale) : nil
      scales.withUnsafeBufferPointer { scales in
        weights.scale = scales.baseAddress
        numbers.withUnsafeMutableBufferPointer { to in
          func set(_ bias: UnsafePointer<Float>?) {
            target.epilogue.bias = bias
            guard let first = to.baseAddress else { return }
            isModerate = zoo_code_scales_set(
              &target, &x, &weights, Int64(channels), first, first + floats)
          }
          if let given { given.withUnsafeBufferPointer { set($0.baseAddress) } } else { set(nil) }
        }
      }
    }
    (self.isModerate, self.hasResidual) = (isModerate, hasResidual)
    lines = try Tensor(numbers, shape: [2, floats])
  }

  func withSums(
    _ context: borrowing KernelContext,
    _ body: (UnsafePointer<zoo_code_sums>, UnsafePointer<Float>?) throws(ModelError) -> Void
  ) throws(ModelError) {
    let residual: UnsafePointer<Float>? =
      hasResidual ? context.input(QuantizedEpilogue.Input.residual) : nil
    try lines.withElements(of: Float.self) { (lines) throws(ModelError) in
      var target = bound.form
      target.residual = UnsafeRawPointer(residual)
      let bias = hasBias ? lines.baseAddress.map { $0 + lines.count / 2 } : nil
      let sums = zoo_code_sums_of(&target, lines.baseAddress, bias, isModerate)
      try withUnsafePointer(to: sums) { (sums) throws(ModelError) in try body(sums, residual) }
    }
  }
}

extension NodeIO {
  /// The tensor of an input that is there and known when the plan is made.
  func constant(_ index: Int) throws(ModelError) -> Tensor? {
    guard has(index) else { return nil }
    guard let value = try input(index).value else {
      throw ModelError(.invalidGraph, "input \(index) is no constant", expected: "a constant")
    }
    return value
  }
}
