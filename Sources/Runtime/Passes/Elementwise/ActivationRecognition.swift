import CKernels
import ModelFormat

/// Makes one node of an activation that is written in parts, however they are arranged:
///
///     0.5 · x · (1 + tanh(0.797885 · (x + 0.044715 · x³))) = Gelu(x)
///
/// The parts are known by what they compute: a function of one number that agrees with an activation at many places,
/// near zero and far from it, is that activation. Requires `f32` in a graph without quantization, where the last bit of
/// a result decides about codes; ensures `Gelu`, `Swish`, `HardSwish` or `Mish`.
struct ActivationRecognition: Pass {
  let name = "recognize-activations"

  private static let roundings: Set = ["QuantizeLinear", "DynamicQuantizeLinear"]

  /// How many nodes read the operand of an activation in parts, and what else may read it: a value that half of a large
  /// graph reads would be searched in vain for a long time.
  private static let readers = 2...64

  func run(_ context: inout PassContext) throws(ModelError) -> Bool {
    let rounds = context.editor.indices.contains {
      Self.roundings.contains(context.editor.nodes[$0]?.opType ?? "")
    }
    if rounds { return false }
    var changed = false
    var seen: Set<ValueID> = []
    for index in context.editor.indices {
      for operand in context.editor.nodes[index]?.inputs ?? [] {
        guard let operand, context.type(operand)?.element == .f32,
          Self.readers.contains(context.editor.consumerCount(of: operand)),
          seen.insert(operand).inserted
        else { continue }
        if replaceExpression(of: operand, &context) { changed = true }
      }
    }
    return changed
  }

  private func replaceExpression(of operand: ValueID, _ context: inout PassContext) -> Bool {
    for expression in ScalarExpression.all(of: operand, context) {
      guard expression.nodes.count > 1, expression.endsInProduct, let last = expression.nodes.last,
        let activation = Activation.all.first(where: { $0.agrees(with: expression) }),
        context.registry.entry(activation.opType, domain: "") != nil,
        let end = context.editor.nodes[last]
      else { continue }
      for part in expression.nodes.dropLast() { context.editor.remove(part) }
      var node = Node(
        activation.opType, name: end.name, inputs: [operand], outputs: end.outputs,
        attributes: activation.attributes)
      node.opset = activation.opset
      context.editor.replace(last, with: node)
      context.applied(end, "\(activation.opType) in \(expression.nodes.count) parts")
      return true
    }
    return false
  }
}

/// An operator that activations written in parts may stand for.
private struct Activation: Sendable {
  let opType: String
  let opset: Int
  var attributes: [Attribute] = []
  let function: UnaryFormula.Function

  static let all = [
    Activation(opType: "Gelu", opset: 20, function: UnaryFormula.f64(zoo_unary_gelu, 0, 0)),
    Activation(
      opType: "Gelu", opset: 20, attributes: [Attribute("approximate", .string("tanh"))],
      function: UnaryFormula.f64(zoo_unary_gelu_tanh, 0, 0)),
    Activation(opType: "Swish", opset: 24, function: UnaryFormula.f64(zoo_unary_swish, 1, 0)),
    Activation(
      opType: "HardSwish", opset: 14, function: UnaryFormula.f64(zoo_unary_hard_swish, 0, 0)),
    Activation(opType: "Mish", opset: 18, function: UnaryFormula.f64(zoo_unary_mish, 0, 0)),
  ]

  /// Numbers on both sides of zero at which functions are compared: close together where activations bend, and some
  /// far away, where a bound would show.
  private static let places: [Double] = {
    let near = (0..<64).map { Double($0 * $0) * 0.00317 + Double($0) * 0.0471 }
    return (near + [31.7, 88.2, 1013, 1.7e6, 2.9e12]).flatMap { [$0, -$0] }
  }()

  /// Constants in a model have the precision of `f32`.
  private static let tolerance = 1e-6

  func agrees(with expression: ScalarExpression) -> Bool {
    Self.places.allSatisfy { x in
      let want = function(x)
      return abs(expression(x) - want) <= Self.tolerance * max(abs(want), 0.1)
    }
  }
}
