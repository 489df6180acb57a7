import LibC
import ModelFormat

/// A function of one number that a few elementwise nodes compute together: constants of one element, arithmetic and
/// unary functions over a single operand.
struct ScalarExpression {
  /// In order; the last gives the result.
  private(set) var nodes: [Int]
  private let operand: ValueID
  private let steps: [Step]

  /// More nodes than known activations are written with.
  static let mostNodes = 12

  private struct Step {
    let result: ValueID
    let inputs: [Input]
    let function: @Sendable ([Double]) -> Double
  }

  private enum Input {
    case value(ValueID)
    case number(Double)
  }

  /// The expressions that begin at `operand`, the longest first. What is between their nodes is read by nobody else.
  static func all(of operand: ValueID, _ context: PassContext) -> [ScalarExpression] {
    let graph = GraphMatcher(context)
    var reached: [ValueID: Int] = [:]
    var steps: [Int: Step] = [:]
    var next = Set(context.editor.consumers(of: operand))
    while let index = next.min(), steps.count < mostNodes {
      next.remove(index)
      guard let step = step(index, operand, reached, graph) else { continue }
      steps[index] = step
      reached[step.result] = index
      next.formUnion(context.editor.consumers(of: step.result).filter { steps[$0] == nil })
    }
    return steps.keys.sorted(by: >).compactMap {
      ScalarExpression(endingAt: $0, operand, reached, steps, context)
    }
  }

  private init?(
    endingAt last: Int, _ operand: ValueID, _ reached: [ValueID: Int], _ steps: [Int: Step],
    _ context: PassContext
  ) {
    var members: Set = [last]
    var open = [last]
    while let index = open.popLast() {
      for case .value(let value) in steps[index]?.inputs ?? [] {
        if let before = reached[value], members.insert(before).inserted { open.append(before) }
      }
    }
    for index in members where index != last {
      guard let value = steps[index]?.result, !context.editor.isOutput(value),
        context.editor.consumers(of: value).allSatisfy(members.contains)
      else { return nil }
    }
    nodes = members.sorted()
    endsInProduct = ["Mul", "Div"].contains(context.editor.nodes[last]?.opType)
    self.operand = operand
    self.steps = nodes.compactMap { steps[$0] }
  }

  /// Whether the result is a product or a quotient.
  let endsInProduct: Bool

  /// The result for one number.
  func callAsFunction(_ x: Double) -> Double {
    var values = [operand: x]
    var y = x
    for step in steps {
      y = step.function(
        step.inputs.map { input in
          switch input {
          case .value(let value): values[value] ?? .nan
          case .number(let number): number
          }
        })
      values[step.result] = y
    }
    return y
  }

  private static func step(
    _ index: Int, _ operand: ValueID, _ reached: [ValueID: Int], _ graph: GraphMatcher
  ) -> Step? {
    guard let node = graph.standard(index), node.outputs.count == 1, let result = node.outputs[0],
      let function = function(of: node)
    else { return nil }
    var inputs: [Input] = []
    for value in node.inputs {
      guard let value else { return nil }
      if value == operand || reached[value] != nil {
        inputs.append(.value(value))
      } else if let number = graph.scalar(value, beside: operand) {
        inputs.append(.number(Double(number)))
      } else {
        return nil
      }
    }
    return Step(result: result, inputs: inputs, function: function)
  }

  private static func function(of node: Node) -> (@Sendable ([Double]) -> Double)? {
    switch (node.opType, node.inputs.count) {
    case ("Add", 2), ("Sum", 2): { $0[0] + $0[1] }
    case ("Sub", 2): { $0[0] - $0[1] }
    case ("Mul", 2): { $0[0] * $0[1] }
    case ("Div", 2): { $0[0] / $0[1] }
    case ("Max", 2): { max($0[0], $0[1]) }
    case ("Min", 2): { min($0[0], $0[1]) }
    case ("Pow", 2): { pow($0[0], $0[1]) }
    case ("Clip", 3): { min(max($0[0], $0[1]), $0[2]) }
    case ("Neg", 1): { -$0[0] }
    case ("Exp", 1): { exp($0[0]) }
    case ("Erf", 1): { erf($0[0]) }
    case ("Tanh", 1): { tanh($0[0]) }
    case ("Relu", 1): { max($0[0], 0) }
    case ("Sigmoid", 1): { 1 / (1 + exp(-$0[0])) }
    case ("Softplus", 1): { max($0[0], 0) + log1p(exp(-abs($0[0]))) }
    case ("Reciprocal", 1): { 1 / $0[0] }
    default: nil
    }
  }
}
