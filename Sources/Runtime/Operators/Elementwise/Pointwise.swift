import CKernels

/// `zoo.Pointwise`: several elementwise operators, done piece by piece while the elements are in the cache.
///
///     v₀ = f₀(…), v₁ = f₁(…), …; y is the last
///
/// |        | name        | shape              | element types |
/// |--------|-------------|--------------------|---------------|
/// | input  | 1 or more   | broadcast together | `f32`; `u8`, `i8` for steps that dequantize |
/// | output | `y`         | all, broadcast     | `f32`; `u8`, `i8` if the last step quantizes |
/// | attr   | `functions` | one for each step  | names of unary and binary kernels, `quantize_u8`, … |
/// | attr   | `operands`  | two for each step  | n: input n; inputs + n: the result of step n; −1: none |
/// | attr   | `a`, `b`    | one for each step  | parameters of unary functions; scale and zero point of codes |
///
/// Every result but the inputs has the shape of `y`. Results are those of the operators one after the other.
struct Pointwise: TensorOperator {
  private let steps: [PointwiseStep]

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...PointwiseStep.mostInputs)
    let functions = try node.strings("functions")
    let operands = try node.ints("operands")
    let (a, b) = (try node.floats("a"), try node.floats("b"))
    guard !functions.isEmpty, functions.count <= PointwiseStep.most,
      operands.count == 2 * functions.count,
      a.count == functions.count, b.count == functions.count
    else {
      throw ModelError(
        .invalidAttribute, "\(functions.count) steps with \(operands.count) operands",
        expected: "two operands, `a` and `b` for each")
    }
    let inputs = node.node.inputs.count
    var steps: [PointwiseStep] = []
    for (index, name) in functions.enumerated() {
      let pair = (operands[2 * index], operands[2 * index + 1])
      steps.append(try PointwiseStep(name, pair, (a[index], b[index]), below: inputs + index))
    }
    guard steps.dropLast().allSatisfy({ $0.result == .f32 }) else {
      throw ModelError(.invalidAttribute, "a step behind a rounding", expected: "none")
    }
    self.steps = steps
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    var elements = Array(repeating: ElementType.f32, count: inputs.count)
    for step in steps where step.operands.0 < inputs.count {
      elements[step.operands.0] = step.operand
    }
    var shapes: [Shape?] = []
    for (index, element) in elements.enumerated() {
      shapes.append(try inputs.tensor(index, of: [element]).shape)
    }
    return [.tensor(steps.last?.result ?? .f32, try Shape.broadcast(shapes))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let y = try io.output()
    var shapes: [[Int]] = []
    for index in io.inputs.indices { shapes.append(try io.input(index).shape) }
    let broadcast = Broadcast(shapes, to: y.shape)
    let sizes = try shapes.indices.map { (index) throws(ModelError) in
      try io.input(index).element.byteWidth
    }
    let (size, count) = (y.element.byteWidth, y.count)
    let grain = max(1, Broadcast.grain / steps.count)
    let name = "pointwise_" + steps.map(\.name).joined(separator: "_")
    let reuses = BinaryLoop.reusable(io)
    if let flat = FlatBroadcast(broadcast) {
      let program = PointwiseProgram(steps, flat.strides, sizes, flat.repeated)
      return Kernel(name, reuses: reuses) { context in
        let inputs = sizes.indices.map { context.inputBytes($0) }
        let y = context.outputBytes()
        context.parallel(count, grain: grain) { range in
          let offsets = flat.strides.map { $0 * range.lowerBound }
          program.run(
            inputs, offsets, y + range.lowerBound * size, range.count, from: range.lowerBound)
        }
      }
    }
    let program = PointwiseProgram(steps, broadcast.innerStrides, sizes)
    let inner = broadcast.inner
    return Kernel(name, reuses: reuses) { context in
      let inputs = sizes.indices.map { context.inputBytes($0) }
      let y = context.outputBytes()
      context.parallel(broadcast.rowCount, grain: max(1, grain / max(inner, 1))) { rows in
        broadcast.forEachRow(rows) { row, offsets in
          program.run(inputs, offsets, y + row * inner * size, inner)
        }
      }
    }
  }
}

