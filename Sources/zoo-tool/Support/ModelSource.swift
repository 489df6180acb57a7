import Zoo

/// What MODEL stands for on the command line.
enum ModelSource {
  static func store(_ registry: PluginRegistry) -> ModelStore {
    ModelStore(registry: registry, limits: .ofArguments)
  }

  static func open(_ name: String, _ registry: PluginRegistry) throws(ModelError) -> Model {
    try store(registry).open(name).model
  }
}

extension ReadLimits {
  /// For files that arguments name, which may be pipes.
  static let ofArguments: ReadLimits = {
    var limits = ReadLimits.default
    limits.pipeBytes = 8 << 30
    return limits
  }()
}

extension Image.Limits {
  static let ofArguments: Image.Limits = {
    var limits = Image.Limits()
    limits.takesPipes = true
    return limits
  }()
}
