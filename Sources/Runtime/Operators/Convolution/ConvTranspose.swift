import CKernels
import ModelFormat

/// `ConvTranspose`: each input element spreads a kernel over the output; the gradient of `Conv`.
///
///     extent = stride · (input − 1) + output_padding + (kernel − 1) · dilation + 1 − pads before − pads after
///
/// |        | name | shape                            | element types        |
/// |--------|------|----------------------------------|----------------------|
/// | input  | `X`  | `[n, c, …]`, 1 to 3 spatial axes | `f32`, `f64`, `f16`, `bf16` |
/// | input  | `W`  | `[c, m / group, …]`              | type of `X`          |
/// | input  | `B`  | `[m]`, optional                  | type of `X`          |
/// | output | `Y`  | `[n, m, …]`                      | type of `X`          |
/// | attr   | `output_padding` | one per spatial axis | default 0            |
/// | attr   | `output_shape`   | spatial extents; pads follow from them | |
///
/// Other attributes: ``ConvGeometry``; with `SAME_…` the output has input · stride elements. Source: ONNX
/// `ConvTranspose`, opsets 1, 11, 22.
struct ConvTranspose: TensorOperator {
  let geometry: ConvGeometry
  let outputPadding: [Int]?
  let outputShape: [Int]?

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...3)
    geometry = try ConvGeometry(node)
    outputPadding = node.has("output_padding") ? try node.ints("output_padding") : nil
    outputShape = node.has("output_shape") ? try node.ints("output_shape") : nil
    if let outputPadding, outputPadding.contains(where: { $0 < 0 || $0 > 1 << 31 }) {
      throw ModelError(
        .invalidAttribute, "output_padding is \(outputPadding)", expected: "numbers from 0 on")
    }
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: ElementType.floats)
    let w = try inputs.tensor(1, of: [x.element])
    let bias = inputs.has(2) ? try inputs.tensor(2, of: [x.element]).shape : nil
    guard let shape = x.shape else { return [.tensor(x.element, nil)] }
    try check(shape, w.shape)
    guard let w = w.shape else {
      return [
        .tensor(
          x.element, Shape([shape[0]] + Array(repeating: .unknown, count: shape.rank - 1)))
      ]
    }
    let channels = w[1] * .fixed(geometry.groups)
    if let bias, bias.rank != 1 || !bias[0].canBe(channels) {
      throw ModelError(.shapeMismatch, "B is \(bias)", expected: "[\(channels)]")
    }
    var extents = [shape[0], channels]
    for axis in 0..<shape.rank - 2 {
      let extent = try extent(shape[axis + 2], w[axis + 2], axis)
      if let value = extent.value, value < 0 {
        throw ModelError(
          .shapeMismatch, "spatial axis \(axis) of the output would have \(value) elements",
          expected: "0 or more")
      }
      extents.append(extent)
    }
    return [.tensor(x.element, Shape(extents))]
  }

  private func check(_ x: Shape, _ w: Shape?) throws(ModelError) {
    guard x.rank >= 3 else {
      throw ModelError(
        .shapeMismatch, "the input is \(x)", expected: "[batch, channels, spatial axes …]")
    }
    try geometry.check(spatialRank: x.rank - 2)
    for (name, values) in [("output_padding", outputPadding), ("output_shape", outputShape)] {
      guard let values, values.count != x.rank - 2 else { continue }
      throw ModelError(
        .invalidAttribute, "\(name) is \(values)", expected: "\(x.rank - 2) numbers")
    }
    guard let w else { return }
    let kernelFits = zip(geometry.kernel ?? [], w.dimensions.dropFirst(2)).allSatisfy {
      $1.canBe(.fixed($0))
    }
    guard w.rank == x.rank, w[0].canBe(x[1]), (x[1].value ?? 0) % geometry.groups == 0, kernelFits,
      !w.dimensions.dropFirst(2).contains(.fixed(0))
    else {
      throw ModelError(
        .shapeMismatch, "weights \(w) for an input \(x) in \(geometry.groups) group(s)",
        expected: "[channels, m / group, kernel …]")
    }
  }

  /// The output's extent without any padding.
  private func full(_ input: Dimension, _ kernel: Dimension, _ axis: Int) -> Dimension {
    (input - .fixed(1)) * .fixed(geometry.stride(axis)) + .fixed(outputPadding?[axis] ?? 0)
      + (kernel - .fixed(1)) * .fixed(geometry.dilation(axis)) + .fixed(1)
  }

  private func extent(
    _ input: Dimension, _ kernel: Dimension, _ axis: Int
  ) throws(ModelError) -> Dimension {
    if let outputShape { return .fixed(outputShape[axis]) }
    if geometry.autoPad.hasPrefix("SAME") { return input * .fixed(geometry.stride(axis)) }
    let full = full(input, kernel, axis)
    guard let pads = geometry.pads, geometry.autoPad != "VALID" else { return full }
    return full - .fixed(pads[axis] + pads[axis + pads.count / 2])
  }

  private func padBefore(_ input: Int, _ kernel: Int, _ output: Int, _ axis: Int) -> Int {
    guard outputShape != nil || geometry.autoPad.hasPrefix("SAME") else {
      return geometry.autoPad == "VALID" ? 0 : geometry.pads?[axis] ?? 0
    }
    let total = max(0, (full(.fixed(input), .fixed(kernel), axis).value ?? output) - output)
    return geometry.autoPad == "SAME_UPPER" ? total / 2 : total - total / 2
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    if HalfStaging.isNeeded(io) {
      return try HalfStaging.kernel(io) { (io) throws(ModelError) in try lower(io) }
    }
    let (x, w, y) = (try io.input(0).shape, try io.input(1).shape, try io.output().shape)
    var shape = geometry.kernelShape(x: x, w: w, y: y)
    shape.out_channels = Int64(y[1])
    let spatial = x.count - 2
    var pads: [Int64] = Array(repeating: 0, count: 3 - spatial)
    for axis in 0..<spatial {
      pads.append(Int64(padBefore(x[axis + 2], w[axis + 2], y[axis + 2], axis)))
    }
    shape.pad = (pads[0], pads[1], pads[2])
    let fixed = shape
    let isa = zoo_cpu_isa()
    let scratch = withUnsafePointer(to: fixed) { zoo_conv_transpose_f32_scratch_bytes($0) }
    let hasBias = io.has(2)
    if try io.input(0).element == .f64 { return wide(fixed, hasBias) }
    return Kernel("conv_transpose_f32", scratchBytes: max(scratch, 64)) {
      (context) throws(ModelError) in
      var shape = fixed
      zoo_conv_transpose_f32_run(
        isa, &shape, context.input(0), context.input(1), hasBias ? context.input(2) : nil,
        context.output(0), context.scratch, Int32(context.threads))
    }
  }

  /// In f64, element by element.
  private func wide(_ shape: zoo_conv_shape, _ hasBias: Bool) -> Kernel {
    let spread = WideSpread(shape)
    let planes = Int(shape.batch * shape.out_channels)
    return Kernel("conv_transpose_f64") { context in
      let (x, w) = (context.input(0, as: Double.self), context.input(1, as: Double.self))
      let bias = hasBias ? context.input(2, as: Double.self) : nil
      let y = context.output(as: Double.self)
      context.parallel(planes, grain: max(1, 16384 / max(1, spread.cost))) { range in
        for plane in range { spread.run(plane, x, w, bias, y) }
      }
    }
  }
}

