/// `RandomNormal`, `RandomUniform` and their `…Like` forms: a tensor of random numbers.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `input`, `…Like` only | any | any: gives the shape |
/// | output | `output` | attribute `shape`, or that of `input` | `f32`, `f64`, `f16`, `bf16`: `dtype` |
/// | attr   | `mean`, `scale` or `low`, `high` | | defaults 0 and 1 |
/// | attr   | `seed` | | without it, each run gives other numbers |
///
/// With a seed the numbers are those of NumPy's `RandomState(seed)`: `rand` and `randn`, ``MersenneTwister``.
///
/// Source: ONNX `RandomNormal`, `RandomUniform`, `RandomNormalLike`, `RandomUniformLike`, opsets 1 and 22.
struct RandomTensor: TensorOperator {
  enum Distribution: Sendable { case normal, uniform }

  private let distribution: Distribution
  private let first: Double
  private let second: Double
  private let shape: [Int]?
  private let element: ElementType?
  private let seed: RandomSeed

  init(_ distribution: Distribution, like: Bool, _ node: NodeReader) throws(ModelError) {
    try node.require(inputs: like ? 1...1 : 0...0)
    self.distribution = distribution
    let isNormal = distribution == .normal
    first = Double(try node.float(isNormal ? "mean" : "low", default: 0))
    second = Double(try node.float(isNormal ? "scale" : "high", default: 1))
    shape = like ? nil : try node.ints("shape")
    element = node.has("dtype") ? try node.elementType("dtype") : like ? nil : .f32
    seed = try RandomSeed(node)
    if let element { try Self.check(element) }
    if let shape { _ = try Tensor.count(of: shape) }
  }

  @Sendable static func normal(_ node: NodeReader) throws(ModelError) -> any Operator {
    try RandomTensor(.normal, like: false, node)
  }

  @Sendable static func normalLike(_ node: NodeReader) throws(ModelError) -> any Operator {
    try RandomTensor(.normal, like: true, node)
  }

  @Sendable static func uniform(_ node: NodeReader) throws(ModelError) -> any Operator {
    try RandomTensor(.uniform, like: false, node)
  }

  @Sendable static func uniformLike(_ node: NodeReader) throws(ModelError) -> any Operator {
    try RandomTensor(.uniform, like: true, node)
  }

  private static func check(_ element: ElementType) throws(ModelError) {
    guard [.f32, .f64, .f16, .bf16].contains(element) else {
      throw ModelError(
        .elementTypeMismatch, "random numbers of \(element)", expected: "f16, bf16, f32 or f64")
    }
  }

  var isVolatile: Bool { !seed.isFixed }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    if let shape { return [.tensor(element ?? .f32, Shape(shape))] }
    let type = try inputs.tensor(0)
    try Self.check(element ?? type.element)
    return [.tensor(element ?? type.element, type.shape)]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let output = try io.output()
    let (count, type, seed) = (output.count, output.element, seed)
    let (distribution, first, second) = (distribution, first, second)
    return Kernel("random") { context in
      var random = seed.generator()
      let y = context.outputBytes()
      for index in 0..<count {
        let value =
          distribution == .normal
          ? first + second * random.normal() : first + (second - first) * random.uniform()
        switch type {
        case .f32: y.storeBytes(of: Float(value), toByteOffset: 4 * index, as: Float.self)
        case .f64: y.storeBytes(of: value, toByteOffset: 8 * index, as: Double.self)
        case .f16: y.storeBytes(of: Float16(value), toByteOffset: 2 * index, as: Float16.self)
        default:
          y.storeBytes(of: BFloat16(Float(value)).bits, toByteOffset: 2 * index, as: UInt16.self)
        }
      }
    }
  }
}

/// `Bernoulli`: 1 with the probability that the input says, else 0: where a number of ``MersenneTwister`` is below it.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `input` | any | `f32`, `f64`, `f16`, `bf16`, 0 ... 1 |
/// | output | `output` | of `input` | attribute `dtype`, default that of `input` |
///
/// Source: ONNX `Bernoulli`, opsets 15 and 22.
struct Bernoulli: ValueOperator {
  private let element: ElementType?
  private let seed: RandomSeed

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    element = node.has("dtype") ? try node.elementType("dtype") : nil
    seed = try RandomSeed(node)
  }

  var isVolatile: Bool { !seed.isFixed }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let type = try inputs.tensor(0, of: [.f32, .f64, .f16, .bf16])
    return [.tensor(element ?? type.element, type.shape)]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    let x = try call.tensor(0)
    var random = seed.generator()
    let drawn = (x.doubles ?? []).map { random.uniform() < $0 ? 1 : 0 }
    let type = element ?? x.elementType
    let one = try Tensor.one(type).reshaped(to: [1])
    let table = try Tensor.concatenated([.zeros(type, shape: [1]), one], axis: 0)
    return try OperatorCall.evaluate(
      Gather(axis: 0), [.tensor(table), .tensor(Tensor(drawn, shape: x.shape))], outputCount: 1)
  }
}

/// `Multinomial`: classes drawn by unnormalised log probabilities.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `input` | `[batch, classes]` | `f32`, `f64`, `f16` |
/// | output | `output` | `[batch, sample_size]` | `i32` (default) or `i64` |
///
/// Source: ONNX `Multinomial`, opsets 7 and 22.
struct Multinomial: ValueOperator {
  private let samples: Int
  private let element: ElementType
  private let seed: RandomSeed

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1)
    samples = try node.int("sample_size", default: 1)
    element = node.has("dtype") ? try node.elementType("dtype") : .i32
    seed = try RandomSeed(node)
    guard samples >= 0, samples <= 1 << 28, [.i32, .i64].contains(element) else {
      throw ModelError(
        .invalidAttribute, "\(samples) samples of \(element)",
        expected: "at most \(1 << 28), of i32 or i64")
    }
  }

  var isVolatile: Bool { !seed.isFixed }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let shape = try inputs.tensor(0, of: [.f32, .f64, .f16]).shape
    if let shape, shape.rank != 2 {
      throw ModelError(.shapeMismatch, "a tensor \(shape)", expected: "[batch, classes]")
    }
    return [.tensor(element, [shape?[0] ?? .unknown, .fixed(samples)])]
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    let x = try call.tensor(0)
    let (batch, classes) = (x.shape[0], x.shape[1])
    let scores = x.doubles ?? []
    guard classes > 0 || batch * samples == 0 else {
      throw ModelError(.shapeMismatch, "no classes to draw from", expected: "one or more")
    }
    var random = seed.generator()
    var drawn: [Int] = []
    for row in 0..<batch {
      let logits = scores[row * classes..<(row + 1) * classes]
      let top = logits.max() ?? 0
      var sums: [Double] = []
      for logit in logits { sums.append((sums.last ?? 0) + Elementary.exp(logit - top)) }
      for _ in 0..<samples {
        let point = random.uniform() * (sums.last ?? 0)
        drawn.append(sums.firstIndex { point < $0 } ?? classes - 1)
      }
    }
    let shape = [batch, samples]
    if element == .i64 { return [.tensor(try Tensor(drawn, shape: shape))] }
    return [.tensor(try Tensor(drawn.map { Int32(truncatingIfNeeded: $0) }, shape: shape))]
  }
}
