import ArgumentParser
import Zoo

struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Shows what a model is made of and how it runs.",
    discussion: """
      Examples:
        zoo-tool inspect model.onnx
        zoo-tool inspect model.zoo --plan --extent batch=4 --extent sequence=128
      """)

  @Argument(help: "A path or a registered name.", completion: .file(extensions: ["zoo", "onnx"]))
  var model: String

  @Flag(help: "List the nodes with the types of their outputs.") var nodes = false
  @Flag(help: "List the weights with encoding, range, mean and sparsity.") var weights = false
  @Flag(help: "Show kernels, fusions, and rewrites that were declined, with reasons.")
  var plan = false
  @Flag(help: "Print the graph as stable text, and nothing else.") var text = false
  @Flag(help: "Print the graph in Graphviz's language, and nothing else.") var dot = false

  @OptionGroup var extents: ExtentOptions
  @OptionGroup var printing: OutputOptions
  @OptionGroup var options: SessionOptions

  func validate() throws {
    guard !text || !dot else { throw ValidationError("Give --text or --dot, not both.") }
  }

  func run() throws {
    let model = try ModelSource.open(self.model)
    if text || dot { return try printGraph(model) }
    let inspection = try Inspection(
      model, nodes: nodes, weights: weights, plan: plan, extents: try extents.values(for: model),
      options.session)
    if printing.json { return try Console.json(inspection) }
    inspection.print()
  }

  private func printGraph(_ model: Model) throws {
    let graph = text ? model.text : model.dot
    if printing.json { return try Console.json([text ? "text" : "dot": graph]) }
    print(graph, terminator: "")
  }
}

/// What `inspect` prints.
struct Inspection: Encodable {
  let summary: ModelSummary
  let peakActivationBytes: Int?
  /// Why the model cannot be planned here, if it cannot.
  let refusal: String?
  let nodes: [NodeRow]?
  let statistics: [WeightStatistics]?
  let plan: PlanReport?

  struct NodeRow: Encodable {
    let node: String
    let inputs: [String]
    let outputs: [String]
  }

  init(
    _ model: Model, nodes: Bool, weights: Bool, plan: Bool, extents: [String: Int],
    _ options: Session.Options
  ) throws(ModelError) {
    summary = ModelSummary(model, extents: extents)
    var report: PlanReport?
    var refusal: String?
    do throws(ModelError) {
      report = try Session(model, options: options).planReport(extents: extents)
    } catch { refusal = "\(error)" }
    self.refusal = refusal
    peakActivationBytes = report?.arenaBytes
    self.plan = plan ? report : nil
    self.nodes = nodes ? Self.rows(model) : nil
    statistics = weights ? try WeightStatistics.all(model) : nil
  }

  private static func rows(_ model: Model) -> [NodeRow] {
    let types = (try? ModelTypes(model))?.types ?? [:]
    func label(_ value: ValueID?) -> String {
      guard let value else { return "–" }
      let type = types[value] ?? model[value].type
      return type.map { "\(model[value].name): \($0)" } ?? model[value].name
    }
    return model.main.nodes.enumerated().map { index, node in
      NodeRow(
        node: node.site(index), inputs: node.inputs.map(label), outputs: node.outputs.map(label))
    }
  }

  func print() {
    printSummary()
    if let refusal { Swift.print("\ncannot run here: \(refusal)") }
    for row in nodes ?? [] {
      Swift.print("\n\(row.node)")
      for input in row.inputs { Swift.print("  ← \(input)") }
      for output in row.outputs { Swift.print("  → \(output)") }
    }
    if let statistics { printStatistics(statistics) }
    if let plan { printPlan(plan) }
  }

  private func printSummary() {
    var rows = [["file", summary.file ?? "–"], ["graph", summary.graph]]
    rows.append(["made by", summary.producer.isEmpty ? "–" : summary.producer])
    rows.append(["opsets", summary.opsets.joined(separator: ", ") + " (IR \(summary.irVersion))"])
    for input in summary.inputs { rows.append(["input", "\(input.name): \(input.type)"]) }
    for output in summary.outputs { rows.append(["output", "\(output.name): \(output.type)"]) }
    let operators = summary.operators.map { "\($0.name) ×\($0.count)" }
    rows.append(["operators", operators.joined(separator: ", ")])
    rows.append(["parameters", "\(summary.parameters)"])
    rows.append([
      "weights",
      "\(Console.bytes(summary.weightBytes)), \(Console.bytes(summary.storedWeightBytes)) in the file",
    ])
    rows.append(["multiply-adds", summary.multiplyAdds ?? "cannot be told"])
    if let bytes = peakActivationBytes { rows.append(["activations", Console.bytes(bytes)]) }
    if !summary.assets.isEmpty { rows.append(["assets", summary.assets.joined(separator: ", ")]) }
    if summary.recordedCases > 0 { rows.append(["cases", "\(summary.recordedCases) recorded"]) }
    Console.table(rows)
  }

  private func printStatistics(_ statistics: [WeightStatistics]) {
    Swift.print("")
    let header = ["weight", "type", "encoding", "stored", "min", "max", "mean", "zeros"]
    let rows = statistics.map { row in
      [
        row.name, row.type, row.encoding, Console.bytes(row.storedBytes), short(row.minimum),
        short(row.maximum), short(row.mean),
        row.zeros.map { Console.decimals(100 * $0, 1) + " %" } ?? "–",
      ]
    }
    Console.table([header] + rows, right: [3, 4, 5, 6, 7])
  }

  private func short(_ value: Double?) -> String {
    value.map { Console.decimals($0, 4) } ?? "–"
  }

  private func printPlan(_ plan: PlanReport) {
    Swift.print("")
    Console.table(
      plan.steps.map { [$0.node, $0.kernel, $0.outputs.joined(separator: ", ")] })
    for note in plan.notes {
      Swift.print(
        "\(note.applied ? "applied" : "declined") \(note.pass) at \(note.node): \(note.reason)")
    }
  }
}
