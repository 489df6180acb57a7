/// Which nodes of a model could not run here, and why; found without running any.
///
///     let check = ModelCheck(try Model(contentsOf: "model.onnx"))
///     for refusal in check.refusals { print(refusal) }
///
/// All nodes are looked at, not only those before the first that is refused. What follows from a refused node's
/// outputs is not known and not counted against the nodes that read them. What depends on data (an index out of range)
/// or on the extents that symbols get is found only when the model runs.
public struct ModelCheck: Sendable, Encodable {
  public struct Refusal: Sendable, Encodable, Equatable {
    /// What is wrong: `operator`, `opset`, `type`, `attribute`, `arity`, `shape`, or the error's code.
    public let kind: String
    /// `node #118 'encoder/attn/MatMul' (MatMul)`; `nil` if no single node is to blame.
    public let node: String?
    /// `Softmax`, `ai.onnx.ml.Scaler`.
    public let `operator`: String?
    /// The version of the operator's domain that holds for the node.
    public let opset: Int?
    /// What was found, expected, and to be tried.
    public let reason: String
  }

  public let refusals: [Refusal]
  /// Nodes that were looked at, those of functions and subgraphs included.
  public let nodes: Int

  public var runs: Bool { refusals.isEmpty }

  private enum CodingKeys: String, CodingKey { case runs, nodes, refusals }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(runs, forKey: .runs)
    try container.encode(nodes, forKey: .nodes)
    try container.encode(refusals, forKey: .refusals)
  }

  /// - Parameters:
  ///   - model: What is to be checked.
  ///   - options: How the model would be run: the operators that there are, and the passes.
  public init(_ model: Model, options: Session.Options = Session.Options()) {
    var run = CheckRun(options)
    do throws(ModelError) {
      try run.check(model)
    } catch { run.refuse(error) }
    refusals = run.refusals
    nodes = run.nodes
  }
}

extension ModelCheck.Refusal: CustomStringConvertible {
  public var description: String {
    let place = [node, opset.map { "opset \($0)" }].compactMap { $0 }.joined(separator: ", ")
    return (place.isEmpty ? "" : place + ": ") + "\(kind): \(reason)"
  }
}

/// One check under way.
private struct CheckRun {
  let options: Session.Options
  var refusals: [ModelCheck.Refusal] = []
  var nodes = 0

  init(_ options: Session.Options) { self.options = options }

  mutating func refuse(
    _ error: ModelError, opset: Int? = nil, type: String? = nil, kind: String? = nil
  ) {
    var reason = error
    reason.site = .init(operand: error.site.operand)
    let refusal = ModelCheck.Refusal(
      kind: kind ?? error.code.refusalKind, node: error.site.node, operator: type, opset: opset,
      reason: "\(reason)")
    if !refusals.contains(refusal) { refusals.append(refusal) }
  }

  /// - Throws: What no single node is to blame for.
  mutating func check(_ model: Model) throws(ModelError) {
    var plain = options
    plain.optimizes = false
    let prepared = try Optimizer.prepare(model, plain).model
    var found: [(node: Node?, error: ModelError)] = []
    var builder = ProgramBuilder(model: prepared, registry: options.registry)
    let collector = RefusalCollector()
    builder.collector = collector
    let program = try builder.build()
    nodes = collector.nodes
    found += collector.refusals.map { ($0.node, $0.error) }
    let sites = Dictionary(
      prepared.main.nodes.enumerated().map { ($1.site($0), $1) }, uniquingKeysWith: { a, _ in a })
    for error in try typeRefusals(program) {
      found.append((error.site.node.flatMap { sites[$0] }, error))
    }
    for (node, error) in found {
      let opset = node.map { prepared.opset(of: $0) }
      let first = node.flatMap { options.registry.entry($0.opType, domain: $0.domain) }?.versions
        .first
      let isTooOld = error.code == .unsupportedOperator && first != nil
      refuse(error, opset: opset, type: node?.qualifiedType, kind: isTooOld ? "opset" : nil)
    }
    // What only the whole shows, such as a pass that fails.
    if refusals.isEmpty { _ = try Session(model, options: options) }
  }

  /// What the types of the inputs make wrong, and kernels that are not there for them.
  private func typeRefusals(_ program: Program) throws(ModelError) -> [ModelError] {
    let isFixed = program.inputTypes.allSatisfy { $0?.hasFixedExtents ?? false }
    let collector = RefusalCollector()
    let declared = try TypeInference(
      program, inputTypes: program.inputTypes, inlinesBranches: isFixed, collector: collector)
    let errors = collector.refusals.map(\.error)
    guard let inference = isFixed ? declared : try example(program) else { return errors }
    let refused = Set(errors.compactMap(\.site.node))
    return errors
      + PlanBuilder.refusals(inference).filter { error in
        // Extents that were made up prove nothing.
        let isOfTypes = error.code == .elementTypeMismatch || error.code == .unsupportedOperator
        return (isFixed || isOfTypes) && !refused.contains(error.site.node ?? "")
      }
  }

  /// The types for some numbers in the place of symbols that no node refuses; `nil` if none are found.
  private func example(_ program: Program) throws(ModelError) -> TypeInference? {
    for extent in [1, 3, 8, 32, 224] {
      let collector = RefusalCollector()
      let open = InputExtents(numbers: [:], other: extent)
      let types = program.inputTypes.map { $0.map { open.bind($0, of: "") } }
      let inference = try TypeInference(program, inputTypes: types, collector: collector)
      if collector.refusals.isEmpty { return inference }
    }
    return nil
  }
}

extension ValueType {
  fileprivate var hasFixedExtents: Bool {
    guard case .tensor(let type) = self else { return true }
    return type.shape?.extents != nil
  }
}

/// Takes refusals where otherwise the first would end the work.
final class RefusalCollector {
  private(set) var refusals: [(node: Node?, error: ModelError)] = []
  var nodes = 0

  func add(_ error: ModelError, _ node: Node? = nil) { refusals.append((node, error)) }
}

/// Stands for an operator that was refused: nothing is known of its outputs.
struct RefusedOperator: Operator {
  var isVolatile: Bool { true }
  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] { [] }
}

extension ModelError.Code {
  fileprivate var refusalKind: String {
    switch self {
    case .unsupportedOperator: "operator"
    case .elementTypeMismatch: "type"
    case .invalidAttribute: "attribute"
    case .arityMismatch, .missingInput: "arity"
    case .shapeMismatch, .outOfRange: "shape"
    default: rawValue
    }
  }
}
