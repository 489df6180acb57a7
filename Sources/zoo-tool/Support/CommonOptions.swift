import ArgumentParser
import Zoo

/// What every command that runs a model takes.
struct SessionOptions: ParsableArguments {
  @Option(help: "The most threads to use; all that the process may use by default.")
  var threads: Int?

  @Flag(help: "Run the graph as it is in the file, without fusing or folding anything.")
  var noOptimize = false

  func validate() throws {
    if let threads, threads < 1 { throw ValidationError("--threads must be 1 or more.") }
  }

  /// With the operators and passes of a registry.
  func session(_ registry: PluginRegistry) -> Session.Options {
    var options = registry.sessionOptions
    options.threads = threads
    options.optimizes = !noOptimize
    return options
  }
}

struct PluginOptions: ParsableArguments {
  @Option(help: "A shared library with plugins, which runs with all rights of this program.")
  var plugin: [String] = []

  func registry() throws(ModelError) -> PluginRegistry {
    var registry = PluginRegistry.standard
    for path in plugin { try PluginLibrary.load(path, into: &registry) }
    return registry
  }
}

/// Numbers for what a model's input types leave open.
struct ExtentOptions: ParsableArguments {
  @Option(
    help: """
      A number for a symbol of the input types, as NAME=N, or for one axis of an input, as INPUT.AXIS=N; 1 by default.
      """)
  var extent: [NamedArgument] = []

  func validate() throws { try Self.validate(extent) }

  func values(for model: Model) throws(ModelError) -> [String: Int] {
    try Self.values(extent, for: model)
  }

  static func validate(_ extents: [NamedArgument]) throws {
    for argument in extents where (Int(argument.value) ?? -1) < 0 {
      throw ValidationError("--extent takes NAME=N or INPUT.AXIS=N, with N a number ≥ 0.")
    }
  }

  /// - Throws: `.invalidRequest` for an extent that no input of the model has.
  static func values(
    _ extents: [NamedArgument], for model: Model
  ) throws(ModelError) -> [String: Int] {
    var values: [String: Int] = [:]
    for argument in extents { values[argument.name] = Int(argument.value) }
    try model.requireOpenExtents(values)
    return values
  }
}

struct OutputOptions: ParsableArguments {
  @Flag(help: "Print JSON.")
  var json = false
}

/// `NAME=VALUE`
struct NamedArgument: ExpressibleByArgument {
  let name: String
  let value: String

  init?(argument: String) {
    guard let split = argument.firstIndex(of: "="), split != argument.startIndex else {
      return nil
    }
    name = String(argument[..<split])
    value = String(argument[argument.index(after: split)...])
    if value.isEmpty { return nil }
  }
}
