/// `Dropout`: its input as it is, or in training mode with random elements set to 0 and the others scaled up.
///
///     mask = u ≥ ratio, u uniform in 0 ..< 1
///     output = training ? data · mask / (1 − ratio) : data
///
/// |        | name     | shape | element types |
/// |--------|----------|-------|---------------|
/// | input  | `data`   | any   | any float     |
/// | input  | `ratio`, optional | `[]` | any float: since opset 12, before it an attribute; default 0.5 |
/// | input  | `training_mode`, optional | `[]` | `bool`: since opset 12, default false |
/// | output | `output` | of `data` | type of `data` |
/// | output | `mask`, optional | of `data` | `bool`; type of `data` before opset 10 |
/// | attr   | `seed`   |       | since opset 12; without one each run is different |
///
/// Source: ONNX `Dropout`, opsets 1 to 22.
struct Dropout: TensorOperator {
  private let opset: Int
  private let trainsByAttribute: Bool
  private let ratio: Float
  private let hasTraining: Bool
  private let seed: RandomSeed

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: node.opset < 12 ? 1...1 : 1...3, outputs: 1...2)
    opset = node.opset
    let isTest = try node.bool("is_test", default: false)
    trainsByAttribute = node.opset < 7 && !isTest
    ratio = try node.float("ratio", default: 0.5)
    hasTraining = node.hasInput(2)
    seed = try RandomSeed(node)
  }

  var isVolatile: Bool { (hasTraining || trainsByAttribute) && !seed.isFixed }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let data = try inputs.tensor(0)
    if hasTraining { _ = try inputs.tensor(2, of: [.bool]) }
    return [.tensor(data), .tensor(opset < 10 ? data.element : .bool, data.shape)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let data = try io.input(0)
    var drops = trainsByAttribute
    var ratio = Double(ratio)
    if hasTraining {
      guard let training = try io.input(2).value else { return .deferred }
      drops = try training.array(of: Bool.self).first ?? false
    }
    if io.has(1), drops {
      guard let value = try io.input(1).value else { return .deferred }
      ratio = try value.doubles().first ?? 0.5
    }
    let mask = io.outputs.count > 1 ? io.outputs[1] : nil
    if !drops || ratio == 0 {
      guard let mask else { return .alias() }
      return copyAndMask(io.outputs[0] != nil, data, mask)
    }
    switch data.element {
    case .f32: return kernel(io, ratio, 1) { (x: Float, scale) in Float(Double(x) * scale) }
    case .f64: return kernel(io, ratio, 1) { (x: Double, scale) in x * scale }
    case .f16: return kernel(io, ratio, 1) { (x: Float16, scale) in Float16(Double(x) * scale) }
    case .bf16:
      return kernel(io, ratio, BFloat16(1)) { (x: BFloat16, scale) in
        BFloat16(Float(Double(x.float) * scale))
      }
    default:
      throw ModelError(
        .elementTypeMismatch, "dropout of a tensor of \(data.element)",
        expected: "f16, bf16, f32 or f64")
    }
  }

  private func copyAndMask(
    _ wantsData: Bool, _ data: NodeIO.Operand, _ mask: NodeIO.Operand
  ) -> Kernel {
    let (bytes, count, type) = (data.byteCount, data.count, mask.element)
    return Kernel("dropout_mask", reuses: [0: 0]) { (context) throws(ModelError) in
      if wantsData,
        context.outputBytes(0) != UnsafeMutableRawPointer(mutating: context.inputBytes(0))
      {
        context.outputBytes(0).copyMemory(from: context.inputBytes(0), byteCount: bytes)
      }
      if type == .bool {
        context.outputBytes(1).initializeMemory(as: UInt8.self, repeating: 1, count: count)
      } else {
        let ones = try Tensor.repeating(Tensor.filled(type, 1), shape: [count])
        try ones.withBytes { source in
          guard let base = source.baseAddress else { return }
          context.outputBytes(1).copyMemory(from: base, byteCount: source.count)
        }
      }
    }
  }

  private func kernel<T: TensorElement>(
    _ io: NodeIO, _ ratio: Double, _ one: T, _ scaled: @escaping @Sendable (T, Double) -> T
  ) -> Kernel {
    let count = io.inputs[0]?.count ?? 0
    let wantsData = io.outputs[0] != nil
    let wantsMask = io.outputs.count > 1 && io.outputs[1] != nil
    let (seed, masksAreBool) = (seed, opset >= 10)
    return Kernel("dropout") { context in
      var random = seed.generator()
      for index in 0..<count {
        let keeps = random.uniform() >= ratio
        let factor = keeps ? 1 / (1 - ratio) : 0
        if wantsData {
          context.output(0, as: T.self)[index] = scaled(context.input(0)[index], factor)
        }
        guard wantsMask else { continue }
        if masksAreBool {
          context.output(1, as: Bool.self)[index] = keeps
        } else {
          context.output(1, as: T.self)[index] = scaled(one, keeps ? 1 : 0)
        }
      }
    }
  }
}
