/// How the gradient of an operator's inputs follows from that of its outputs: one row of the table of rules.
package struct GradientRule: Sendable {
  /// - Returns: A gradient for each input; `nil`, or no entry, for one on which the output does not depend smoothly.
  typealias Apply = @Sendable (GradientCall) throws(ModelError) -> [Term?]

  /// - Returns: Gradients of values that the node uses, its inputs or what its subgraphs capture.
  typealias ApplyToUses =
    @Sendable (GradientCall, (ValueID) -> Bool) throws(ModelError) -> [(ValueID, Term)]

  enum Form: Sendable {
    case inputs(Apply)
    case uses(ApplyToUses)
  }

  package let opType: String
  let domain: String
  /// How many of the first outputs may be differentiated.
  let outputs: Int
  let form: Form

  init(_ opType: String, domain: String = "", outputs: Int = 1, _ apply: @escaping Apply) {
    self.opType = opType
    self.domain = domain
    self.outputs = outputs
    form = .inputs(apply)
  }

  /// The rule of an operator with subgraphs, which is told what values have a gradient.
  init(uses opType: String, _ apply: @escaping ApplyToUses) {
    self.opType = opType
    domain = ""
    outputs = Int.max
    form = .uses(apply)
  }
}

/// The node that a rule is applied to.
struct GradientCall {
  let node: Node
  /// Its attributes, in the meaning of its own opset.
  let reader: NodeReader
  let builder: GradientBuilder
  /// By output; `nil` where nothing depends on it.
  let gradients: [Term?]

  /// The gradient of output 0.
  var gradient: Term {
    // The driver calls no rule without one, and rules of several outputs ask for each.
    guard let gradient = gradients.compactMap({ $0 }).first else { preconditionFailure() }
    return gradient
  }

  func has(_ index: Int) -> Bool { index < node.inputs.count && node.inputs[index] != nil }

  /// Input `index`.
  ///
  /// - Throws: `.missingInput` if it is left out.
  func input(_ index: Int) throws(ModelError) -> Term {
    try builder.term(try value(index))
  }

  func value(_ index: Int) throws(ModelError) -> ValueID {
    guard index < node.inputs.count, let value = node.inputs[index] else {
      throw ModelError(.missingInput, "input \(index) is left out", expected: "a tensor")
    }
    return value
  }

  /// Output 0.
  func output() throws(ModelError) -> Term { try builder.term(try outputValue()) }

  func outputValue() throws(ModelError) -> ValueID {
    guard let value = node.outputs.first ?? nil else {
      throw ModelError(.arityMismatch, "output 0 is left out", expected: "a name for it")
    }
    return value
  }

  /// The rank of input `index`.
  func rank(_ index: Int = 0) throws(ModelError) -> Int { try builder.rank(try value(index)) }

  /// A gradient of output 0's shape, summed to the shape of input `index`.
  func summed(_ gradient: Term, to index: Int) throws(ModelError) -> Term {
    gradient.summed(from: try outputValue(), to: try value(index))
  }

  /// An axis attribute, counted from the front.
  func axis(_ name: String = "axis", default value: Int) throws(ModelError) -> Int {
    try Shape.normalize(try reader.int(name, default: value), rank: try rank())
  }

  /// The list of an attribute, or of an input that is known; `nil` if it is left out.
  ///
  /// - Throws: `.invalidRequest` if the input depends on data.
  func integers(attribute: String, input index: Int) throws(ModelError) -> [Int]? {
    if reader.has(attribute) { return try reader.ints(attribute) }
    guard has(index) else { return nil }
    if let known = builder.integers(node.inputs[index]) { return known }
    throw refused("its \(attribute) depend on data", expected: "constant \(attribute)")
  }

  func refused(_ reason: String, expected: String) -> ModelError {
    ModelError(.invalidRequest, "cannot be differentiated: \(reason)", expected: expected)
  }
}
