import ModelFormat

/// An elementwise operator, or `Pad`, that can as well work on the operand of the move before it.
struct MovedOperator {
  private let original: Node
  /// Which input the move gives.
  private let position: Int
  private let move: AxisMove
  private let other: Other?

  /// What the operator needs besides the moved value.
  private enum Other {
    /// A value as it is before the same move.
    case value(ValueID)
    case constant(Tensor, name: String)
  }

  /// - Parameter value: What `move` gives and node `index` alone reads.
  init?(_ index: Int, _ value: ValueID, _ move: AxisMove, _ context: PassContext) {
    guard let node = GraphMatcher(context).standard(index), node.outputs.count == 1,
      let position = node.inputs.firstIndex(of: value),
      let shape = context.type(value)?.shape, shape.rank == move.sources.count
    else { return nil }
    (original, self.position, self.move) = (node, position, move)
    switch node.opType {
    case let type where Self.unary.contains(type) && position == 0: other = nil
    case let type where Self.binary.contains(type) && node.inputs.count == 2:
      guard let found = Self.operand(node.inputs[1 - position], shape, move, context) else {
        return nil
      }
      other = found
    case "Pad":
      guard position == 0, let pads = Self.pads(node, move, context) else { return nil }
      other = .constant(pads, name: "pads")
    default: return nil
    }
  }

  /// Operators of one image; others of their inputs are scalars.
  private static let unary: Set = [
    "Relu", "LeakyRelu", "Elu", "Selu", "Celu", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh",
    "Clip", "Softplus", "Softsign", "Mish", "Gelu", "Swish", "ThresholdedRelu", "Abs", "Neg",
    "Exp", "Log", "Sqrt", "Erf", "Reciprocal", "Floor", "Ceil", "Round", "Identity",
  ]
  private static let binary: Set = ["Add", "Sub", "Mul", "Div", "Max", "Min", "Pow", "Sum"]

  /// The operator on `operand`, which takes the place of the moved value.
  func node(on operand: ValueID, _ context: inout PassContext) -> Node {
    var node = original
    node.inputs[position] = operand
    switch other {
    case .value(let value): node.inputs[1 - position] = value
    case .constant(let tensor, let name):
      let name = context.editor.name(of: operand) + "/" + name
      node.inputs[1 - position] = context.editor.addWeight(name, tensor)
    case nil: break
    }
    return node
  }

  private static func operand(
    _ value: ValueID?, _ shape: Shape, _ move: AxisMove, _ context: PassContext
  ) -> Other? {
    guard let value else { return nil }
    if let producer = context.editor.producer(of: value), AxisMove(producer, context) == move {
      return context.editor.nodes[producer]?.inputs[0].map { .value($0) }
    }
    guard let tensor = try? context.editor.weight(value)?.tensor(),
      tensor.shape.count <= shape.rank
    else { return nil }
    let extents = Array(repeating: 1, count: shape.rank - tensor.shape.count) + tensor.shape
    let isBroadcast = zip(extents, shape.dimensions).contains { $0 != 1 && .fixed($0) != $1 }
    // Elements stay where they are, so axes of several elements may not change places.
    let order = zip(extents, move.sources).compactMap { $0 == 1 ? nil : $1 }
    guard !isBroadcast, order == order.sorted(), let before = move.before(extents, filler: 1),
      let moved = try? tensor.reshaped(to: before)
    else { return nil }
    return .constant(moved, name: "constant")
  }

  /// The pads of each axis as they are before the move.
  private static func pads(_ node: Node, _ move: AxisMove, _ context: PassContext) -> Tensor? {
    guard context.editor.opset(of: node) >= 11, node.inputs.count < 4 || node.inputs[3] == nil,
      let pads = GraphMatcher(context).integers(node.inputs[1]),
      pads.count == 2 * move.sources.count,
      let begin = move.before(Array(pads.prefix(pads.count / 2)), filler: 0),
      let end = move.before(Array(pads.suffix(pads.count / 2)), filler: 0)
    else { return nil }
    return try? Tensor((begin + end).map(Int64.init), shape: [begin.count + end.count])
  }
}
