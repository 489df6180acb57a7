import ModelFormat

/// Small questions about a graph that patterns are made of.
struct GraphMatcher {
  let context: PassContext

  init(_ context: PassContext) { self.context = context }

  /// A node of the standard domain whose operands meet along their last axes, as they do since version 7.
  func standard(_ index: Int?) -> Node? {
    guard let index, let node = context.editor.nodes[index],
      Model.canonical(node.domain).isEmpty
    else { return nil }
    if case .int(1)? = node.attribute("broadcast") { return nil }
    return node
  }

  func output(_ index: Int) -> ValueID? { context.editor.nodes[index]?.outputs.first ?? nil }

  /// The node of type `opType` that alone reads what node `index` gives.
  func next(_ index: Int, _ opType: String) -> Int? {
    guard let next = context.editor.soleConsumer(of: output(index)),
      standard(next)?.opType == opType
    else { return nil }
    return next
  }

  /// Whether node `index` multiplies just these two values, of which nobody else reads `y`.
  func joins(_ index: Int, _ x: ValueID?, _ y: ValueID?) -> Bool {
    guard let node = standard(index), node.opType == "Mul", let x, let y,
      context.editor.soleConsumer(of: y) == index
    else { return false }
    return node.inputs == [x, y] || node.inputs == [y, x]
  }

  /// A constant of one element.
  func scalar(_ value: ValueID?) -> Float? {
    guard let value else { return nil }
    guard let tensor = context.constants[value] ?? (try? context.editor.weight(value)?.tensor()),
      tensor.count == 1, tensor.elementType == .f32
    else { return nil }
    return (try? tensor.array(of: Float.self))?.first
  }

  /// A constant of one element that gives no axes to what it is combined with, `value`.
  func scalar(_ constant: ValueID?, beside value: ValueID?) -> Float? {
    guard let constant, let value, let number = scalar(constant),
      let axes = context.type(constant)?.shape?.rank,
      axes <= context.type(value)?.shape?.rank ?? 0
    else { return nil }
    return number
  }

  /// The scalar that node `index` combines with `value`.
  func scalar(_ index: Int, beside value: ValueID?) -> Float? {
    guard let node = standard(index), node.inputs.count == 2, let value else { return nil }
    if node.inputs[0] == value { return scalar(node.inputs[1], beside: value) }
    return node.inputs[1] == value ? scalar(node.inputs[0], beside: value) : nil
  }

  /// The factor by which node `index`, a Mul or Div, scales `value`.
  func scale(_ index: Int, of value: ValueID?) -> Float? {
    guard let node = standard(index), let factor = scalar(index, beside: value) else { return nil }
    switch node.opType {
    case "Mul": return factor
    case "Div" where node.inputs[0] == value && factor != 0: return 1 / factor
    default: return nil
    }
  }

  /// The node that alone reads what node `index` gives, and scales it by `factor`.
  func scaled(by factor: Float, after index: Int) -> Int? {
    guard let next = context.editor.soleConsumer(of: output(index)),
      let found = scale(next, of: output(index)), abs(found - factor) <= 1e-6 * abs(factor)
    else { return nil }
    return next
  }

  /// The constant bounds of a Clip.
  func bounds(_ node: Node) -> (Float, Float)? {
    if context.editor.opset(of: node) < 11 {
      let greatest = Float.greatestFiniteMagnitude
      return (node.number("min") ?? -greatest, node.number("max") ?? greatest)
    }
    var bounds: [Float] = [-.infinity, .infinity]
    for index in 1...2 where index < node.inputs.count && node.inputs[index] != nil {
      guard let bound = scalar(node.inputs[index]) else { return nil }
      bounds[index - 1] = bound
    }
    return (bounds[0], bounds[1])
  }

  /// A weight of `f32`.
  func weight(_ value: ValueID?) -> Tensor? {
    guard let value, let weight = context.editor.weight(value),
      let tensor = try? weight.tensor(), tensor.elementType == .f32
    else { return nil }
    return tensor
  }
}

extension Node {
  /// A float attribute.
  func number(_ name: String) -> Float? {
    if case .float(let value)? = attribute(name) { value } else { nil }
  }
}
