import ArgumentParser
import Zoo

struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Shows what a model is made of and how it runs.",
    discussion: """
      Examples:
        zoo-tool inspect model.onnx
        zoo-tool inspect model.zoo --plan --extent batch=4 --extent sequence=128
        zoo-tool inspect model.onnx --plan --extent image.2=640 --extent image.3=480
      """)

  @Argument(help: "A path or a registered name.", completion: .file(extensions: ["zoo", "onnx"]))
  var model: String

  @Flag(help: "List the nodes, those of subgraphs and functions as well, with their values' types.")
  var nodes = false
  @Flag(help: "List the weights with encoding, range, mean and sparsity.") var weights = false
  @Flag(help: "Show kernels, fusions, and rewrites that were declined, with reasons.")
  var plan = false
  @Flag(help: "Print the graph as stable text, and nothing else.") var text = false
  @Flag(help: "Print the graph in Graphviz's language, and nothing else.") var dot = false

  @OptionGroup var extents: ExtentOptions
  @OptionGroup var printing: OutputOptions
  @OptionGroup var options: SessionOptions
  @OptionGroup var plugins: PluginOptions

  func validate() throws {
    guard !text || !dot else { throw ValidationError("Give --text or --dot, not both.") }
  }

  func run() throws {
    let registry = try plugins.registry()
    let model = try ModelSource.open(self.model, registry)
    if text || dot { return try printGraph(model) }
    let inspection = try Inspection(
      model, nodes: nodes, weights: weights, plan: plan, extents: try extents.values(for: model),
      options.session(registry))
    if printing.json { return try Console.json(inspection) }
    try Console.print(inspection.lines)
  }

  private func printGraph(_ model: Model) throws {
    let graph = text ? model.text : model.dot
    if printing.json { return try Console.json([text ? "text" : "dot": graph]) }
    try Console.print(text: graph)
  }
}