/// What the input channels of one group spread over one output channel.
private struct WideSpread: Sendable {
  private let channels: (input: Int, output: Int, perGroup: Int)
  private let groups: Int
  private let input, kernel, output, stride, dilation, pad: [Int]

  init(_ shape: zoo_conv_shape) {
    func three(_ e: (Int64, Int64, Int64)) -> [Int] { [Int(e.0), Int(e.1), Int(e.2)] }
    groups = Int(shape.groups)
    channels = (
      Int(shape.in_channels), Int(shape.out_channels), Int(shape.out_channels) / Int(shape.groups)
    )
    input = three(shape.input)
    kernel = three(shape.kernel)
    output = three(shape.output)
    stride = three(shape.stride)
    dilation = three(shape.dilation)
    pad = three(shape.pad)
  }

  /// Multiplications for one output channel.
  var cost: Int { (input + kernel).reduce(channels.input / groups, *) }

  func run(
    _ plane: Int, _ x: UnsafePointer<Double>, _ w: UnsafePointer<Double>,
    _ bias: UnsafePointer<Double>?, _ y: UnsafeMutablePointer<Double>
  ) {
    let (n, m) = (plane / channels.output, plane % channels.output)
    let (points, taps, results) = (
      input.reduce(1, *), kernel.reduce(1, *), output.reduce(1, *)
    )
    let to = y + plane * results
    to.update(repeating: bias?[m] ?? 0, count: results)
    let perGroup = channels.input / groups
    let first = m / channels.perGroup * perGroup
    for c in first..<first + perGroup {
      let from = x + (n * channels.input + c) * points
      let weights = w + (c * channels.perGroup + m % channels.perGroup) * taps
      for tap in 0..<taps { add(from, weights[tap], tap, to) }
    }
  }

  private func add(
    _ from: UnsafePointer<Double>, _ weight: Double, _ tap: Int,
    _ to: UnsafeMutablePointer<Double>
  ) {
    let at = [tap / (kernel[1] * kernel[2]), tap / kernel[2] % kernel[1], tap % kernel[2]]
    let start = (0..<3).map { at[$0] * dilation[$0] - pad[$0] }
    for i in 0..<input[0] {
      let a = start[0] + i * stride[0]
      guard a >= 0, a < output[0] else { continue }
      for j in 0..<input[1] {
        let b = start[1] + j * stride[1]
        guard b >= 0, b < output[1] else { continue }
        let row = (a * output[1] + b) * output[2]
        for k in 0..<input[2] {
          let c = start[2] + k * stride[2]
          guard c >= 0, c < output[2] else { continue }
          to[row + c] += from[(i * input[1] + j) * input[2] + k] * weight
        }
      }
    }
  }
}
