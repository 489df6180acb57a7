import CKernels
import ModelFormat

/// `FusedMatMul` and `TransposeMatMul` of `com.microsoft`: products of stacks of matrices, some of them transposed.
///
///     Y = alpha · op(A) · op(B)
///
/// | attribute | meaning; default 0 |
/// |---|---|
/// | `transA`, `transB` | the last two axes of a stack are swapped |
/// | `transBatchA`, `transBatchB` | the first axis is that of rows: it is moved behind the axes of the stack |
/// | `alpha` | default 1 |
///
/// Shapes and types are those of ``MatMul``. Source: ONNX Runtime's contributed operators, version 1.
struct ContributedMatMul: ComposedOperator {
  let transposes: [Bool]
  let movesBatch: [Bool]
  let alpha: Float

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...2)
    transposes = [
      try node.bool("transA", default: false), try node.bool("transB", default: false),
    ]
    movesBatch = [
      try node.bool("transBatchA", default: false), try node.bool("transBatchB", default: false),
    ]
    alpha = try node.float("alpha", default: 1)
  }

  /// The node as `FusedMatMul` of domain `zoo`; `nil` if that has not all that this does.
  func fused(_ node: Node) -> Node? {
    if movesBatch.contains(true) { return nil }
    var fused = node
    fused.domain = "zoo"
    fused.opType = "FusedMatMul"
    fused.attributes = attributes.map { Attribute($0.key, $0.value) }
    return fused
  }

  private var attributes: KeyValuePairs<String, AttributeValue> {
    [
      "transA": .int(transposes[0] ? 1 : 0), "transB": .int(transposes[1] ? 1 : 0),
      "alpha": .float(alpha),
    ]
  }

  func compose(_ parts: inout Composition) throws(ModelError) -> [Composition.Value?] {
    var sides = [try parts.input(0), try parts.input(1)]
    for index in 0..<2 where movesBatch[index] {
      guard let rank = sides[index].rank, rank > 2 else { continue }
      let batch = (1..<Int64(rank - 1)) + [0, Int64(rank - 1)]
      sides[index] = try parts.transposed(sides[index], Array(batch))
    }
    return [try parts.call("FusedMatMul", domain: "zoo", [sides[0], sides[1]], attributes)]
  }
}

/// `FusedGemm` and `FusedConv` of `com.microsoft`: ``Gemm`` and ``Conv`` with the activation that follows them.
///
/// Attributes: those of the standard operator; `activation`, a name from the list below; `activation_alpha`,
/// `activation_beta` (`FusedGemm`) or `activation_params` (`FusedConv`). `FusedConv` adds its fourth input, of the result's
/// shape, before the activation. Elements are `f32`. Source: ONNX Runtime's contributed operators, version 1.
struct ActivatedProduct: ComposedOperator {
  private let name: String
  private let attributes: [Attribute]
  private let inputs: Int

  init(gemm node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...3)
    var parameters: [Float] = []
    for name in ["activation_alpha", "activation_beta"] where node.has(name) {
      parameters.append(try node.float(name))
    }
    name = "FusedGemm"
    inputs = 3
    attributes = try Self.attributes(node, parameters)
  }

  init(conv node: NodeReader) throws(ModelError) {
    try node.require(inputs: 2...4)
    name = "FusedConv"
    inputs = 4
    attributes = try Self.attributes(node, try node.floats("activation_params", default: []))
  }

  private static func attributes(
    _ node: NodeReader, _ parameters: [Float]
  ) throws(ModelError) -> [Attribute] {
    let rest = node.node.attributes.filter { !$0.name.hasPrefix("activation") }
    let (name, a, b) = try activation(try node.string("activation", default: ""), parameters)
    return rest + FusedActivation.attributes(name, a, b)
  }

  /// The name that ``FusedActivation`` has for it, and its parameters.
  private static func activation(
    _ name: String, _ parameters: [Float]
  ) throws(ModelError) -> (String, Float, Float) {
    func parameter(_ index: Int, _ value: Float) -> Float {
      index < parameters.count ? parameters[index] : value
    }
    switch name {
    case "": return ("none", 0, 0)
    case "Relu": return ("relu", 0, 0)
    case "LeakyRelu": return ("leaky-relu", parameter(0, 0.01), 0)
    case "Tanh": return ("tanh", 0, 0)
    case "Sigmoid": return ("sigmoid", 0, 0)
    case "HardSigmoid": return ("hard-sigmoid", parameter(0, 0.2), parameter(1, 0.5))
    case "Clip":
      return (
        "clip", parameter(0, -.greatestFiniteMagnitude), parameter(1, .greatestFiniteMagnitude)
      )
    default:
      throw ModelError(
        .invalidAttribute, "attribute 'activation' is '\(name)'",
        expected: "one of 'Relu', 'LeakyRelu', 'Tanh', 'Sigmoid', 'HardSigmoid', 'Clip'")
    }
  }

  /// The node as the operator of domain `zoo`.
  func fused(_ node: Node) -> Node {
    var fused = node
    fused.domain = "zoo"
    fused.attributes = attributes
    return fused
  }

  func compose(_ parts: inout Composition) throws(ModelError) -> [Composition.Value?] {
    var operands: [Composition.Value?] = []
    for index in 0..<inputs { operands.append(try parts.optional(index, of: [.f32])) }
    let node = Node(
      name, domain: "zoo", inputs: operands.enumerated().map { $1 == nil ? nil : ValueID($0) },
      outputs: [ValueID(inputs)], attributes: attributes)
    let reader = NodeReader(node, opset: 1)
    let op: any TensorOperator = name == "FusedGemm" ? try Gemm(reader) : try Conv(reader)
    return [try parts.apply(op, operands, wants: [true])[0]]
  }
}
