import ArgumentParser
import Zoo

struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measures latency, throughput, load time and memory.",
    discussion: """
      Inputs that no file is given for are made up: small numbers that repeat from run to run.
      Examples:
        zoo-tool bench model.zoo --threads 1 --seconds 5
        zoo-tool bench model.onnx --input x=x.npy --per-node
        zoo-tool bench model.zoo --callers 8
      """)

  @Argument(help: "A path or a registered name.", completion: .file(extensions: ["zoo", "onnx"]))
  var model: String

  @Option(help: "A tensor for an input, as NAME=FILE with a .npy or ONNX .pb file.")
  var input: [NamedArgument] = []

  @Option(help: "How long to measure, at most 86,400.") var seconds = 3.0

  @Option(help: "How many threads call the session at the same time, at most 1,024.")
  var callers = 1

  @Flag(help: "Show where the time goes, node by node.") var perNode = false

  @OptionGroup var extents: ExtentOptions
  @OptionGroup var options: SessionOptions
  @OptionGroup var plugins: PluginOptions
  @OptionGroup var printing: OutputOptions

  func validate() throws {
    guard (0...86_400).contains(seconds) else {
      throw ValidationError("--seconds must be a number from 0 to 86,400.")
    }
    guard (1...1024).contains(callers) else {
      throw ValidationError("--callers must be a number from 1 to 1,024.")
    }
  }

  func run() throws {
    let registry = try plugins.registry()
    let start = ContinuousClock.now
    let opened = try ModelSource.open(model, registry)
    let session = try Session(opened, options: options.session(registry))
    let load = ContinuousClock.now - start
    var inputs = try TensorFiles.read(input, for: session)
    let sample = try session.sampleInputs(
      extents: extents.values(for: opened), except: Set(inputs.keys))
    inputs.merge(sample) { given, _ in given }
    let measured = try Benchmark.measure(
      session, inputs, callers: callers, seconds: seconds, load: load)
    let profile = perNode ? try Benchmark.profile(session, inputs, runs: 10) : nil
    if printing.json {
      return try Console.json(BenchReport(measurement: measured, nodes: profile))
    }
    try Console.print(text: Self.text(measured))
    guard let profile else { return }
    let rows = profile.map { row in
      ["\(Console.decimals(row.totalMilliseconds / 10, 3)) ms", row.node, row.kernel]
    }
    try Console.print([""] + Console.table(rows, right: [0]))
  }

  private static func text(_ result: Benchmark) -> String {
    let latency = result.latency
    return """
      latency   min \(Console.decimals(latency.min, 3)) ms, median \(Console.decimals(latency.p50, 3)) ms, \
      90 % \(Console.decimals(latency.p90, 3)) ms, 99 % \(Console.decimals(latency.p99, 3)) ms
      runs      \(result.runs), \(Console.decimals(result.runsPerSecond, 1)) a second
      callers   \(result.callers), each with up to \(result.threads) threads, \(result.isa)
      load      \(Console.decimals(result.loadMilliseconds, 1)) ms, \
      first run \(Console.decimals(result.firstRunMilliseconds, 1)) ms
      memory    \(Console.bytes(result.peakMemoryBytes)) at most

      """
  }
}

private struct BenchReport: Encodable {
  let measurement: Benchmark
  let nodes: [RunProfile.Row]?

  private enum Key: String, CodingKey { case nodes }

  func encode(to encoder: any Encoder) throws {
    try measurement.encode(to: encoder)
    guard let nodes else { return }
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(nodes, forKey: .nodes)
  }
}
