/// `Scan`: runs a subgraph over the slices of tensors, with state that is carried on.
///
/// |        | name | types |
/// |--------|------|-------|
/// | input  | n state values, then m tensors to scan (before opset 9 first `sequence_lens`, optional, `i64 [batch]`) | |
/// | output | n final states, then k scan outputs | |
/// | attr   | `body` | a graph from (n states, m slices) to (n states, k slices) |
/// | attr   | `num_scan_inputs` | m |
/// | attr   | `scan_input_axes`, `scan_output_axes` | default 0 each; since opset 9 |
/// | attr   | `scan_input_directions`, `scan_output_directions` | 0 forward (default), 1 backward; opset 8: `directions` |
///
/// Before opset 9 each operand has a batch axis in front, and the next one is scanned; scan outputs of a row that is
/// shorter than others end in zeros, as ONNX Runtime's do. Source: ONNX `Scan`, opsets 8 to 25.
struct Scan: ValueOperator {
  let body: GraphID
  let scanCount: Int
  let stateCount: Int
  let outputCount: Int
  let isBatched: Bool
  let inputAxes: [Int]
  let outputAxes: [Int]
  let inputBackward: [Bool]
  let outputBackward: [Bool]

  init(_ node: NodeReader) throws(ModelError) {
    isBatched = node.opset < 9
    try node.require(inputs: (isBatched ? 0 : 1)...Int.max, outputs: 1...Int.max)
    body = try node.graph("body")
    let scanCount = try node.int("num_scan_inputs")
    let given = node.inputCount - (isBatched ? 1 : 0)
    guard scanCount >= 1, scanCount <= given else {
      throw ModelError(
        .invalidAttribute, "attribute 'num_scan_inputs' is \(scanCount) with \(given) inputs",
        expected: "1 ... \(given)")
    }
    self.scanCount = scanCount
    stateCount = given - scanCount
    outputCount = node.outputCount
    let outputs = max(0, outputCount - stateCount)
    func list(_ name: String, _ count: Int) throws(ModelError) -> [Int] {
      let values = try node.ints(name, default: Array(repeating: 0, count: count))
      guard values.count == count else {
        throw ModelError(
          .invalidAttribute, "attribute '\(name)' has \(values.count) entries",
          expected: "\(count)")
      }
      return values
    }
    inputAxes =
      isBatched ? Array(repeating: 0, count: scanCount) : try list("scan_input_axes", scanCount)
    outputAxes =
      isBatched ? Array(repeating: 0, count: outputs) : try list("scan_output_axes", outputs)
    inputBackward = try list(isBatched ? "directions" : "scan_input_directions", scanCount)
      .map { $0 == 1 }
    outputBackward =
      isBatched
      ? Array(repeating: false, count: outputs)
      : try list("scan_output_directions", outputs).map { $0 == 1 }
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let first = isBatched ? 1 : 0
    func unbatched(_ type: ValueType?) throws(ModelError) -> ValueType? {
      isBatched ? try type?.sliced() : type
    }
    var states: [ValueType?] = []
    for index in 0..<stateCount { states.append(try unbatched(inputs.types[first + index])) }
    var slices: [ValueType?] = []
    var length = Dimension.unknown
    for index in 0..<scanCount {
      let type = try unbatched(inputs.types[first + stateCount + index])
      slices.append(try type?.sliced(at: inputAxes[index]))
      if let shape = type?.tensorType?.shape { length = shape[try shape.axis(inputAxes[index])] }
    }
    guard
      let types = try inputs.loopTypes(
        of: body, fixed: [], carried: states, others: slices, skipped: 0)
    else { return [] }
    let batch =
      isBatched ? inputs.types[first + stateCount]?.tensorType?.shape?[0] ?? .unknown : .unknown
    var result: [ValueType?] = types.carried
    for (index, type) in types.outputs.dropFirst(stateCount).enumerated() {
      result.append(type.stacked(length, at: outputAxes[checked: index] ?? 0))
    }
    if isBatched { result = result.map { $0?.stacked(batch) } }
    return result.contains(nil) ? [] : result.compactMap { $0 }
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    let first = isBatched ? 1 : 0
    let states = try (0..<stateCount).map { (index) throws(ModelError) in
      try call.value(first + index)
    }
    let scans = try (0..<scanCount).map { (index) throws(ModelError) in
      try call.tensor(first + stateCount + index)
    }
    guard isBatched else { return try run(call, states, scans, length: nil) }
    let batch = scans[0].shape.first ?? 0
    let total = scans[0].shape.dropFirst().first ?? 0
    let lengths = try lengths(call, batch: batch, total: total)
    var results: [[Tensor]] = Array(repeating: [], count: outputCount)
    for row in 0..<batch {
      let rowStates = try states.map { (state) throws(ModelError) -> Value in
        .tensor(try (state.tensor ?? scans[0]).slice(row, axis: 0))
      }
      let rowScans = try scans.map { (scan) throws(ModelError) in try scan.slice(row, axis: 0) }
      let outputs = try run(call, rowStates, rowScans, length: lengths?[checked: row])
      for (index, output) in outputs.enumerated() {
        guard let tensor = output.tensor else { continue }
        results[index].append(index < stateCount ? tensor : try tensor.lengthened(to: total))
      }
    }
    return try results.map { (parts) throws(ModelError) in
      .tensor(try Tensor.stacked(parts, axis: 0))
    }
  }

