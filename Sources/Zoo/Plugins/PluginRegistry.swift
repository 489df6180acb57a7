import ModelFormat
import Quantize
import ZooRuntime

/// Something that adds to what a program knows about models.
///
///     struct Birds: Plugin {
///       let name = "birds"
///       func register(into registry: inout PluginRegistry) throws(ModelError) {
///         try registry.register(task: BirdSong(), by: name)
///       }
///     }
///     var registry = PluginRegistry.standard
///     try registry.add(Birds())
///     let model = try ZooModel("thrush.zoo", registry: registry)
public protocol Plugin: Sendable {
  /// Names the plugin in messages.
  var name: String { get }
  func register(into registry: inout PluginRegistry) throws(ModelError)
}

/// What a program knows about models: tasks, models by name, file formats, operators, graph passes and recipes that
/// make models smaller.
///
/// Everything is registered under a name; a name registered twice in one of these kinds is an error that names both
/// plugins. What the library itself brings is registered the same way, by `builtinPlugins`.
public struct PluginRegistry: Sendable {
  public private(set) var tasks: [any ModelTask] = []
  public private(set) var models: [KnownModel] = []
  public private(set) var formats = ModelFileFormats([])
  public private(set) var operators = OperatorRegistry()
  public private(set) var passes: [any Pass] = []
  public private(set) var recipes: [any CompressionRecipe] = []
  /// Plugins by `kind name` of what they registered.
  private var owners: [String: String] = [:]
  /// Operators that came all at once, whose names are not among those of `owners`, and their plugin.
  private var library: (operators: OperatorRegistry, plugin: String)?

  /// A registry that knows nothing.
  public init() {}

  /// What the library brings.
  public static let standard: PluginRegistry = {
    var registry = PluginRegistry()
    for plugin in builtinPlugins {
      // A name twice in the library's own list is a mistake that its first test finds.
      do { try registry.add(plugin) } catch { preconditionFailure("\(error)") }
    }
    return registry
  }()

  /// Adds all that a plugin registers, or, if it throws, nothing.
  public mutating func add(_ plugin: some Plugin) throws(ModelError) {
    var copy = self
    try plugin.register(into: &copy)
    self = copy
  }

  /// - Throws: `.invalidRequest` if there is a task of that name, likewise for the other kinds.
  public mutating func register(task: some ModelTask, by plugin: String) throws(ModelError) {
    try claim("task", task.name, plugin)
    tasks.append(task)
  }

  public mutating func register(model: KnownModel, by plugin: String) throws(ModelError) {
    try claim("model", model.name, plugin)
    models.append(model)
  }

  public mutating func register(
    format: some ModelFileFormat, by plugin: String
  ) throws(ModelError) {
    try claim("file format", format.name, plugin)
    for ending in format.fileExtensions { try claim("file extension", ending, plugin) }
    formats = ModelFileFormats(formats.formats + [format])
  }

  public mutating func register(
    operator entry: OperatorEntry, by plugin: String
  ) throws(ModelError) {
    let domain = Model.canonical(entry.domain)
    let name = domain.isEmpty ? entry.name : "\(domain).\(entry.name)"
    if let library, library.operators.entry(entry.name, domain: domain) != nil {
      throw Self.collision("operator", name, library.plugin, plugin)
    }
    try claim("operator", name, plugin)
    try operators.register(entry)
  }

  /// Registers all operators of `others`; in no time if they are the first.
  public mutating func register(
    operators others: OperatorRegistry, by plugin: String
  ) throws(ModelError) {
    guard operators.isEmpty else {
      for entry in others.all { try register(operator: entry, by: plugin) }
      return
    }
    operators = others
    library = (others, plugin)
  }

  public mutating func register(pass: some Pass, by plugin: String) throws(ModelError) {
    try claim("pass", pass.name, plugin)
    passes.append(pass)
  }

  public mutating func register(
    recipe: some CompressionRecipe, by plugin: String
  ) throws(ModelError) {
    try claim("recipe", recipe.name, plugin)
    recipes.append(recipe)
  }

  private mutating func claim(
    _ kind: String, _ name: String, _ plugin: String
  ) throws(ModelError) {
    let key = "\(kind) \(name)"
    if let owner = owners[key] { throw Self.collision(kind, name, owner, plugin) }
    owners[key] = plugin
  }

  private static func collision(
    _ kind: String, _ name: String, _ owner: String, _ plugin: String
  ) -> ModelError {
    ModelError(
      .invalidRequest,
      "\(kind) '\(name)' is registered by plugin '\(owner)' and again by '\(plugin)'",
      expected: "one registration", remedy: "load one of them, or give one another name")
  }

  /// - Throws: `.invalidRequest` if no task has that name.
  public func task(_ name: String) throws(ModelError) -> any ModelTask {
    if let task = tasks.first(where: { $0.name == name }) { return task }
    throw ModelError(
      .invalidRequest, "the task '\(name)', which nothing registered",
      expected: tasks.map(\.name).joined(separator: ", "),
      remedy: "load the plugin that brings it")
  }

  public func model(_ name: String) -> KnownModel? { models.first { $0.name == name } }
}

/// A model that can be opened by name.
public struct KnownModel: Sendable {
  public var name: String
  /// One line for people.
  public var summary: String
  /// The name of its ``ModelTask``.
  public var task: String
  /// Whether its weights come with the program; if not, it is opened with the path of a file or folder that has them.
  public var isEmbedded: Bool
  /// Opens the model; `path` is `nil` unless the user gave one.
  public var open: @Sendable (_ path: String?, _ store: ModelStore) throws(ModelError) -> Model

  public init(
    name: String, summary: String, task: String, isEmbedded: Bool,
    open: @escaping @Sendable (_ path: String?, _ store: ModelStore) throws(ModelError) -> Model
  ) {
    self.name = name
    self.summary = summary
    self.task = task
    self.isEmbedded = isEmbedded
    self.open = open
  }
}
