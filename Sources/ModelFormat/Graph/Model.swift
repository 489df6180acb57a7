/// A model: graphs of operators over values, with everything that is needed to use them.
///
/// Values and graphs are rows of tables and are named by small integers; names are for people, and for the inputs
/// and outputs. A subgraph uses a value of an enclosing graph by the same ``ValueID``.
public struct Model: Sendable {
  /// ONNX's `ir_version`.
  public var irVersion: Int
  public var producerName = ""
  public var producerVersion = ""
  public var domain = ""
  public var version: Int64 = 0
  public var documentation = ""
  /// The operator sets in use: the version of each domain; `""` is ONNX's own.
  public var opsets: [OpsetImport] { didSet { versions = Self.versions(of: opsets) } }
  /// By canonical domain.
  private var versions: [String: Int]
  public var metadata: [MetadataEntry] = []
  /// All values of all graphs.
  public var values: [ValueInfo] = []
  /// The main graph is the first.
  public var graphs: [Graph] = [Graph()]
  public var functions: [Function] = []
  /// Files that ride along: card, licence, tokenizer, labels, preprocessing.
  public var assets: [Asset] = []
  /// Recorded inputs and outputs that prove that the model still computes what it did.
  public var cases: [RecordedCase] = []
  /// Where the model came from, for messages.
  public var fileName: String?

  public init(irVersion: Int = 10, opsets: [OpsetImport] = [OpsetImport("", 21)]) {
    self.irVersion = irVersion
    self.opsets = opsets
    versions = Self.versions(of: opsets)
  }

  /// The first version that a list has of each domain.
  package static func versions(of opsets: [OpsetImport]) -> [String: Int] {
    Dictionary(opsets.map { (canonical($0.domain), $0.version) }, uniquingKeysWith: { a, _ in a })
  }

  public var main: Graph {
    get { graphs[0] }
    _modify { yield &graphs[0] }
  }

  /// The version of the operator set of `domain`, `nil` if the model does not import it.
  public func opset(_ domain: String) -> Int? {
    versions[Self.canonical(domain)]
  }

  /// The version of its domain that a node follows; 1 if nothing says.
  public func opset(of node: Node) -> Int { node.opset ?? opset(node.domain) ?? 1 }

  /// The domain of operators that passes put in the place of a model's own. No file may use it.
  package static let fusedDomain = "zoo"

  /// `ai.onnx` is another name of the domain `""`.
  public static func canonical(_ domain: String) -> String { domain == "ai.onnx" ? "" : domain }

  public subscript(_ id: ValueID) -> ValueInfo {
    get { values[id.index] }
    _modify { yield &values[id.index] }
  }

  public subscript(_ id: GraphID) -> Graph {
    get { graphs[id.index] }
    // In place: a setter would copy the graph's tables for each change.
    _modify { yield &graphs[id.index] }
  }

  /// Adds a row to the table of values.
  public mutating func addValue(_ name: String, type: ValueType? = nil) -> ValueID {
    values.append(ValueInfo(name: name, type: type))
    return ValueID(values.count - 1)
  }

  /// Adds a row to the table of graphs.
  public mutating func addGraph(_ graph: Graph) -> GraphID {
    graphs.append(graph)
    return GraphID(graphs.count - 1)
  }

  public func asset(_ name: String) -> Asset? { assets.first { $0.name == name } }
}

/// The version of a domain's operator set.
public struct OpsetImport: Hashable, Sendable {
  public var domain: String
  public var version: Int
  public init(_ domain: String, _ version: Int) {
    self.domain = domain
    self.version = version
  }
}

public struct MetadataEntry: Hashable, Sendable {
  public var key: String
  public var value: String
  public init(_ key: String, _ value: String) {
    self.key = key
    self.value = value
  }
}

/// A row of ``Model/values``.
public struct ValueID: Hashable, Sendable, Comparable {
  public let index: Int
  public init(_ index: Int) { self.index = index }
  public static func < (a: ValueID, b: ValueID) -> Bool { a.index < b.index }
}

/// A row of ``Model/graphs``.
public struct GraphID: Hashable, Sendable {
  public let index: Int
  public init(_ index: Int) { self.index = index }
  public static let main = GraphID(0)
}

/// What is known of a value before the model runs.
public struct ValueInfo: Sendable {
  public var name: String
  public var type: ValueType?
  public var documentation = ""
  public var metadata: [MetadataEntry] = []

  public init(name: String, type: ValueType? = nil) {
    self.name = name
    self.type = type
  }
}

/// A file inside a model file.
public struct Asset: Sendable, Equatable {
  /// A name without directories: `card.json`, `tokenizer.json`, `labels.txt`, `preprocessing.json`, `LICENSE`.
  public var name: String
  public var mediaType: String
  public var bytes: [UInt8]

  public init(name: String, mediaType: String, bytes: [UInt8]) {
    self.name = name
    self.mediaType = mediaType
    self.bytes = bytes
  }
}

/// Inputs with the outputs that they gave when they were recorded.
public struct RecordedCase: Sendable, Equatable {
  public var name: String
  /// By name, in the order of the graph's inputs.
  public var inputs: [NamedValue]
  public var outputs: [NamedValue]
  /// An output element passes if |got − want| ≤ `absolute` + `relative` · |want|.
  public var absolute: Double
  public var relative: Double

  public init(
    name: String, inputs: [NamedValue], outputs: [NamedValue], absolute: Double, relative: Double
  ) {
    self.name = name
    self.inputs = inputs
    self.outputs = outputs
    self.absolute = absolute
    self.relative = relative
  }
}

public struct NamedValue: Sendable, Equatable {
  public var name: String
  public var value: Value
  public init(_ name: String, _ value: Value) {
    self.name = name
    self.value = value
  }
}
