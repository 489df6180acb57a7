import ArgumentParser
import Zoo

struct Info: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "info",
    abstract: "Tells what a model needs, gives and is licensed under.",
    discussion: """
      Example:
        zoo-tool info sentiment
      """)

  @Argument(help: "A path or a registered name.", completion: .file(extensions: ["zoo", "onnx"]))
  var model: String

  @OptionGroup var plugins: PluginOptions
  @OptionGroup var printing: OutputOptions

  func run() throws {
    let registry = try plugins.registry()
    let entry = try ModelSource.store(registry).open(model)
    let card = try entry.model.card()
    if printing.json { return try Console.json(Self.json(entry, card, registry)) }
    let rows = try Self.rows(entry, card, registry).map { [$0.0, $0.1] }
    try Console.print(Console.table(rows))
  }

  private static func task(
    _ entry: ModelStore.Entry, _ card: ModelCard?, _ registry: PluginRegistry
  ) -> String {
    let found = registry.tasks.first { $0.recognizes(entry.model) }?.name
    return card?.task ?? entry.task ?? found ?? RawTensors().name
  }

  /// What a model without a card says in its metadata.
  private static func licence(_ model: Model) -> String? {
    model.metadata.first { ["license", "licence"].contains($0.key.lowercased()) }?.value
  }

  private static func ports(_ model: Model, _ values: [ValueID]) -> [(String, String)] {
    values.map { (model[$0].name, model[$0].type.map { "\($0)" } ?? "unknown") }
  }

  private static func json(
    _ entry: ModelStore.Entry, _ card: ModelCard?, _ registry: PluginRegistry
  ) throws(ModelError) -> JSON {
    func list(_ values: [ValueID]) -> JSON {
      .array(
        ports(entry.model, values).map { ["name": .string($0.0), "type": .string($0.1)] })
    }
    var members: [JSON.Member] = []
    if case .object(let entries)? = card?.json { members = entries }
    members.removeAll { $0.name == "task" }
    if card == nil, let licence = licence(entry.model) {
      members.append(JSON.Member("license", .string(licence)))
    }
    members += [
      JSON.Member("task", .string(task(entry, card, registry))),
      JSON.Member("tensor_inputs", list(entry.model.main.requiredInputs)),
      JSON.Member("tensor_outputs", list(entry.model.main.outputs)),
      JSON.Member("assets", .array(entry.model.assets.map { .string($0.name) })),
    ]
    return .object(members)
  }

  private static func rows(
    _ entry: ModelStore.Entry, _ card: ModelCard?, _ registry: PluginRegistry
  ) throws(ModelError) -> [(String, String)] {
    var rows = [("task", task(entry, card, registry))]
    if let card {
      rows.insert(("name", "\(card.name) \(card.version)"), at: 0)
      rows += [("what", card.description), ("licence", card.license)]
      for source in card.data {
        rows.append(("data", "\(source.name); \(source.source); \(source.license)"))
      }
      for metric in card.metrics {
        rows.append(("measured", "\(metric.name) \(metric.value) on \(metric.on)"))
      }
      rows += card.inputs.map { ("needs", "\($0.name): \($0.description)") }
      rows += card.outputs.map { ("gives", "\($0.name): \($0.description)") }
      rows.append(("limits", card.limitations))
    } else {
      rows.append(("licence", licence(entry.model) ?? "not stated"))
    }
    rows += ports(entry.model, entry.model.main.requiredInputs).map { ("input", "\($0): \($1)") }
    rows += ports(entry.model, entry.model.main.outputs).map { ("output", "\($0): \($1)") }
    return rows.filter { !$0.1.isEmpty }
  }
}
