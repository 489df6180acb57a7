import ArgumentParser
import Zoo

struct List: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "Lists what is registered: models, or with a flag tasks, formats, operators, passes.",
    discussion: """
      Example:
        zoo-tool list --operators
      """)

  @Flag(help: "List operators with the opsets that changed them.") var operators = false
  @Flag(help: "List tasks.") var tasks = false
  @Flag(help: "List file formats.") var formats = false
  @Flag(help: "List graph passes.") var passes = false
  @OptionGroup var plugins: PluginOptions
  @OptionGroup var printing: OutputOptions

  func validate() throws {
    guard [operators, tasks, formats, passes].count(where: { $0 }) <= 1 else {
      throw ValidationError("Give one of --operators, --tasks, --formats and --passes.")
    }
  }

  func run() throws {
    let rows = Self.rows(self, try plugins.registry())
    if printing.json {
      let entries = rows.map { row in
        JSON.object(row.map { JSON.Member($0.name, .string($0.value)) })
      }
      return try Console.json(JSON.array(entries))
    }
    try Console.print(Console.table(rows.map { row in row.map(\.value) }))
  }

  private static func rows(
    _ flags: List, _ registry: PluginRegistry
  ) -> [[(name: String, value: String)]] {
    if flags.operators {
      return registry.operators.all.map { entry in
        let domain = entry.domain.isEmpty ? "ai.onnx" : entry.domain
        let versions = entry.versions.map(String.init).joined(separator: ", ")
        return [("domain", domain), ("name", entry.name), ("opsets", versions)]
      }
    }
    if flags.tasks {
      return registry.tasks.map { [("name", $0.name), ("summary", $0.summary)] }
    }
    if flags.formats {
      return registry.formats.formats.map {
        [("name", $0.name), ("extensions", $0.fileExtensions.joined(separator: ", "))]
      }
    }
    if flags.passes { return registry.passes.map { [("name", $0.name)] } }
    return registry.models.map { model in
      [
        ("name", model.isEmbedded ? model.name : "\(model.name):PATH"), ("task", model.task),
        ("summary", model.summary),
      ]
    }
  }
}
