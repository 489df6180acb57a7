import ModelFormat
import Quantize
import ZooRuntime

/// Everything that the library itself registers.
let builtinPlugins: [any Plugin] = [
  BuiltinFormats(), BuiltinRuntime(), ImageOperators(), BuiltinRecipes(), BuiltinTasks(),
  BuiltinModels(),
]

struct BuiltinFormats: Plugin {
  let name = "built-in formats"

  func register(into registry: inout PluginRegistry) throws(ModelError) {
    for format in ModelFileFormats.builtIn.formats {
      try registry.register(format: format, by: name)
    }
  }
}

struct BuiltinRuntime: Plugin {
  let name = "built-in runtime"

  func register(into registry: inout PluginRegistry) throws(ModelError) {
    try registry.register(operators: .standard, by: name)
    for pass in builtinPasses { try registry.register(pass: pass, by: name) }
  }
}

/// Operators that need the image libraries, which the bare runtime does without.
struct ImageOperators: Plugin {
  let name = "image operators"

  func register(into registry: inout PluginRegistry) throws(ModelError) {
    try registry.register(operator: ImageDecoder.entry, by: name)
  }
}

struct BuiltinRecipes: Plugin {
  let name = "built-in recipes"

  func register(into registry: inout PluginRegistry) throws(ModelError) {
    try registry.register(recipe: DynamicQuantization(), by: name)
    try registry.register(recipe: StaticQuantization(), by: name)
    try registry.register(recipe: WeightQuantization(), by: name)
    try registry.register(recipe: try Pruner(sparsity: 0.5), by: name)
  }
}

struct BuiltinTasks: Plugin {
  let name = "built-in tasks"

  func register(into registry: inout PluginRegistry) throws(ModelError) {
    let tasks: [any ModelTask] = [
      TextClassification(), ImageClassification(), TabularRegression(), SentenceEmbedding(),
      TextRecognition(), RawTensors(),
    ]
    for task in tasks { try registry.register(task: task, by: name) }
  }
}

struct BuiltinModels: Plugin {
  let name = "built-in models"

  func register(into registry: inout PluginRegistry) throws(ModelError) {
    for model in EmbeddedModels.all + [.sentenceEmbedding, .textRecognition] {
      try registry.register(model: model, by: name)
    }
  }
}
