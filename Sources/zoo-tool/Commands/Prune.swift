import ArgumentParser
import Zoo

struct Prune: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prune",
    abstract: "Sets a model's smallest weights to zero.",
    discussion: """
      A .zoo file keeps only what is not zero. Prune before quantizing: zeros stay zeros.

      Examples:
        zoo-tool prune model.onnx sparse.zoo --sparsity 0.5
        zoo-tool prune model.onnx sparse.zoo --pattern 2:4
      """)

  @Argument(help: "The model to read.", completion: .file(extensions: ["zoo", "onnx"]))
  var input: String

  @Argument(help: "The file to write.", completion: .file(extensions: ["zoo", "onnx"]))
  var output: String

  @Option(help: "The share of weights that become zero, from 0 to less than 1.")
  var sparsity: Double?

  @Option(help: "unstructured, or n:m to keep n of each m neighbours, such as 2:4.")
  var pattern = "unstructured"

  @Flag(help: "Meet the share over all layers together instead of in each.")
  var global = false

  @OptionGroup var samples: SampleOptions
  @OptionGroup var layers: LayerOptions
  @OptionGroup var plugins: PluginOptions
  @OptionGroup var printing: OutputOptions

  func validate() throws {
    guard sparsity != nil || pattern != "unstructured" else {
      throw ValidationError("Say how much: --sparsity 0.5 or --pattern 2:4.")
    }
  }

  func run() throws {
    let pruner = try Pruner(
      sparsity: sparsity, pattern: SparsityPattern(pattern), isGlobal: global,
      selection: layers.selection)
    try CompressionRun.apply(pruner, to: input, writing: output, samples, plugins, printing)
  }
}
