import CKernels
import ModelFormat

/// `Conv`: a kernel moved over the spatial axes; as `FusedConv` of domain `zoo` also what follows it.
///
///     Y[n, m, …o] = activation(B[m] + Σ_c Σ_t X[n, c, …o·stride + t·dilation − pad] · W[m, c, …t] + residual[n, m, …o])
///
/// |        | name       | shape                          | element types               |
/// |--------|------------|--------------------------------|-----------------------------|
/// | input  | `X`        | `[n, c, …]`, 1 to 3 spatial axes | `f32`, `f64`, `f16`, `bf16` |
/// | input  | `W`        | `[m, c / group, …]`            | type of `X`                 |
/// | input  | `B`        | `[m]`, optional                | type of `X`                 |
/// | input  | `residual` | shape of `Y`, fused only       | `f32`                       |
/// | input  | `gain`     | `[m]`, constant, fused only: `W` stands for `W · gain` | `f32` |
/// | output | `Y`        | `[n, m, …]`                    | type of `X`                 |
///
/// Attributes: ``ConvGeometry``. Source: ONNX `Conv`, opsets 1, 11, 22.
struct Conv: TensorOperator {
  let geometry: ConvGeometry
  let activation: zoo_activation

  init(_ node: NodeReader) throws(ModelError) {
    let isFused = node.node.domain == "zoo"
    try node.require(inputs: isFused ? 2...5 : 2...3)
    geometry = try ConvGeometry(node)
    activation = isFused ? try FusedActivation.decode(node) : FusedActivation.none
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: [.f32, .f64, .f16, .bf16])
    let w = try inputs.tensor(1, of: [x.element])
    if inputs.has(2) {
      let bias = try inputs.tensor(2, of: [x.element]).shape
      if let bias, let w = w.shape, bias.rank != 1 || !bias[0].canBe(w[0]) {
        throw ModelError(.shapeMismatch, "B is \(bias)", expected: "[\(w[0])]")
      }
    }
    let shape = try geometry.outputShape(x.shape, w.shape)
    try inputs.requireAddend(3, "a residual", x.element, shape)
    try inputs.requireAddend(4, "a gain", .f32, w.shape.map { [$0[0]] })
    return [.tensor(x.element, shape)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    if HalfStaging.isNeeded(io) {
      return try HalfStaging.kernel(io) { (io) throws(ModelError) in try lower(io) }
    }
    let (x, w) = (try io.input(0), try io.input(1))
    try io.requireResidual(3)
    let shape = geometry.kernelShape(x: x.shape, w: w.shape, y: try io.output().shape)
    if x.element == .f64 { return double(shape, io.has(2)) }
    let isa = zoo_cpu_isa()
    if let kernel = try narrow(io, shape, isa) { return kernel }
    let name = "conv_f32_\(String(cString: zoo_isa_name(isa)))"
    let (hasBias, hasResidual, activation) = (io.has(2), io.has(3), activation)
    let packed = try packed(io, shape, isa)
    if packed == nil, io.has(4) {
      throw ModelError(
        .missingInput, "a gain of weights that are no constant", expected: "constants")
    }
    var scratch = 0
    if packed == nil {
      scratch = max(64, withUnsafePointer(to: shape) { zoo_conv_f32_packed_bytes(isa, $0) })
    }
    return Kernel(name, scratchBytes: scratch, reuses: hasResidual ? [0: 3] : [:]) {
      (context) throws(ModelError) in
      var shape = shape
      var epilogue = zoo_epilogue()
      epilogue.activation = activation
      if hasBias { epilogue.bias = context.input(2) }
      if hasResidual { epilogue.residual = context.input(3) }
      let x = context.input(0, as: Float.self)
      let y = context.output(0, as: Float.self)
      if let packed {
        try packed.withBytes { (weights) throws(ModelError) in
          zoo_conv_f32_run(
            isa, &shape, x, weights.baseAddress, y, &epilogue, Int32(context.threads))
        }
      } else {
        zoo_conv_f32_pack(isa, &shape, context.input(1), context.scratch)
        zoo_conv_f32_run(
          isa, &shape, x, context.scratch, y, &epilogue, Int32(context.threads))
      }
    }
  }

  private func packed(
    _ io: NodeIO, _ shape: zoo_conv_shape, _ isa: zoo_isa
  ) throws(ModelError) -> Tensor? {
    guard let gain = try io.constantRow(4) else { return nil }
    let layout =
      "conv_f32_\(geometry.groups)_\(geometry.strides ?? [])_\(geometry.dilations ?? [])\(gain.name)"
    return try io.packed(1, layout, replaces: true) { (weight) throws(ModelError) in
      var shape = shape
      let weight = try Self.scaled(HalfStaging.widened(weight), gain.values)
      return try Tensor(.u8, shape: [zoo_conv_f32_packed_bytes(isa, &shape)]) {
        (to) throws(ModelError) in
        try weight.withElements(of: Float.self) { (from) throws(ModelError) in
          zoo_conv_f32_pack(isa, &shape, from.baseAddress, to.baseAddress)
        }
      }
    }
  }

  /// Each output channel's weights, times its gain.
  static func scaled(_ weight: Tensor, _ gain: [Float]?) throws(ModelError) -> Tensor {
    guard let gain else { return weight }
    var values = try weight.array(of: Float.self)
    let size = values.count / max(gain.count, 1)
    for i in values.indices { values[i] *= gain[i / size] }
    return try Tensor(values, shape: weight.shape)
  }

  private func double(_ shape: zoo_conv_shape, _ hasBias: Bool) -> Kernel {
    Kernel("conv_f64") { (context) throws(ModelError) in
      var shape = shape
      zoo_conv_f64_run(
        &shape, context.input(0), context.input(1), hasBias ? context.input(2) : nil,
        context.output(0), Int32(context.threads))
    }
  }
}