  /// How many elements of each row of the batch are scanned; `nil` for all.
  private func lengths(
    _ call: ValueCall, batch: Int, total: Int
  ) throws(ModelError) -> [Int]? {
    guard let lengths = try call.optionalTensor(0)?.integers else { return nil }
    guard lengths.count == batch, lengths.allSatisfy((0...total).contains) else {
      throw ModelError(
        .outOfRange, "sequence_lens are \(lengths)",
        expected: "\(batch) numbers from 0 to \(total)")
    }
    return lengths
  }

  private func run(
    _ call: ValueCall, _ initial: [Value], _ scans: [Tensor], length: Int?
  ) throws(ModelError) -> [Value] {
    var states = initial
    var lengths: Set<Int> = []
    for (scan, axis) in zip(scans, inputAxes) {
      lengths.insert(scan.shape[try Shape.normalize(axis, rank: scan.shape.count)])
    }
    guard lengths.count == 1, let total = lengths.first else {
      throw ModelError(
        .shapeMismatch, "scanned axes of extents \(lengths.sorted())", expected: "equal extents")
    }
    let steps = min(length ?? total, total)
    var results = [[Tensor]](repeating: [], count: max(0, outputCount - stateCount))
    for step in 0..<max(0, steps) {
      var given = states
      for (index, scan) in scans.enumerated() {
        let place = inputBackward[index] ? steps - 1 - step : step
        given.append(.tensor(try scan.slice(place, axis: inputAxes[index])))
      }
      let outputs = try call.run(body, given)
      guard outputs.count >= stateCount + results.count else {
        throw ModelError(
          .arityMismatch, "a scan body with \(outputs.count) outputs",
          expected: "\(stateCount + results.count)")
      }
      states = Array(outputs[..<stateCount])
      for index in results.indices {
        guard let tensor = outputs[stateCount + index].tensor else {
          throw ModelError(.elementTypeMismatch, "a scan output that is no tensor")
        }
        results[index].append(tensor)
      }
    }
    for index in results.indices where outputBackward[index] { results[index].reverse() }
    return try states + call.stacked(results, from: stateCount, axes: outputAxes)
  }
}

extension Tensor {
  /// This with zeros behind it along the first axis.
  fileprivate func lengthened(to extent: Int) throws(ModelError) -> Tensor {
    guard let own = shape.first, own < extent else { return self }
    let zeros = try Tensor.zeros(elementType, shape: [extent - own] + shape.dropFirst())
    return try Tensor.concatenated([self, zeros], axis: 0)
  }
}
