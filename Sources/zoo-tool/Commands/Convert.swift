import ArgumentParser
import Zoo

struct Convert: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Converts a model between .zoo and .onnx, by the files' extensions.",
    discussion: """
      Weights keep every bit. Example:
        zoo-tool convert model.onnx model.zoo
      """)

  @Argument(help: "The model to read.", completion: .file(extensions: ["zoo", "onnx"]))
  var input: String

  @Argument(help: "The file to write.", completion: .file(extensions: ["zoo", "onnx"]))
  var output: String

  @OptionGroup var plugins: PluginOptions
  @OptionGroup var printing: OutputOptions

  func run() throws {
    try FileReport.rewrite(input, output, .default, plugins.registry()).print(printing)
  }
}

struct Compress: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compress",
    abstract: "Writes a model as a small .zoo file, without losing a bit.",
    discussion: """
      Example:
        zoo-tool compress model.onnx model.zoo --level max
      """)

  @Argument(help: "The model to read.", completion: .file(extensions: ["zoo", "onnx"]))
  var input: String

  @Argument(help: "The .zoo file to write.", completion: .file(extensions: ["zoo"]))
  var output: String

  @Option(help: "How much time to spend: fast, default or max.")
  var level = CompressionLevel.default

  @OptionGroup var plugins: PluginOptions
  @OptionGroup var printing: OutputOptions

  func validate() throws {
    guard output.lowercased().hasSuffix(".zoo") else {
      throw ValidationError("compress writes .zoo files; for others use convert.")
    }
  }

  func run() throws {
    try FileReport.rewrite(input, output, level, plugins.registry()).print(printing)
  }
}

extension CompressionLevel: ExpressibleByArgument {}

/// What became of a file.
struct FileReport: Encodable {
  let input: String
  let output: String
  /// `nil` for a model that is embedded in the program or comes through a pipe.
  let inputBytes: Int?
  let outputBytes: Int

  static func rewrite(
    _ input: String, _ output: String, _ level: CompressionLevel, _ registry: PluginRegistry
  ) throws(ModelError) -> FileReport {
    let entry = try ModelSource.store(registry).open(input)
    // Its size comes first: the output may take the place of the input.
    let inputBytes = entry.path.map { FileSize.total(entry.model, at: $0) }
    try entry.model.write(
      to: output, options: WriteOptions(level: level), formats: registry.formats)
    let written = try Model(contentsOf: output, formats: registry.formats)
    return FileReport(
      input: input, output: output, inputBytes: inputBytes == 0 ? nil : inputBytes,
      outputBytes: FileSize.total(written, at: output))
  }

  func print(_ options: OutputOptions) throws {
    if options.json { return try Console.json(self) }
    try Console.print("\(output): \(Console.bytes(outputBytes))\(comparison)")
  }

  private var comparison: String {
    guard let inputBytes, inputBytes > 0 else { return "" }
    let saved = 100 * (1 - Double(outputBytes) / Double(inputBytes))
    let direction = saved < 0 ? "more" : "less"
    return ", \(Console.decimals(abs(saved), 1)) % \(direction) than \(Console.bytes(inputBytes)) "
      + "in \(input)"
  }
}
