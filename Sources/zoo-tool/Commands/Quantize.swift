import ArgumentParser
import Zoo

struct Quantize: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Rounds a model's weights, and activations if asked to, to small integers.",
    discussion: """
      Modes:
        dynamic      int8 weights, activations rounded row by row while the model runs
        static       int8 weights and inputs, whose ranges are found from samples
        weight-only  int8 weights, or 4-bit weights in blocks; activations as they are

      The result is in standard ONNX operators. Layers are chosen by patterns on the names of nodes or weights, in
      which * and ? are wildcards.

      Examples:
        zoo-tool quantize model.onnx small.zoo --mode dynamic
        zoo-tool quantize model.onnx small.zoo --mode static --calibration samples/
        zoo-tool quantize digits small.zoo --mode static --calibration pictures/
        zoo-tool quantize model.onnx tiny.zoo --mode weight-only --bits 4
      """)

  enum Mode: String, ExpressibleByArgument, CaseIterable {
    case dynamic
    case `static`
    case weightOnly = "weight-only"
  }

  enum Method: String, ExpressibleByArgument, CaseIterable {
    case minmax
    case percentile
  }

  @Argument(help: "The model to read.", completion: .file(extensions: ["zoo", "onnx"]))
  var input: String

  @Argument(help: "The file to write.", completion: .file(extensions: ["zoo", "onnx"]))
  var output: String

  @Option(help: "dynamic, static or weight-only.")
  var mode = Mode.dynamic

  @Option(help: "Bits of a weight, 8 or 4; 4 for weight-only.")
  var bits = 8

  @Option(help: "4-bit weights that share a scale: 16, 32, 64, 128 or 256.")
  var blockSize = 32

  @Flag(help: "4-bit weights without zero points: a little smaller, less exact.")
  var symmetric = false

  @Option(help: "How static ranges are found: minmax or percentile.")
  var method = Method.minmax

  @Option(help: "The share of values inside a range, for percentile.")
  var percentile = 99.99

  @Flag(help: "7-bit weights, for other runtimes on CPUs with AVX2 but without VNNI.")
  var reduceRange = false

  @OptionGroup var samples: SampleOptions
  @OptionGroup var layers: LayerOptions
  @OptionGroup var printing: OutputOptions

  func validate() throws {
    if bits != 8, bits != 4 { throw ValidationError("--bits must be 8 or 4.") }
    if bits == 4, mode != .weightOnly {
      throw ValidationError("--bits 4 is for --mode weight-only.")
    }
    if mode == .static, samples.calibration.isEmpty {
      throw ValidationError("--mode static needs --calibration.")
    }
  }

  func run() throws {
    let model = try ModelSource.open(input)
    try CompressionRun.apply(
      recipe, to: model, samples: samples.read(for: model, named: input), writing: output, printing)
  }

  private var recipe: any CompressionRecipe {
    switch mode {
    case .dynamic:
      var recipe = DynamicQuantization()
      recipe.selection = layers.selection
      recipe.reducesRange = reduceRange
      return recipe
    case .static:
      var recipe = StaticQuantization()
      recipe.selection = layers.selection
      recipe.reducesRange = reduceRange
      recipe.method = method == .minmax ? .minMax : .percentile(percentile)
      return recipe
    case .weightOnly:
      var recipe = WeightQuantization(bits: bits)
      recipe.selection = layers.selection
      recipe.blockSize = blockSize
      recipe.hasZeroPoints = !symmetric
      return recipe
    }
  }
}
