import Testing
import Zoo

@Suite("Plugins")
struct PluginTests {
  private struct Twice: Plugin {
    let name: String
    var task = "bird-song"

    func register(into registry: inout PluginRegistry) throws(ModelError) {
      try registry.register(
        model: KnownModel(name: "\(name)-model", summary: "", task: task, isEmbedded: false) {
          (_, _) throws(ModelError) in Model()
        }, by: name)
      try registry.register(task: Task(name: task), by: name)
    }
  }

  private struct Task: ModelTask {
    let name: String
    let summary = ""
    func pipeline(for model: Model) throws(ModelError) -> any TaskPipeline {
      try RawTensors().pipeline(for: model)
    }
  }

  @Test("a name registered twice is an error that names both, and nothing is added")
  func duplicates() throws {
    var registry = PluginRegistry.standard
    try registry.add(Twice(name: "thrush"))
    let error = #expect(throws: ModelError.self) { try registry.add(Twice(name: "finch")) }
    #expect(
      error?.description
        == "task 'bird-song' is registered by plugin 'thrush' and again by 'finch'; expected one "
        + "registration. Load one of them, or give one another name")
    #expect(registry.model("thrush-model") != nil)
    #expect(registry.model("finch-model") == nil)
    try registry.add(Twice(name: "finch", task: "finch-song"))
    #expect(registry.model("finch-model") != nil)
  }

  @Test("built-in names cannot be taken")
  func builtins() throws {
    var registry = PluginRegistry.standard
    for name in registry.tasks.map(\.name) {
      #expect(throws: ModelError.self) { try registry.register(task: Task(name: name), by: "x") }
    }
    #expect(throws: ModelError.self) {
      try registry.register(format: ModelFileFormats.builtIn.formats[0], by: "x")
    }
    #expect(throws: ModelError.self) {
      try registry.register(operator: #require(registry.operators.all.first), by: "x")
    }
  }

  @Test("the standard registry has what the library has")
  func standard() throws {
    let registry = PluginRegistry.standard
    #expect(registry.formats.formats.count == ModelFileFormats.builtIn.formats.count)
    // `ImageDecoder` needs what the bare runtime does not have.
    #expect(registry.operators.all.count == OperatorRegistry.standard.all.count + 1)
    #expect(
      Set(registry.tasks.map(\.name))
        == [
          "text-classification", "image-classification", "tabular-regression",
          "sentence-embedding", "text-recognition", "tensors",
        ])
    #expect(throws: ModelError.self) { try registry.task("telepathy") }
  }

  @Test("a library that is none is an error")
  func libraries() {
    var registry = PluginRegistry.standard
    let error = #expect(throws: ModelError.self) {
      try PluginLibrary.load("/nonexistent/libbirds.so", into: &registry)
    }
    #expect(error?.code == .fileAccess)
  }

  @Test("unknown names are refused with those that are known")
  func unknownModel() {
    let error = #expect(throws: ModelError.self) { try ModelStore().open("telepathy") }
    #expect(error?.code == .fileAccess)
    let missing = #expect(throws: ModelError.self) {
      try ModelStore().open("sentence-embedding")
    }
    #expect(missing?.code == .invalidRequest)
  }
}
