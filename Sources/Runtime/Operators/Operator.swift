/// An operator at one node: its attributes, decoded, and what it makes of its inputs.
///
/// An operator is made once per node, when a session is made (`OperatorEntry.make`). All its methods may be called
/// on any thread, any number of times, with different shapes.
public protocol Operator: Sendable {
  /// The types of all outputs, as exactly as the inputs' types and known values tell.
  ///
  /// Extents may be symbols or unknown in `inputs`; so may they be in the answer. When every extent and every value
  /// that shapes depend on is known, every extent of the answer must be known, too, unless it depends on data.
  /// - Throws: A refusal of wrong types, shapes or attribute values.
  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType]

  /// The outputs' values as far as they follow from shapes alone, so that shape arithmetic (`Shape`, `Gather`,
  /// `Concat`, …) can be followed while extents are still symbols. By default nothing is known.
  func knownOutputs(_ inputs: Operands) throws(ModelError) -> [KnownValue?]

  /// True if equal inputs may give different outputs (random numbers), so that it must not be folded.
  var isVolatile: Bool { get }

  /// True if kernels write no output 0 where nobody wants it. Otherwise it has memory then, too, which nobody reads.
  var leavesOutFirstOutput: Bool { get }

  // What kind an operator is of, it says itself: a cast does not see the conformances of a type from a plugin's
  // library, which has protocols of its own.

  /// Itself, if it is a ``TensorOperator``.
  var onTensors: (any TensorOperator)? { get }

  /// Itself, if it is a ``ValueOperator``.
  var onValues: (any ValueOperator)? { get }

  /// True for a ``DataMovement``.
  var movesElements: Bool { get }
}

extension Operator {
  public func knownOutputs(_ inputs: Operands) throws(ModelError) -> [KnownValue?] { [] }
  public var isVolatile: Bool { false }
  public var leavesOutFirstOutput: Bool { false }
  public var onTensors: (any TensorOperator)? { nil }
  public var onValues: (any ValueOperator)? { nil }
  public var movesElements: Bool { false }
}

/// An operator on tensors of fixed-size elements whose output shapes follow from the input shapes and from inputs
/// whose values are known: the normal case.
public protocol TensorOperator: Operator {
  /// The kernel for these extents.
  func lower(_ io: NodeIO) throws(ModelError) -> Kernel
}

extension TensorOperator {
  public var onTensors: (any TensorOperator)? { self }
}

/// An operator whose output shapes depend on data, or that works on strings, sequences, optionals, maps or subgraphs.
///
/// An operator may be both: then this is used where an operand is a string tensor or no tensor at all.
public protocol ValueOperator: Operator {
  /// The outputs, in the node's order.
  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value]
}

extension ValueOperator {
  public var onValues: (any ValueOperator)? { self }
}

/// An operator that runs one of its subgraphs, which take no inputs, and gives what that gives; its first input, one
/// `bool`, says which.
protocol BranchOperator: Operator {
  /// The subgraph that runs, if that is known already.
  func branch(_ inputs: Operands) throws(ModelError) -> GraphID?

  func branch(if condition: Bool) -> GraphID
}

/// A tensor operator that only moves elements, whatever they are: for strings and for elements that share bytes it
/// is run on ordinals or on unpacked elements.
public protocol DataMovement: TensorOperator {}

extension DataMovement {
  public var movesElements: Bool { true }
}

/// A row of the list of operators.
public struct OperatorEntry: Sendable {
  public let domain: String
  public let name: String
  /// The opset versions in which the operator changed, ascending; the first is the one that introduced it.
  public let versions: [Int]
  /// Decodes the attributes of one node.
  public let make: @Sendable (NodeReader) throws(ModelError) -> any Operator

  public init(
    _ name: String, domain: String = "", _ versions: [Int],
    _ make: @escaping @Sendable (NodeReader) throws(ModelError) -> any Operator
  ) {
    self.domain = domain
    self.name = name
    self.versions = versions
    self.make = make
  }
}
