import ArgumentParser
import Zoo

/// What every command that runs a model takes.
struct SessionOptions: ParsableArguments {
  @Option(help: "The most threads to use; all that the process may use by default.")
  var threads: Int?

  @Flag(help: "Run the graph as it is in the file, without fusing or folding anything.")
  var noOptimize = false

  func validate() throws {
    if let threads, threads < 1 { throw ValidationError("--threads must be 1 or more.") }
  }

  var session: Session.Options {
    var options = Session.Options()
    options.threads = threads
    options.optimizes = !noOptimize
    return options
  }
}

struct OutputOptions: ParsableArguments {
  @Flag(help: "Print JSON.")
  var json = false
}

/// `NAME=VALUE`
struct NamedArgument: ExpressibleByArgument {
  let name: String
  let value: String

  init?(argument: String) {
    guard let split = argument.firstIndex(of: "="), split != argument.startIndex else {
      return nil
    }
    name = String(argument[..<split])
    value = String(argument[argument.index(after: split)...])
    if value.isEmpty { return nil }
  }
}
