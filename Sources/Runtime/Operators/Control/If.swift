/// `If`: the outputs of one of two subgraphs.
///
/// |        | name      | shape | types  |
/// |--------|-----------|-------|--------|
/// | input  | `cond`    | one element | `bool` |
/// | output | `outputs` | what both branches have in common | any |
/// | attr   | `then_branch`, `else_branch` | | graphs without inputs |
///
/// Source: ONNX `If`, opsets 1 to 25.
struct If: ValueOperator, BranchOperator {
  let thenBranch: GraphID
  let elseBranch: GraphID

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: 1...1, outputs: 0...Int.max)
    thenBranch = try node.graph("then_branch")
    elseBranch = try node.graph("else_branch")
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    _ = try inputs.tensor(0, of: [.bool])
    if let branch = try branch(inputs) {
      let types = try inputs.outputTypes(of: branch, given: [])
      return types.contains(nil) ? [] : types.compactMap { $0 }
    }
    let yes = try inputs.outputTypes(of: thenBranch, given: [])
    let no = try inputs.outputTypes(of: elseBranch, given: [])
    guard yes.count == no.count else {
      throw ModelError(
        .arityMismatch, "branches with \(yes.count) and \(no.count) outputs",
        expected: "as many of each")
    }
    let types = zip(yes, no).map { a, b in b.flatMap { a?.joined($0) } }
    return types.contains(nil) ? [] : types.compactMap { $0 }
  }

  func branch(_ inputs: Operands) throws(ModelError) -> GraphID? {
    guard let condition = inputs.constant(0), condition.elementType == .bool else { return nil }
    return try branch(if: isTrue(condition))
  }

  func branch(if condition: Bool) -> GraphID { condition ? thenBranch : elseBranch }

  private func isTrue(_ condition: Tensor) throws(ModelError) -> Bool {
    let values = try condition.array(of: Bool.self)
    guard values.count == 1, let value = values.first else {
      throw ModelError(
        .shapeMismatch, "a condition \(condition.type)", expected: "a tensor of one element")
    }
    return value
  }

  func evaluate(_ call: ValueCall) throws(ModelError) -> [Value] {
    try call.run(branch(if: isTrue(call.tensor(0))), [])
  }
}
