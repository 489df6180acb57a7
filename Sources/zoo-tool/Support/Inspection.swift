import Zoo

/// What `inspect` prints.
struct Inspection: Encodable {
  let summary: ModelSummary
  let peakActivationBytes: Int?
  /// The numbers for which memory is planned; 1 stands for all others that the model leaves open.
  let extents: [String: Int]
  /// Why the model cannot be planned here, if it cannot.
  let refusal: String?
  let nodes: [NodeRow]?
  let statistics: [WeightStatistics]?
  let plan: PlanReport?

  struct NodeRow: Encodable {
    /// The subgraph or function that the node is in; `nil` in the main graph.
    let graph: String?
    let node: String
    let inputs: [String]
    let outputs: [String]
  }

  init(
    _ model: Model, nodes: Bool, weights: Bool, plan: Bool, extents: [String: Int],
    _ options: Session.Options
  ) throws(ModelError) {
    summary = ModelSummary(model, registry: options.registry, extents: extents)
    self.extents = extents
    var report: PlanReport?
    var refusal: String?
    do throws(ModelError) {
      report = try Session(model, options: options).planReport(extents: extents)
    } catch { refusal = "\(error)" }
    self.refusal = refusal
    peakActivationBytes = report?.arenaBytes
    self.plan = plan ? report : nil
    self.nodes = nodes ? Self.rows(model, options.registry) : nil
    statistics = weights ? try WeightStatistics.all(model) : nil
  }

  private static func rows(_ model: Model, _ registry: OperatorRegistry) -> [NodeRow] {
    let types = (try? ModelTypes(model, registry: registry))?.types ?? [:]
    func label(_ value: ValueID?) -> String {
      guard let value else { return "–" }
      let type = types[value] ?? model[value].type
      return type.map { "\(model[value].name): \($0)" } ?? model[value].name
    }
    var rows: [NodeRow] = []
    func add(_ id: GraphID, _ title: String?) {
      for (index, node) in model[id].nodes.enumerated() {
        let site = node.site(index)
        rows.append(
          NodeRow(
            graph: title, node: site, inputs: node.inputs.map(label),
            outputs: node.outputs.map(label)))
        for body in node.graphs {
          let owner = title.map { "\(site) in \($0)" } ?? site
          add(body, "graph '\(model[body].name)' of \(owner)")
        }
      }
    }
    add(.main, nil)
    for function in model.functions {
      let domain = function.domain.isEmpty ? "" : function.domain + "."
      add(function.body, "function \(domain)\(function.name)")
    }
    return rows
  }
}

// The inspection for people.
extension Inspection {
  var lines: [String] {
    var lines = Console.table(overview)
    if let refusal { lines += ["", "cannot run here: \(refusal)"] }
    if let nodes { lines += Self.lines(nodes) }
    if let statistics {
      lines += [""] + Self.table(statistics)
    } else if !summary.weights.isEmpty {
      lines += [""] + Self.table(summary.weights)
    }
    if let plan { lines += [""] + Self.lines(plan) }
    return lines
  }

  private var overview: [[String]] {
    var rows = [["file", summary.file ?? "–"], ["graph", summary.graph]]
    rows.append(["made by", summary.producer.isEmpty ? "–" : summary.producer])
    rows.append(["opsets", summary.opsets.joined(separator: ", ") + " (IR \(summary.irVersion))"])
    rows += summary.inputs.map { ["input", "\($0.name): \($0.type)"] }
    rows += summary.outputs.map { ["output", "\($0.name): \($0.type)"] }
    let operators = summary.operators.map { "\($0.name) ×\($0.count)" }
    rows.append(["operators", operators.joined(separator: ", ")])
    rows.append(["parameters", "\(summary.parameters)"])
    let stored = Console.bytes(summary.storedWeightBytes)
    rows.append(["weights", "\(Console.bytes(summary.weightBytes)), \(stored) in the file"])
    rows.append(["multiply-adds", summary.multiplyAdds ?? "cannot be told"])
    if let bytes = peakActivationBytes {
      let numbers = extents.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
      let given = numbers.isEmpty ? "" : "\(numbers.joined(separator: ", ")), "
      rows.append(["activations", "\(Console.bytes(bytes)) with \(given)1 for open extents"])
    }
    if !summary.assets.isEmpty { rows.append(["assets", summary.assets.joined(separator: ", ")]) }
    if summary.recordedCases > 0 { rows.append(["cases", "\(summary.recordedCases) recorded"]) }
    return rows
  }

  private static func lines(_ nodes: [NodeRow]) -> [String] {
    var graph: String?
    return nodes.flatMap { row -> [String] in
      var lines = [""]
      if row.graph != graph { lines += ["in \(row.graph ?? "the main graph"):", ""] }
      graph = row.graph
      lines.append(row.node)
      lines += row.inputs.map { "  ← \($0)" }
      lines += row.outputs.map { "  → \($0)" }
      return lines
    }
  }

  /// Bytes and encoding of each tensor; of many, the largest.
  private static func table(_ weights: [ModelSummary.WeightRow]) -> [String] {
    let limit = 20
    var shown = weights
    if weights.count > limit {
      shown = Array(weights.sorted { $0.storedBytes > $1.storedBytes }[..<limit])
    }
    let rows = shown.map { row in
      [
        row.name, row.type, row.encoding, Console.bytes(row.storedBytes), Console.bytes(row.bytes),
      ]
    }
    let header = ["weight", "type", "encoding", "stored", "in memory"]
    let table = Console.table([header] + rows, right: [3, 4])
    if shown.count == weights.count { return table }
    let rest = weights.reduce(0) { $0 + $1.storedBytes } - shown.reduce(0) { $0 + $1.storedBytes }
    return table
      + ["and \(weights.count - limit) more of \(Console.bytes(rest)), which --weights lists"]
  }

  private static func table(_ statistics: [WeightStatistics]) -> [String] {
    let header = ["weight", "type", "encoding", "stored", "min", "max", "mean", "zeros"]
    let rows = statistics.map { row -> [String] in
      let numbers = [row.minimum, row.maximum, row.mean].map { number in
        number.map(Console.significant) ?? "–"
      }
      let zeros = row.zeros.map { Console.decimals(100 * $0, 1) + " %" } ?? "–"
      return [row.name, row.type, row.encoding, Console.bytes(row.storedBytes)] + numbers + [zeros]
    }
    return Console.table([header] + rows, right: [3, 4, 5, 6, 7])
  }

  private static func lines(_ plan: PlanReport) -> [String] {
    let steps = plan.steps.map { step in
      [
        String(repeating: "  ", count: step.inside.count) + step.node, step.kernel,
        step.outputs.joined(separator: ", "),
      ]
    }
    let notes = plan.notes.map { note in
      "\(note.applied ? "applied" : "declined") \(note.pass) at \(note.node): \(note.reason)"
    }
    return Console.table(steps) + notes
  }
}
