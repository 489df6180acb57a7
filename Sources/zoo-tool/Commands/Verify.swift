import ArgumentParser
import Zoo

struct Verify: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract:
      "Replays recorded cases: those in a model file, or folders of the ONNX backend suite.",
    discussion: """
      A folder holds model.onnx (or model.zoo) and test_data_set_0/input_0.pb, output_0.pb, …, or folders that do; several \
      may be named.

      Examples:
        zoo-tool verify model.zoo
        zoo-tool verify node/test_softmax_axis_0
        zoo-tool verify node
      """)

  @Argument(help: "Model files or folders.", completion: .file())
  var models: [String]

  @Option(help: "Tolerance relative to the expected value, for folders without data.json.")
  var relative = 1e-3
  @Option(help: "Absolute tolerance, for folders without data.json.")
  var absolute = 1e-7

  @Flag(help: "Convert each folder's model to .zoo first and verify that.") var throughZoo = false

  @OptionGroup var options: SessionOptions
  @OptionGroup var plugins: PluginOptions
  @OptionGroup var printing: OutputOptions

  func run() throws {
    let registry = try plugins.registry()
    var reports: [VerifyReport] = []
    for path in models.flatMap(VerificationSuite.folders) {
      let report = verify(path, registry)
      if !printing.json { try Console.print(report.lines) }
      reports.append(report)
    }
    if printing.json { try Console.json(reports) }
    let failed = reports.count { !$0.passes }
    if failed > 0 {
      throw ModelError(
        .verificationFailed, "\(failed) of \(reports.count) failed", expected: "all to pass")
    }
  }

  private func verify(_ path: String, _ registry: PluginRegistry) -> VerifyReport {
    do throws(ModelError) {
      let suite =
        registry.model(path) != nil
        ? try VerificationSuite(ModelSource.open(path, registry), throughZoo: throughZoo)
        : try VerificationSuite(
          path, absolute: absolute, relative: relative, throughZoo: throughZoo,
          limits: .ofArguments, formats: registry.formats)
      let session = try Session(suite.model, options: options.session(registry))
      guard !suite.cases.isEmpty else {
        throw ModelError(
          .verificationFailed, "no recorded cases", expected: "at least one",
          remedy: "name a file with recorded cases or a folder of the ONNX backend suite",
          at: .init(file: path))
      }
      var results: [CaseVerification] = []
      for recorded in suite.cases { results.append(try session.verify(recorded)) }
      return VerifyReport(path: path, cases: results, error: nil, code: nil)
    } catch {
      return VerifyReport(path: path, cases: [], error: "\(error)", code: error.code.rawValue)
    }
  }
}

struct VerifyReport: Encodable {
  let path: String
  let cases: [CaseVerification]
  /// Why the cases could not be run.
  let error: String?
  let code: String?

  var passes: Bool { error == nil && cases.allSatisfy(\.passes) }

  var lines: [String] {
    if let error {
      return [error.hasPrefix(path) ? "error: \(error)" : "\(path): error: \(error)"]
    }
    let count = "\(cases.count) case\(cases.count == 1 ? "" : "s")"
    var lines = ["\(path): \(passes ? "passes" : "FAILS"), \(count)"]
    for recorded in cases where !recorded.passes {
      for output in recorded.outputs where !output.comparison.matches {
        lines.append(
          "  \(recorded.name): output '\(output.name)': \(output.comparison.complaint)")
      }
    }
    return lines
  }
}

extension ValueComparison {
  fileprivate var complaint: String {
    if let mismatch { return mismatch }
    guard let worst else { return "differs" }
    return "differs most at \(worst.index): got \(worst.got), want \(worst.want)"
  }
}
