import ArgumentParser
import Zoo

struct Run: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract:
      "Asks a model: texts, pictures or table rows in, answers out; or tensors in, tensors out.",
    discussion: """
      Without any input, lines are read from standard input: texts, paths of pictures, or CSV with a header, as the \
      model needs. Examples:
        zoo-tool run sentiment --text "What a lovely day"
        zoo-tool run digits --image three.png --image seven.png --json
        zoo-tool run house-price --csv houses.csv
        zoo-tool run sentence-embedding:minilm/ --text "a cat" --json
        zoo-tool run model.onnx --input x=x.npy --output-dir out
        cat x.npy | zoo-tool run model.onnx --input x=/dev/stdin
        zoo-tool run model.onnx --extent batch=4
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case npy, pb
    var file: ValueFile.Format { self == .npy ? .npy : .pb }
  }

  @Argument(help: "A path or a registered name.", completion: .file(extensions: ["zoo", "onnx"]))
  var model: String

  @Option(parsing: .unconditionalSingleValue, help: "A text.") var text: [String] = []

  @Option(help: "A BMP, JPEG, JPEG 2000, PNG, PNM, TIFF or WebP file.", completion: .file())
  var image: [String] = []

  @Option(
    help: "A CSV file with a header; `-` for standard input.",
    completion: .file(extensions: ["csv"]))
  var csv: [String] = []

  @Option(help: "A tensor for an input, as NAME=FILE with a .npy or ONNX .pb file.")
  var input: [NamedArgument] = []

  @Option(help: "The folder for output_0.npy, output_1.npy, … in the model's order.")
  var outputDir: String?

  @Option(help: "The outputs' format: npy or pb.")
  var outputFormat = Format.npy

  @Option(help: "What the model is for, if it does not say so itself.")
  var task: String?

  @Option(help: "A file to use as an asset of the model, as NAME=FILE: tokenizer.json=my.json.")
  var asset: [NamedArgument] = []

  @Option(
    help: """
      Make up the tensors that no file is given for, with this number for a symbol of the input types, as NAME=N, or \
      for one axis of an input, as INPUT.AXIS=N; 1 for all others.
      """)
  var extent: [NamedArgument] = []

  @OptionGroup var options: SessionOptions
  @OptionGroup var plugins: PluginOptions
  @OptionGroup var printing: OutputOptions

  func validate() throws {
    let kinds = [text.isEmpty, image.isEmpty, csv.isEmpty, input.isEmpty].count { !$0 }
    guard kinds <= 1 else {
      throw ValidationError("Give one of --text, --image, --csv and --input, not several.")
    }
    guard outputDir == nil || (text.isEmpty && image.isEmpty && csv.isEmpty) else {
      throw ValidationError("--output-dir is for tensors: give it with --input.")
    }
    guard extent.isEmpty || (text.isEmpty && image.isEmpty && csv.isEmpty) else {
      throw ValidationError("--extent is for tensors: give it with --input, or alone.")
    }
    try ExtentOptions.validate(extent)
  }

  func run() throws {
    let registry = try plugins.registry()
    if !input.isEmpty || !extent.isEmpty || outputDir != nil { return try runTensors(registry) }
    let model = try ZooModel(
      model, task: task, assets: RawInputs.assets(asset), registry: registry,
      limits: .ofArguments, options: options.session(registry))
    let isSilent = text.isEmpty && image.isEmpty && csv.isEmpty
    if isSilent, model.inputKind == .tensors { return try runTensors(registry) }
    try requireKind(model.inputKind)
    let inputs = try RawInputs(texts: text, images: image, tables: csv, for: model)
    let answers = try inputs.ask(model)
    if printing.json { return try Console.json(JSON.array(answers.map(\.json))) }
    try Console.print(answers.map(\.description))
  }

  /// - Throws: `.invalidRequest` if inputs of another kind were given than the model takes.
  private func requireKind(_ kind: RawInput.Kind) throws(ModelError) {
    let options = [
      (RawInput.Kind.text, "--text TEXT", text), (.image, "--image FILE", image),
      (.row, "--csv FILE", csv), (.tensors, "--input NAME=FILE", []),
    ]
    guard let given = options.first(where: { !$0.2.isEmpty }), given.0 != kind else { return }
    throw ModelError(
      .invalidRequest, "'\(model)' takes no input of kind \(given.0.rawValue)",
      expected: options.first { $0.0 == kind }?.1)
  }

  private func runTensors(_ registry: PluginRegistry) throws {
    let model = try ModelSource.open(model, registry)
    let session = try Session(model, options: options.session(registry))
    var inputs = try TensorFiles.read(input, for: session)
    if !extent.isEmpty {
      let sample = try session.sampleInputs(
        extents: ExtentOptions.values(extent, for: model), except: Set(inputs.keys))
      inputs.merge(sample) { given, _ in given }
    }
    let outputs = try session.run(values: inputs)
    if let outputDir {
      try TensorFiles.write(outputs, of: session, to: outputDir, format: outputFormat.file)
    }
    let rows = session.outputs.map { OutputRow(name: $0.name, value: outputs[$0.name]) }
    if printing.json { return try Console.json(rows) }
    try Console.print(rows.flatMap { $0.lines() })
  }
}
