import ArgumentParser
import Zoo

struct Convert: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Converts a model between .zoo and .onnx, by the files' extensions.",
    discussion: """
      Weights keep every bit. Example:
        zoo-tool convert model.onnx model.zoo
      """)

  @Argument(help: "The model to read.", completion: .file(extensions: ["zoo", "onnx"]))
  var input: String

  @Argument(help: "The file to write.", completion: .file(extensions: ["zoo", "onnx"]))
  var output: String

  @OptionGroup var printing: OutputOptions

  func run() throws {
    try FileReport.rewrite(input, output, .default).print(printing)
  }
}

struct Compress: ParsableCommand {
  static let configuration = CommandConfiguration(
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

  @OptionGroup var printing: OutputOptions

  func run() throws {
    try FileReport.rewrite(input, output, level).print(printing)
  }
}

extension CompressionLevel: ExpressibleByArgument {}

/// What became of a file.
struct FileReport: Encodable {
  let input: String
  let output: String
  let inputBytes: Int
  let outputBytes: Int

  static func rewrite(
    _ input: String, _ output: String, _ level: CompressionLevel
  ) throws(ModelError) -> FileReport {
    let model = try ModelSource.open(input)
    try model.write(to: output, options: WriteOptions(level: level))
    return FileReport(
      input: input, output: output, inputBytes: FileSize.total(input),
      outputBytes: try FileSize.bytes(output))
  }

  func print(_ options: OutputOptions) throws {
    if options.json { return try Console.json(self) }
    let saved = 100 * (1 - Double(outputBytes) / Double(max(inputBytes, 1)))
    Swift.print(
      "\(output): \(Console.bytes(outputBytes)), \(Console.decimals(saved, 1)) % less than "
        + "\(Console.bytes(inputBytes)) in \(input)")
  }
}
