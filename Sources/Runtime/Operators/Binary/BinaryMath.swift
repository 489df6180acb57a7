import CKernels

/// A row of the table of binary operators.
struct BinaryFunction: Sendable {
  let name: String
  let versions: [Int]
  let kernel: zoo_binary
  let elements: Set<ElementType>

  init(
    _ name: String, _ versions: [Int], _ kernel: zoo_binary,
    _ elements: Set<ElementType> = ElementType.numbers
  ) {
    self.name = name
    self.versions = versions
    self.kernel = kernel
    self.elements = elements
  }

  var isComparison: Bool {
    switch kernel {
    case zoo_binary_equal, zoo_binary_less, zoo_binary_less_or_equal, zoo_binary_greater,
      zoo_binary_greater_or_equal:
      true
    default: false
    }
  }

  var entry: OperatorEntry {
    .init(name, versions) { (node) throws(ModelError) in try BinaryMath(node, self) }
  }
}

/// Operators of two operands of one type whose shapes meet by broadcasting.
let binaryFunctions: [BinaryFunction] = [
  .init("Add", [1, 6, 7, 13, 14], zoo_binary_add), .init("Sub", [1, 6, 7, 13, 14], zoo_binary_sub),
  .init("Mul", [1, 6, 7, 13, 14], zoo_binary_mul), .init("Div", [1, 6, 7, 13, 14], zoo_binary_div),
  .init("PRelu", [1, 6, 7, 9, 16], zoo_binary_prelu),
  .init(
    "Equal", [1, 7, 11, 13, 19], zoo_binary_equal, ElementType.numbers.union([.bool, .string])),
  .init("Less", [1, 7, 9, 13], zoo_binary_less),
  .init("LessOrEqual", [12, 16], zoo_binary_less_or_equal),
  .init("Greater", [1, 7, 9, 13], zoo_binary_greater),
  .init("GreaterOrEqual", [12, 16], zoo_binary_greater_or_equal),
]

/// An operator of two operands: `y[i] = f(a[i], b[i])` after broadcasting. The operators are listed in
/// `binaryFunctions`.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `a`  | any   | floats, integers of 8 to 64 bits; `Equal` also `bool`, `string` |
/// | input  | `b`  | broadcast with `a` | type of `a` |
/// | output | `y`  | both, broadcast | type of `a`, `bool` for comparisons |
/// | attr   | `axis`, `broadcast` | | before opset 7: align `b` at an axis of `a` |
///
/// Integers wrap; an integer divided by 0 gives 0. Source: ONNX, opsets 1 to 19.
struct BinaryMath: TensorOperator, ValueOperator {
  let function: BinaryFunction
  /// Before opset 7: where the first axis of `b` lies in `a`.
  let legacyAxis: LegacyAxis

  init(_ node: NodeReader, _ function: BinaryFunction) throws(ModelError) {
    try node.require(inputs: 2...2)
    self.function = function
    // Before opset 7 a slope per channel was no broadcast operand: it lies along axis 1.
    legacyAxis = try LegacyAxis(node, default: function.name == "PRelu" ? 1 : nil)
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let a = try inputs.tensor(0, of: function.elements)
    let b = try inputs.tensor(1, of: [a.element])
    let aligned = legacyAxis.align(b.shape, below: a.shape)
    // PRelu's slope never widens its operand.
    let shape =
      function.name == "PRelu" && a.shape != nil
      ? try Self.kept(a.shape, beside: aligned) : try Shape.broadcast([a.shape, aligned])
    return [.tensor(function.isComparison ? .bool : a.element, shape)]
  }

  private static func kept(_ a: Shape?, beside slope: Shape?) throws(ModelError) -> Shape? {
    guard let a, let slope, let both = try Shape.broadcast([a, slope]) else { return a }
    guard both.canBe(a) else {
      throw ModelError(
        .shapeMismatch, "a slope \(slope) for a tensor \(a)",
        expected: "one that broadcasts to the tensor's shape")
    }
    return a
  }

  func knownOutputs(_ inputs: Operands) throws(ModelError) -> [KnownValue?] {
    guard let a = inputs.extents(0), let b = inputs.extents(1), legacyAxis.isNone,
      a.count == b.count || a.count == 1 || b.count == 1
    else { return [nil] }
    let ranks = (try inputs.tensor(0).shape?.rank, try inputs.tensor(1).shape?.rank)
    guard let combine = symbolic(a, b) else { return [nil] }
    let count = a.count == 1 ? b.count : a.count
    let values = (0..<count).map { combine(a[a.count == 1 ? 0 : $0], b[b.count == 1 ? 0 : $0]) }
    return [.extents(values, isScalar: ranks.0 == 0 && ranks.1 == 0)]
  }

  private func symbolic(
    _ a: [Dimension], _ b: [Dimension]
  ) -> ((Dimension, Dimension) -> Dimension)? {
    switch function.kernel {
    case zoo_binary_add: return { $0 + $1 }
    case zoo_binary_sub: return { $0 - $1 }
    case zoo_binary_mul: return { $0 * $1 }
    // ONNX rounds towards 0, `Dimension` down: the same unless a sign is negative.
    case zoo_binary_div:
      let isPlain = b.allSatisfy { ($0.value ?? 1) > 0 } && a.allSatisfy { ($0.value ?? 0) >= 0 }
      return isPlain ? { $0 / $1 } : nil
    default: return nil
    }
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let a = try io.input(0)
    let b = try io.input(1)
    let y = try io.output()
    let shapes = [a.shape, legacyAxis.align(b.shape, below: a.shape)]
    let type = try a.element.requireScalar()
    return BinaryLoop(
      op: function.kernel, compute: a.element.computeScalar(type), inputs: [type, type],
      output: try y.element.requireScalar(), broadcast: Broadcast(shapes, to: y.shape)
    ).kernel(reusing: BinaryLoop.reusable(io))
  }

  /// Strings, which only `Equal` takes.
  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    guard let a = try call.tensor(0).strings, let b = try call.tensor(1).strings,
      let extents = call.outputTypes.first?.tensorType?.shape?.extents
    else {
      throw ModelError(
        .elementTypeMismatch, "operands of two types", expected: "two string tensors")
    }
    let shapes = [
      try call.tensor(0).shape,
      legacyAxis.align(try call.tensor(1).shape, below: try call.tensor(0).shape),
    ]
    let broadcast = Broadcast(shapes, to: extents)
    var result: [Bool] = []
    broadcast.forEachRow(0..<broadcast.rowCount) { _, offsets in
      for i in 0..<broadcast.inner {
        let (x, y) = (
          offsets[0] + i * broadcast.innerStrides[0], offsets[1] + i * broadcast.innerStrides[1]
        )
        result.append(a[x] == b[y])
      }
    }
    return [.tensor(try Tensor(result, shape: extents))]
  }
}

extension ElementType {
  /// What a kernel computes in: `f32` for the 16-bit floats, else the type itself.
  func computeScalar(_ own: zoo_scalar) -> zoo_scalar {
    self == .f16 || self == .bf16 ? zoo_f32 : own
  }
}
