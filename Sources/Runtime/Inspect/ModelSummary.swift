/// What a model is made of, for people.
public struct ModelSummary: Sendable, Encodable {
  public struct Parameter: Sendable, Encodable {
    public let name: String
    public let type: String
  }

  public struct OperatorCount: Sendable, Encodable {
    public let name: String
    public let count: Int
  }

  public struct WeightRow: Sendable, Encodable {
    public let name: String
    public let type: String
    /// How the elements lie in the file: `raw`, `zstd`, `planes`, …
    public let encoding: String
    public let storedBytes: Int
    public let bytes: Int
  }

  public let file: String?
  public let graph: String
  public let producer: String
  public let irVersion: Int
  public let opsets: [String]
  public let inputs: [Parameter]
  public let outputs: [Parameter]
  /// Over all graphs that can be reached, most frequent first.
  public let operators: [OperatorCount]
  /// Elements of all weights.
  public let parameters: Int
  public let weightBytes: Int
  public let storedWeightBytes: Int
  /// Multiplications with an addition in matrix products, those of recurrent layers and attention included, and in
  /// convolutions: a number, or an expression over the
  /// model's symbols; where that cannot be told, the number for the extents that were asked for; else `nil`.
  public let multiplyAdds: String?
  public let assets: [String]
  public let recordedCases: Int
  public let weights: [WeightRow]

  /// - Parameters:
  ///   - model: What to describe.
  ///   - registry: Types are shown as far as its operators can infer them.
  ///   - extents: Numbers for the symbols of the input types, for what cannot be told in symbols; 1 by default.
  public init(
    _ model: Model, registry: OperatorRegistry = .standard, extents: [String: Int] = [:]
  ) {
    let nodes = model.reachableGraphs.flatMap { model[$0].nodes }
    // Constants are weights wherever the file keeps them.
    let model = (try? ConstantLifting.lift(model)) ?? model
    let graphs = model.reachableGraphs.map { model[$0] }
    let types = try? ModelTypes(model, registry: registry)
    func parameter(_ value: ValueID) -> Parameter {
      let type = types?.types[value] ?? model[value].type
      return Parameter(name: model[value].name, type: type?.description ?? "?")
    }
    file = model.fileName
    graph = model.main.name
    producer = [model.producerName, model.producerVersion].filter { !$0.isEmpty }
      .joined(separator: " ")
    irVersion = model.irVersion
    opsets = model.opsets.map { "\($0.domain.isEmpty ? "ai.onnx" : $0.domain) \($0.version)" }
    inputs = model.main.requiredInputs.map(parameter)
    outputs = model.main.outputs.map(parameter)
    operators = Self.count(nodes)
    weights = graphs.flatMap { graph in
      graph.weights.sorted { $0.key < $1.key }.map { Self.row(model[$0.key].name, $0.value) }
    }
    parameters = graphs.flatMap(\.weights.values).reduce(0) { $0 + $1.shape.reduce(1, *) }
    weightBytes = weights.reduce(0) { $0 + $1.bytes }
    storedWeightBytes = weights.reduce(0) { $0 + $1.storedBytes }
    let symbolic = types.flatMap { Self.multiplyAdds(graphs, $0) }
    let numbers = try? ModelTypes(model, registry: registry, extents: extents)
    let sum = symbolic ?? numbers.flatMap { Self.multiplyAdds(graphs, $0) }
    multiplyAdds = sum?.description
    assets = model.assets.map(\.name)
    recordedCases = model.cases.count
  }

  private static func count(_ nodes: [Node]) -> [OperatorCount] {
    var counts: [String: Int] = [:]
    for node in nodes { counts[node.qualifiedType, default: 0] += 1 }
    return counts.map { OperatorCount(name: $0.key, count: $0.value) }
      .sorted { ($1.count, $0.name) < ($0.count, $1.name) }
  }

  private static func row(_ name: String, _ weight: Weight) -> WeightRow {
    WeightRow(
      name: name, type: weight.type.description, encoding: weight.encoding,
      storedBytes: weight.storedByteCount,
      bytes: weight.elementType.byteCount(of: weight.shape.reduce(1, *)) ?? 0)
  }

  private static func multiplyAdds(_ graphs: [Graph], _ types: ModelTypes) -> Dimension? {
    var sum = Dimension.fixed(0)
    for node in graphs.flatMap(\.nodes) {
      guard let cost = ArithmeticCost.multiplyAdds(node, types) else { return nil }
      sum = sum + cost
    }
    return sum == .unknown ? nil : sum
  }
}

/// How much arithmetic a node takes.
enum ArithmeticCost {
  /// Multiply-adds of one run of a node; 0 for operators that hold neither matrix products nor convolutions, `nil` if the
  /// extents cannot be told.
  static func multiplyAdds(_ node: Node, _ types: ModelTypes) -> Dimension? {
    func shape(_ value: ValueID??) -> Shape? {
      (value ?? nil).flatMap { types.types[$0]?.tensorType?.shape }
    }
    let output = node.outputs.first ?? nil
    switch node.opType {
    case "MatMul", "MatMulInteger", "Gemm", "QLinearMatMul", "FusedMatMul", "FusedGemm":
      guard let result = shape(output), let left = shape(node.inputs.first) else { return nil }
      let transposed = node.opType == "Gemm" && node.attribute("transA").isOne
      guard let depth = transposed ? left.dimensions.first : left.dimensions.last else {
        return nil
      }
      return result.count * depth
    case "Conv", "ConvInteger", "FusedConv", "QLinearConv":
      let weight = node.opType == "QLinearConv" ? 3 : 1
      guard let result = shape(output), weight < node.inputs.count,
        let kernel = shape(node.inputs[weight]), kernel.rank >= 2
      else { return nil }
      return result.count * Shape(Array(kernel.dimensions.dropFirst())).count
    case "ConvTranspose":
      guard let input = shape(node.inputs.first), node.inputs.count > 1,
        let kernel = shape(node.inputs[1]), kernel.rank >= 2
      else { return nil }
      return input.count * Shape(Array(kernel.dimensions.dropFirst())).count
    case "LSTM", "GRU", "RNN":
      return recurrent(node.inputs.map(shape))
    case "Attention" where Model.canonical(node.domain).isEmpty:
      return attention(node.inputs.map(shape), shape(output))
    default:
      return .fixed(0)
    }
  }
}

extension ArithmeticCost {
  /// Each step of each row of `x [steps, batch, in]` (or `[batch, steps, in]`) meets all of `w` and `r`.
  private static func recurrent(_ inputs: [Shape?]) -> Dimension? {
    guard inputs.count > 2, let x = inputs[0], x.rank == 3, let w = inputs[1], let r = inputs[2]
    else { return nil }
    return x[0] * x[1] * (w.count + r.count)
  }

  /// Each element of `q` and of the output meets one of each position of `k`, past ones left aside.
  private static func attention(_ inputs: [Shape?], _ output: Shape?) -> Dimension? {
    guard inputs.count > 1, let q = inputs[0], let k = inputs[1], let output, k.rank >= 2 else {
      return nil
    }
    return (q.count + output.count) * k[k.rank - 2]
  }
}

extension AttributeValue? {
  fileprivate var isOne: Bool {
    if case .int(1)? = self { true } else { false }
  }
}
