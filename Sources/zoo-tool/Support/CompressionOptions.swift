import ArgumentParser
import Zoo

/// Which layers a command works on.
struct LayerOptions: ParsableArguments {
  @Option(help: "Only layers whose node or weight has such a name; may be repeated.")
  var include: [String] = []

  @Option(help: "No layers whose node or weight has such a name; may be repeated.")
  var exclude: [String] = []

  @Option(help: "Only nodes of this operator, such as MatMul; may be repeated.")
  var operators: [String] = []

  @Option(help: "Leave weights with fewer elements alone.")
  var minimumElements = 256

  var selection: LayerSelection {
    LayerSelection(
      include: include, exclude: exclude, operators: operators.isEmpty ? nil : Set(operators),
      minimumElements: minimumElements)
  }
}

/// Inputs such as the model will meet.
struct SampleOptions: ParsableArguments {
  @Option(
    help: """
      Samples: pictures, text files with a text a line, or CSV files, as the model takes them; .npy or .pb files for \
      models with one input; folders of these; or a folder with one folder per sample that holds NAME.npy or NAME.pb \
      for each input. May be repeated. Without --mode static they only measure what the outputs lost.
      """,
    completion: .directory)
  var calibration: [String] = []

  @Option(help: "What the model is for, if it does not say so itself: how samples become tensors.")
  var task: String?

  func read(
    for model: Model, named reference: String, _ registry: PluginRegistry
  ) throws(ModelError) -> [[String: Value]] {
    var files = SampleFiles(model, reference: reference, task: task, registry: registry)
    var samples: [[String: Value]] = []
    for path in calibration { samples += try files.read(path) }
    return samples
  }
}

/// Applies a recipe and says what it did.
enum CompressionRun {
  static func apply(
    _ recipe: any CompressionRecipe, to input: String, writing output: String,
    _ samples: SampleOptions, _ plugins: PluginOptions, _ printing: OutputOptions
  ) throws {
    let registry = try plugins.registry()
    let model = try ModelSource.open(input, registry)
    var (small, report) = try recipe.apply(
      to: model, samples: samples.read(for: model, named: input, registry),
      options: registry.sessionOptions)
    try small.markMetrics(before: report.recipe)
    try small.write(to: output, formats: registry.formats)
    if printing.json { return try Console.json(report) }
    try Console.print(text: "\(report)\n\n")
    try Console.print("\(output): \(Console.bytes(try FileSize.bytes(output)))")
  }
}
