/// A graph: nodes in an order in which each can be computed from those before it.
public struct Graph: Sendable {
  public var name = ""
  public var documentation = ""
  public var inputs: [ValueID] = []
  public var outputs: [ValueID] = []
  public var nodes: [Node] = []
  /// Constant values. One that is also an input is that input's default.
  public var weights: [ValueID: Weight] = [:]
  public var metadata: [MetadataEntry] = []

  public init() {}

  /// Inputs that the caller has to give: those without a default.
  public var requiredInputs: [ValueID] { inputs.filter { weights[$0] == nil } }
}

/// One application of an operator.
public struct Node: Sendable {
  public var name: String
  public var opType: String
  public var domain: String
  /// The version of the domain that the node follows, if it is not the model's: in a model that is prepared to run,
  /// nodes of a function follow what the function imports.
  public var opset: Int?
  /// Which of several functions of the same name is meant.
  public var overload = ""
  /// `nil` where an optional operand is left out.
  public var inputs: [ValueID?]
  public var outputs: [ValueID?]
  public var attributes: [Attribute]
  public var documentation = ""
  public var metadata: [MetadataEntry] = []

  public init(
    _ opType: String, domain: String = "", name: String = "", inputs: [ValueID?],
    outputs: [ValueID?], attributes: [Attribute] = []
  ) {
    self.name = name
    self.opType = opType
    self.domain = domain
    self.inputs = inputs
    self.outputs = outputs
    self.attributes = attributes
  }

  public func attribute(_ name: String) -> AttributeValue? {
    attributes.first { $0.name == name }?.value
  }

  /// An integer attribute, `value` if it is not there.
  package func int(_ name: String, default value: Int = 0) -> Int {
    if case .int(let number)? = attribute(name) { Int(number) } else { value }
  }

  /// The subgraphs among the attributes.
  public var graphs: [GraphID] { attributes.flatMap(\.value.graphs) }

  /// `MatMul`, `com.microsoft.MatMulNBits`
  public var qualifiedType: String {
    let domain = Model.canonical(domain)
    return domain.isEmpty ? opType : "\(domain).\(opType)"
  }
}

/// An operator that is defined by a graph inside the model.
public struct Function: Sendable {
  public var name: String
  public var domain: String
  public var overload = ""
  public var documentation = ""
  /// Attributes that a call must or may give.
  public var attributeNames: [String] = []
  /// Attributes with their defaults.
  public var attributeDefaults: [Attribute] = []
  public var opsets: [OpsetImport] = []
  /// Its inputs and outputs are the function's parameters and results.
  public var body: GraphID
  public var metadata: [MetadataEntry] = []

  public init(name: String, domain: String, body: GraphID) {
    self.name = name
    self.domain = domain
    self.body = body
  }
}
