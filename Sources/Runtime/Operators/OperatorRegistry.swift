/// The operators that a session can run, by domain and name.
public struct OperatorRegistry: Sendable {
  private struct Key: Hashable {
    let domain: String
    let name: String
  }

  private var entries: [Key: OperatorEntry] = [:]

  /// No operators at all.
  public init() {}

  /// All operators of this library.
  public static let standard: OperatorRegistry = {
    var registry = OperatorRegistry()
    registry.entries.reserveCapacity(builtinOperators.count)
    for entry in builtinOperators {
      // A name twice in the list is a mistake of this library, found by its first test.
      do { try registry.register(entry) } catch { preconditionFailure("\(error)") }
    }
    return registry
  }()

  /// Adds an operator.
  ///
  /// - Throws: `.invalidRequest` if there is one of that name already.
  public mutating func register(_ entry: OperatorEntry) throws(ModelError) {
    let key = Key(domain: Model.canonical(entry.domain), name: entry.name)
    guard entries[key] == nil else {
      throw ModelError(
        .invalidRequest, "operator '\(entry.name)' of domain '\(key.domain)' is registered twice",
        expected: "one registration", remedy: "give one of them another name or domain")
    }
    entries[key] = entry
  }

  public var isEmpty: Bool { entries.isEmpty }

  public func entry(_ name: String, domain: String) -> OperatorEntry? {
    entries[Key(domain: Model.canonical(domain), name: name)]
  }

  /// All entries, by domain, then name.
  public var all: [OperatorEntry] {
    entries.values.sorted { ($0.domain, $0.name) < ($1.domain, $1.name) }
  }
}