/// A broadcast as one row, in which inputs of other elements than the result's are laid out piece by piece.
private struct FlatBroadcast {
  /// For each input, 1, or 0 to repeat one element.
  let strides: [Int]
  let repeated: [RepeatedInput]

  /// Rows of so many elements are long enough to be worked on one by one.
  private static let longRow = 128

  /// - Returns: `nil` if rows are long, or the axes too many.
  init?(_ broadcast: Broadcast) {
    guard broadcast.rowCount == 1 || broadcast.inner < Self.longRow,
      broadcast.outer.count < ZOO_BINARY_ROWS_AXES
    else { return nil }
    let extents = broadcast.outer + [broadcast.inner]
    let plain = rowMajorStrides(extents)
    var (strides, repeated) = ([Int](), [RepeatedInput]())
    for (index, outer) in broadcast.outerStrides.enumerated() {
      let own = outer + [broadcast.innerStrides[index]]
      let isOneElement = own.allSatisfy { $0 == 0 }
      strides.append(isOneElement ? 0 : 1)
      if own != plain && !isOneElement {
        repeated.append(RepeatedInput(index: index, extents: extents, strides: own))
      }
    }
    (self.strides, self.repeated) = (strides, repeated)
  }
}

/// One operator of a ``Pointwise``.
struct PointwiseStep: Sendable {
  enum Function: Sendable {
    case unary(zoo_unary, a: Float, b: Float)
    case binary(zoo_binary)
    case dequantize(ElementType, scale: Float, zero: Int32)
    case quantize(ElementType, scale: Float, zero: Int32)
  }

  let name: String
  let function: Function
  /// Values: inputs, then results of steps. The second of a unary function is the first again.
  let operands: (Int, Int)

  /// More steps, or inputs, than are worth one kernel.
  static let most = 24
  static let mostInputs = 12

  init(
    _ name: String, _ operands: (Int, Int), _ parameters: (Float, Float), below limit: Int
  ) throws(ModelError) {
    self.name = name
    let isUnary = operands.1 == -1
    guard
      let function = isUnary
        ? Self.unary(name, parameters) : Self.binary[name].map({ Function.binary($0) })
    else {
      throw ModelError(
        .invalidAttribute, "function '\(name)' of \(isUnary ? 1 : 2) operands",
        expected: "the name of a kernel")
    }
    self.function = function
    self.operands = (operands.0, isUnary ? operands.0 : operands.1)
    guard (0..<limit).contains(self.operands.0), (0..<limit).contains(self.operands.1) else {
      throw ModelError(
        .outOfRange, "operands \(operands) of a step", expected: "inputs or earlier steps")
    }
  }

  /// The type of what the step reads.
  var operand: ElementType {
    if case .dequantize(let element, _, _) = function { element } else { .f32 }
  }

  var result: ElementType {
    if case .quantize(let element, _, _) = function { element } else { .f32 }
  }

  private static func unary(_ name: String, _ parameters: (Float, Float)) -> Function? {
    let (scale, zero) = (parameters.0, Int32(exactly: parameters.1) ?? 0)
    switch name {
    case "dequantize_u8": return .dequantize(.u8, scale: scale, zero: zero)
    case "dequantize_i8": return .dequantize(.i8, scale: scale, zero: zero)
    case "quantize_u8": return .quantize(.u8, scale: scale, zero: zero)
    case "quantize_i8": return .quantize(.i8, scale: scale, zero: zero)
    default: return unary[name].map { .unary($0, a: parameters.0, b: parameters.1) }
    }
  }

  private static let unary: [String: zoo_unary] = Dictionary(
    uniqueKeysWithValues: (0..<zoo_unary_count.rawValue).map {
      (String(cString: zoo_unary_name(zoo_unary($0))), zoo_unary($0))
    })

  private static let binary: [String: zoo_binary] = Dictionary(
    uniqueKeysWithValues: [
      zoo_binary_add, zoo_binary_sub, zoo_binary_mul, zoo_binary_div, zoo_binary_min,
      zoo_binary_max,
    ].map { (String(cString: zoo_binary_name($0)), $0) })
}
