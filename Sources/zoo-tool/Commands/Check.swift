import ArgumentParser
import Zoo

struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Tells whether a model can run here, and if not, each node that cannot and why.",
    discussion: """
      Nothing is run. Prints "runs", or a line for each node that is refused with what is in its way: operator, opset, \
      type, attribute, arity or shape. Exits with 1 if there is one. Example:
        zoo-tool check model.onnx
      """)

  @Argument(help: "A path or a registered name.", completion: .file(extensions: ["zoo", "onnx"]))
  var model: String

  @Flag(help: "Check the graph as it is in the file, without fusing or folding anything.")
  var noOptimize = false

  @OptionGroup var plugins: PluginOptions
  @OptionGroup var printing: OutputOptions

  func run() throws {
    let registry = try plugins.registry()
    let opened = try ModelSource.open(model, registry)
    var options = registry.sessionOptions
    options.optimizes = !noOptimize
    let check = ModelCheck(opened, options: options)
    if printing.json {
      try Console.json(check)
    } else if check.runs {
      try Console.print("runs")
    } else {
      try Console.print(check.refusals.map(\.description))
    }
    let count = check.refusals.count
    guard check.runs else {
      throw ModelError(
        .unsupportedOperator, "\(count) reason\(count == 1 ? "" : "s") not to run here",
        expected: "none", at: .init(file: model))
    }
  }
}
