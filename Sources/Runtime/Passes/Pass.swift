/// A rewriting of the graph that keeps what it computes.
public protocol Pass: Sendable {
  /// `fuse-gelu`, `fold-affine`
  var name: String { get }

  /// Rewrites what it can through `context.editor`.
  ///
  /// - Returns: Whether anything changed. The pass is run again until nothing does.
  func run(_ context: inout PassContext) throws(ModelError) -> Bool
}

/// What a pass did at a node, or why it declined.
public struct PassNote: Sendable {
  public enum Outcome: Sendable { case applied, declined }

  public let pass: String
  public let outcome: Outcome
  /// The node, as messages name it.
  public let node: String
  public let reason: String
}

/// The graph that a pass works on: one graph of the model at a time.
public struct PassContext {
  public var editor: GraphEditor
  /// Types of values as inferred before the pass began; values that passes made may be missing.
  public let types: [ValueID: ValueType]
  /// Small values that do not depend on the inputs, weights aside.
  public let constants: [ValueID: Tensor]
  public let registry: OperatorRegistry
  public internal(set) var notes: [PassNote] = []
  let pass: String

  public mutating func applied(_ node: Node, _ what: String) {
    notes.append(PassNote(pass: pass, outcome: .applied, node: node.label, reason: what))
  }

  public mutating func declined(_ node: Node, _ why: String) {
    notes.append(PassNote(pass: pass, outcome: .declined, node: node.label, reason: why))
  }

  /// The tensor type of a value, if it is known.
  public func type(_ value: ValueID?) -> TensorType? {
    value.flatMap { types[$0]?.tensorType }
  }
}

extension Node {
  fileprivate var label: String { name.isEmpty ? qualifiedType : "'\(name)' (\(qualifiedType))" }
}
