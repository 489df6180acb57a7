/// What went wrong with a model, its file or its inputs: where, what was found, what was expected, what to try.
public struct ModelError: Error, Hashable, Sendable {
  /// The kind of error, for programs to act on. More kinds can come with later versions.
  public struct Code: RawRepresentable, Hashable, Sendable {
    public let rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }
    public init(_ rawValue: String) { self.rawValue = rawValue }
  }

  /// Where in a file or graph the error sits, from the outside in.
  public struct Site: Hashable, Sendable {
    public var file: String?
    /// `node #118 'encoder/attn/MatMul' (MatMul)`
    public var node: String?
    /// `right operand 'w_q'`
    public var operand: String?

    public init(file: String? = nil, node: String? = nil, operand: String? = nil) {
      self.file = file
      self.node = node
      self.operand = operand
    }
  }

  public let code: Code
  public var site: Site
  public let found: String
  public let expected: String?
  public let remedy: String?

  /// - Parameters:
  ///   - code: The kind of error.
  ///   - found: What was found, as a noun phrase or short clause in lower case: `axis 3 of a tensor of rank 2`.
  ///   - expected: What would have been right: `-2 ... 1`.
  ///   - remedy: What to try, as an imperative without a full stop.
  ///   - site: Where, as far as it is known here.
  public init(
    _ code: Code, _ found: String, expected: String? = nil, remedy: String? = nil,
    at site: Site = Site()
  ) {
    self.code = code
    self.site = site
    self.found = found
    self.expected = expected
    self.remedy = remedy
  }

  /// The same error, with the parts of its site that it did not know yet.
  public func at(file: String? = nil, node: String? = nil, operand: String? = nil) -> ModelError {
    var error = self
    error.site.file = site.file ?? file
    error.site.node = site.node ?? node
    error.site.operand = site.operand ?? operand
    return error
  }
}

extension ModelError.Code {
  /// The file cannot be opened, read or written.
  public static let fileAccess = Self("fileAccess")
  /// The bytes are no model of the format that they claim to be.
  public static let malformed = Self("malformed")
  /// The file is of a newer format version than this library reads.
  public static let unsupportedVersion = Self("unsupportedVersion")
  /// A checksum does not match its bytes.
  public static let corrupted = Self("corrupted")
  /// A limit of the caller's budget is exceeded.
  public static let limitExceeded = Self("limitExceeded")
  /// The graph breaks a rule: a cycle, a name used twice, a value that nothing produces.
  public static let invalidGraph = Self("invalidGraph")
  /// Operators that this runtime does not have.
  public static let unsupportedOperator = Self("unsupportedOperator")
  /// An attribute is missing, of the wrong kind or out of its range.
  public static let invalidAttribute = Self("invalidAttribute")
  /// A node has too few or too many inputs or outputs.
  public static let arityMismatch = Self("arityMismatch")
  public static let missingInput = Self("missingInput")
  public static let unknownInput = Self("unknownInput")
  public static let elementTypeMismatch = Self("elementTypeMismatch")
  public static let shapeMismatch = Self("shapeMismatch")
  /// Data leaves its legal range: an index, a length, a code.
  public static let outOfRange = Self("outOfRange")
  /// A request that makes no sense for this model: an unknown name, a recipe that does not apply.
  public static let invalidRequest = Self("invalidRequest")
  /// Computed values are not what was recorded.
  public static let verificationFailed = Self("verificationFailed")
}

extension ModelError: CustomStringConvertible {
  /// `file: node: operand: found; expected …. Remedy`, on one line that is safe to print.
  public var description: String {
    var text = [site.file, site.node, site.operand].compactMap { $0 }.map { $0 + ": " }.joined()
    text += found
    if let expected { text += "; expected \(expected)" }
    if let remedy { text += ". " + remedy.prefix(1).uppercased() + remedy.dropFirst() }
    return text.printable
  }
}
