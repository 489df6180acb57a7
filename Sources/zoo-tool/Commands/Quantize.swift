import ArgumentParser
import Zoo

struct Quantize: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "quantize",
    abstract: "Rounds a model's weights, and activations if asked to, to small integers.",
    discussion: """
      Modes:
        dynamic      int8 weights; activations rounded row by row in each run
        static       int8 weights and inputs, whose ranges samples tell
        weight-only  int8 weights, or 4-bit ones in blocks, and nothing else

      The result is in standard ONNX operators. Layers are chosen by patterns on the names of nodes or weights, in \
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

  @Option(help: "4-bit weights that share a scale: 16, 32, 64, 128 or 256; 32 by default.")
  var blockSize: Int?

  @Flag(help: "4-bit weights without zero points: a little smaller, less exact.")
  var symmetric = false

  @Option(help: "How static ranges are found: minmax, the default, or percentile.")
  var method: Method?

  @Option(help: "The percentage of values inside a range, for percentile; 99.99 by default.")
  var percentile: Double?

  @Flag(help: "7-bit weights, for other runtimes on CPUs with AVX2 but without VNNI.")
  var reduceRange = false

  @OptionGroup var samples: SampleOptions
  @OptionGroup var layers: LayerOptions
  @OptionGroup var plugins: PluginOptions
  @OptionGroup var printing: OutputOptions

  func validate() throws {
    if bits != 8, bits != 4 { throw ValidationError("--bits must be 8 or 4.") }
    if bits == 4, mode != .weightOnly {
      throw ValidationError("--bits 4 is for --mode weight-only.")
    }
    if mode == .static, samples.calibration.isEmpty {
      throw ValidationError("--mode static needs --calibration.")
    }
    // An option that would do nothing is a mistake that the result would hide.
    let strays: [(String, isGiven: Bool, isUsed: Bool, String)] = [
      ("--block-size", blockSize != nil, bits == 4, "--bits 4"),
      ("--symmetric", symmetric, bits == 4, "--bits 4"),
      ("--method", method != nil, mode == .static, "--mode static"),
      ("--percentile", percentile != nil, method == .percentile, "--method percentile"),
      ("--reduce-range", reduceRange, mode != .weightOnly, "--mode dynamic and static"),
    ]
    for (option, isGiven, isUsed, place) in strays where isGiven && !isUsed {
      throw ValidationError("\(option) is for \(place).")
    }
  }

  func run() throws {
    try CompressionRun.apply(recipe, to: input, writing: output, samples, plugins, printing)
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
      recipe.method = method == .percentile ? .percentile(percentile ?? 99.99) : .minMax
      return recipe
    case .weightOnly:
      var recipe = WeightQuantization(bits: bits)
      recipe.selection = layers.selection
      if let blockSize { recipe.blockSize = blockSize }
      recipe.hasZeroPoints = !symmetric
      return recipe
    }
  }
}
