import ModelFormat

/// What people should know of a model before they use it: the asset `card.json`.
public struct ModelCard: Sendable, Equatable {
  public struct Source: Sendable, Equatable {
    public var name: String
    public var source: String
    public var license: String
  }

  public struct Metric: Sendable, Equatable {
    public var name: String
    public var value: Double
    /// The data it was measured on.
    public var on: String
  }

  public struct Port: Sendable, Equatable {
    public var name: String
    public var description: String
  }

  public var name: String
  public var version = ""
  /// The name of a ``ModelTask``.
  public var task: String
  public var description = ""
  public var license = ""
  public var authors: [String] = []
  public var data: [Source] = []
  public var metrics: [Metric] = []
  public var inputs: [Port] = []
  public var outputs: [Port] = []
  public var limitations = ""

  public init(name: String, task: String) {
    self.name = name
    self.task = task
  }

  /// Reads a card; only `name` and `task` have to be there, unknown members are skipped.
  ///
  /// - Throws: `.malformed` if a member is of the wrong kind.
  public init(json: JSON, path: String = "card.json") throws(ModelError) {
    let card = try JSONReader(json, path: path)
    name = try card.string("name")
    task = try card.string("task")
    version = try card.string("version", default: "")
    description = try card.string("description", default: "")
    license = try card.string("license", default: "")
    authors = try card.strings("authors", default: [])
    limitations = try card.string("limitations", default: "")
    data = try Self.list(card, "data") { (entry) throws(ModelError) in
      Source(
        name: try entry.string("name"), source: try entry.string("source", default: ""),
        license: try entry.string("license", default: ""))
    }
    metrics = try Self.list(card, "metrics") { (entry) throws(ModelError) in
      Metric(
        name: try entry.string("name"), value: try entry.double("value"),
        on: try entry.string("on", default: ""))
    }
    inputs = try Self.ports(card, "inputs")
    outputs = try Self.ports(card, "outputs")
  }

  private static func ports(
    _ card: JSONReader, _ name: String
  ) throws(ModelError) -> [Port] {
    try list(card, name) { (entry) throws(ModelError) in
      Port(
        name: try entry.string("name"), description: try entry.string("description", default: ""))
    }
  }

  private static func list<T>(
    _ card: JSONReader, _ name: String, _ make: (JSONReader) throws(ModelError) -> T
  ) throws(ModelError) -> [T] {
    var entries: [T] = []
    for (index, element) in try card.elements(name).enumerated() {
      entries.append(try make(JSONReader(element, path: card.place("\(name)[\(index)]"))))
    }
    return entries
  }

  public var json: JSON {
    func ports(_ ports: [Port]) -> JSON {
      .array(ports.map { ["name": .string($0.name), "description": .string($0.description)] })
    }
    return [
      "name": .string(name), "version": .string(version), "task": .string(task),
      "description": .string(description), "license": .string(license),
      "authors": .array(authors.map(JSON.string)),
      "data": .array(
        data.map {
          [
            "name": .string($0.name), "source": .string($0.source),
            "license": .string($0.license),
          ]
        }),
      "metrics": .array(
        metrics.map {
          ["name": .string($0.name), "value": .double($0.value), "on": .string($0.on)]
        }),
      "inputs": ports(inputs), "outputs": ports(outputs), "limitations": .string(limitations),
    ]
  }
}

extension Model {
  /// The model's card; `nil` if it has none.
  ///
  /// - Throws: `.malformed` if the asset is no card.
  public func card() throws(ModelError) -> ModelCard? {
    guard let asset = asset(AssetName.card) else { return nil }
    do throws(ModelError) {
      return try ModelCard(json: JSON(parsing: asset.bytes))
    } catch { throw error.at(file: fileName, operand: AssetName.card) }
  }

  /// Says in the card that what was measured was the model before `change`, such as `dynamic int8`.
  ///
  /// - Throws: `.malformed` if the asset is no card.
  public mutating func markMetrics(before change: String) throws(ModelError) {
    guard var card = try card(), !card.metrics.isEmpty,
      let index = assets.firstIndex(where: { $0.name == AssetName.card })
    else { return }
    for metric in card.metrics.indices { card.metrics[metric].on += ", before \(change)" }
    assets[index].bytes = Array(card.json.text(indentation: 2).utf8)
  }
}
