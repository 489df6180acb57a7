import ModelFormat

/// An elementwise operator that does the same to equal rows.
struct RowOperator {
  private let original: Node
  private let position: Int
  /// The constant operand, as one row or one number.
  private let row: Tensor?

  private static let unary: Set = [
    "Relu", "LeakyRelu", "Elu", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Softplus",
    "Softsign", "Mish", "Gelu", "Swish", "Abs", "Neg", "Exp", "Sqrt", "Erf",
  ]
  private static let binary: Set = ["Add", "Sub", "Mul", "Div"]

  /// - Parameter value: What node `index` reads, of `rank` axes, the last of extent `width`.
  init?(_ index: Int, _ value: ValueID, _ rank: Int, width: Int, _ graph: GraphMatcher) {
    guard let node = graph.standard(index), let position = node.inputs.firstIndex(of: value) else {
      return nil
    }
    (original, self.position) = (node, position)
    if Self.unary.contains(node.opType), node.inputs.count == 1 {
      row = nil
      return
    }
    guard Self.binary.contains(node.opType), node.inputs.count == 2,
      let constant = graph.weight(node.inputs[1 - position]), constant.shape.count <= rank,
      constant.count == 1 || constant.count == width && constant.shape.last == width,
      let row = try? constant.reshaped(to: [constant.count])
    else { return nil }
    self.row = row
  }

  /// The operator on rows of another value, of any rank but 0.
  func node(on rows: ValueID?, _ context: inout PassContext) -> Node {
    var node = original
    node.inputs[position] = rows
    if let row, let value = original.inputs[1 - position] {
      let name = context.editor.name(of: value) + "/row"
      node.inputs[1 - position] = context.editor.addWeight(name, row)
    }
    return node
  }
}
