import ArgumentParser
import Zoo

struct Verify: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract:
      "Replays recorded cases: those in a model file, or folders of the ONNX backend suite.",
    discussion: """
      A folder holds model.onnx (or model.zoo) and test_data_set_0/input_0.pb, output_0.pb, …; several may be named.
      Examples:
        zoo-tool verify model.zoo
        zoo-tool verify node/test_softmax_axis_0
      """)

  @Argument(help: "Model files or folders.", completion: .file())
  var models: [String]

  @Option(help: "Tolerance relative to the expected value, for folders without data.json.")
  var relative = 1e-3
  @Option(help: "Absolute tolerance, for folders without data.json.")
  var absolute = 1e-7

  @Flag(help: "Convert each folder's model to .zoo first and verify that.") var throughZoo = false

  @OptionGroup var options: SessionOptions
  @OptionGroup var printing: OutputOptions

  func run() throws {
    var reports: [VerifyReport] = []
    for path in models {
      let report = verify(path)
      if !printing.json { report.print() }
      reports.append(report)
    }
    if printing.json { try Console.json(reports) }
    let failed = reports.count { !$0.passes }
    if failed > 0 {
      throw ModelError(
        .verificationFailed, "\(failed) of \(reports.count) failed", expected: "all to pass")
    }
  }

  private func verify(_ path: String) -> VerifyReport {
    do throws(ModelError) {
      let isRegistered = PluginRegistry.standard.model(path) != nil
      let suite =
        isRegistered
        ? try VerificationSuite(ModelSource.open(path), throughZoo: throughZoo)
        : try VerificationSuite(
          path, absolute: absolute, relative: relative, throughZoo: throughZoo)
      let session = try Session(suite.model, options: options.session)
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

  func print() {
    if let error {
      return Swift.print(error.hasPrefix(path) ? "error: \(error)" : "\(path): error: \(error)")
    }
    let count = "\(cases.count) case\(cases.count == 1 ? "" : "s")"
    Swift.print("\(path): \(passes ? "passes" : "FAILS"), \(count)")
    for recorded in cases where !recorded.passes {
      for output in recorded.outputs where !output.comparison.matches {
        Swift.print("  \(recorded.name): output '\(output.name)': \(output.comparison.complaint)")
      }
    }
  }
}

extension ValueComparison {
  fileprivate var complaint: String {
    if let mismatch { return mismatch }
    guard let worst else { return "differs" }
    return "differs most at \(worst.index): got \(worst.got), want \(worst.want)"
  }
}
