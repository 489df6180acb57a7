import ArgumentParser
import Zoo

/// The command line: reads arguments, calls the libraries, prints what they say.
@main
struct ZooTool: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "zoo-tool",
    abstract:
      "Converts, compresses, quantizes, prunes, inspects, verifies, benchmarks and runs models.",
    discussion: """
      MODEL is the path of a .zoo or .onnx file, or the name of a registered model (`zoo-tool list`).

      Exit codes: 0 done, 1 an error, 2 wrong usage. Messages go to standard error.
      """,
    version: "0.1.0",
    subcommands: [
      List.self, Info.self, Convert.self, Compress.self, Quantize.self, Prune.self,
      Inspect.self, Check.self, Run.self, Verify.self, Bench.self,
    ])

  static func main() {
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch let error as ModelError {
      Console.error("error: \(error)")
      exit(withCode: 1)
    } catch {
      // Help and version are "errors" that exit with 0; all others are wrong usage.
      let code = exitCode(for: error)
      let text = fullMessage(for: error)
      guard code != .success, code.rawValue != 1 else { finish(text, code.rawValue) }
      Console.usage(text)
      exit(withCode: 2)
    }
  }

  /// Prints help, a version or a script for completions.
  private static func finish(_ text: String, _ code: Int32) -> Never {
    do throws(ModelError) {
      if code == 0 { try Console.print(text: text + "\n") } else { Console.error(text) }
    } catch {
      Console.error("error: \(error)")
      exit(withCode: 1)
    }
    exit(withCode: code)
  }

  private static func exit(withCode code: Int32) -> Never {
    exit(withError: ExitCode(code))
  }
}
