import ArgumentParser
import Zoo

struct Run: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Runs a model on tensors.",
    discussion: """
      Example:
        zoo-tool run model.onnx --input x=x.npy --output-dir out
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case npy, pb
    var file: ValueFile.Format { self == .npy ? .npy : .pb }
  }

  @Argument(help: "A path or a registered name.", completion: .file(extensions: ["zoo", "onnx"]))
  var model: String

  @Option(help: "A tensor for an input, as NAME=FILE with a .npy or ONNX .pb file.")
  var input: [NamedArgument] = []

  @Option(help: "The folder for output_0.npy, output_1.npy, … in the model's order.")
  var outputDir: String?

  @Option(help: "The outputs' format: npy or pb.")
  var outputFormat = Format.npy

  @OptionGroup var options: SessionOptions
  @OptionGroup var printing: OutputOptions

  func run() throws {
    let session = try Session(ModelSource.open(model), options: options.session)
    let outputs = try session.run(values: TensorFiles.read(input, for: session))
    if let outputDir {
      try TensorFiles.write(outputs, of: session, to: outputDir, format: outputFormat.file)
    }
    let rows = session.outputs.map { OutputRow(name: $0.name, value: outputs[$0.name]) }
    if printing.json { return try Console.json(rows) }
    for row in rows { print("\(row.name): \(row.type)\(row.preview)") }
  }
}

/// What is printed of one output.
struct OutputRow: Encodable {
  let name: String
  let type: String
  let shape: [Int]?
  let values: [Double]?
  let strings: [String]?

  init(name: String, value: Value?) {
    self.name = name
    type = value?.type.description ?? "nothing"
    shape = value?.tensor?.shape
    values = try? value?.tensor?.doubles()
    strings = value?.tensor?.strings
  }

  var preview: String {
    let texts = strings ?? values?.map { "\($0)" } ?? []
    guard !texts.isEmpty else { return "" }
    return " = " + texts.prefix(8).joined(separator: ", ") + (texts.count > 8 ? ", …" : "")
  }
}
