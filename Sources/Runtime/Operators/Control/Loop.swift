/// `Loop`: runs a subgraph again and again, up to `M` times and as long as a condition holds.
///
/// |        | name | types |
/// |--------|------|-------|
/// | input  | `M`, optional | `i64`, one element: the most iterations |
/// | input  | `cond`, optional | `bool`, one element: whether to begin |
/// | input  | `v_initial`, n ≥ 0 | any: the carried values |
/// | output | n carried values as the last iteration left them, then k scan outputs, stacked along a new first axis | |
/// | attr   | `body` | a graph from (iteration, condition, n carried) to (condition, n carried, k scan outputs) |
///
/// Source: ONNX `Loop`, opsets 1 to 25.
struct Loop: ValueOperator {
  let body: GraphID
  let carriedCount: Int
  let outputCount: Int

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 0...Int.max, outputs: 0...Int.max)
    body = try node.graph("body")
    carriedCount = max(0, node.inputCount - 2)
    outputCount = node.outputCount
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    if inputs.has(0) { _ = try inputs.tensor(0, of: [.i64]) }
    if inputs.has(1) { _ = try inputs.tensor(1, of: [.bool]) }
    let carried = Array(inputs.types.dropFirst(2))
    let fixed: [ValueType?] = [.tensor(.i64, []), .tensor(.bool, [])]
    guard
      let types = try inputs.loopTypes(
        of: body, fixed: fixed, carried: carried, others: [], skipped: 1)
    else { return [] }
    let scans = types.outputs.dropFirst(1 + carriedCount).map { $0.stacked(.unknown) }
    return scans.contains(nil) ? types.carried : types.carried + scans.compactMap { $0 }
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    var limit = Int.max
    if let count = try call.optionalTensor(0)?.integers?.first { limit = count }
    var continues = try call.optionalTensor(1)?.array(of: Bool.self).first ?? true
    var carried = try (0..<carriedCount).map { (index) throws(ModelError) in
      try call.value(2 + index)
    }
    let scanCount = max(0, outputCount - carriedCount)
    var scans = [[Tensor]](repeating: [], count: scanCount)
    var iteration = 0
    while continues, iteration < limit {
      let given: [Value] = [
        .tensor(try Tensor(scalar: Int64(iteration))), .tensor(try Tensor(scalar: continues)),
      ]
      let outputs = try call.run(body, given + carried)
      guard outputs.count >= 1 + carriedCount + scanCount else {
        throw ModelError(
          .arityMismatch, "a loop body with \(outputs.count) outputs",
          expected: "\(1 + carriedCount + scanCount)")
      }
      continues = try outputs[0].tensor?.array(of: Bool.self).first ?? false
      carried = Array(outputs[1..<1 + carriedCount])
      for index in scans.indices {
        guard let tensor = outputs[1 + carriedCount + index].tensor else {
          throw ModelError(.elementTypeMismatch, "a scan output that is no tensor")
        }
        scans[index].append(tensor)
      }
      iteration += 1
    }
    return carried + (try call.stacked(scans, from: carriedCount, axes: nil))
  }
}

extension ValueCall {
  /// Scan outputs put together; those without any slice have the type that was inferred, with extent 0.
  func stacked(
    _ scans: [[Tensor]], from first: Int, axes: [Int]?
  ) throws(ModelError) -> [Value] {
    try scans.enumerated().map { (index, parts) throws(ModelError) in
      if !parts.isEmpty { return .tensor(try Tensor.stacked(parts, axis: axes?[index] ?? 0)) }
      let type = inferredTypes[checked: first + index]??.tensorType
      let extents = type?.shape?.dimensions.map { $0.value ?? 0 } ?? [0]
      var shape = extents.isEmpty ? [0] : extents
      if let axis = try? Shape.normalize(axes?[index] ?? 0, rank: shape.count) { shape[axis] = 0 }
      return .tensor(try Tensor.zeros(type?.element ?? .f32, shape: shape))
    }
  }
}
