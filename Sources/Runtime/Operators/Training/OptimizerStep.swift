/// `Adagrad`, `Adam`, `Momentum`: one step of an optimizer over any number of tensors at once.
///
///     g' = norm_coefficient · x + g
///
/// and then as ``UpdateRule`` says, element by element.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `R`, the rate | `[]` or `[1]` | `f32`, `f64` |
/// | input  | `T`, steps before this one | `[]` or `[1]` | `i64` |
/// | input  | n tensors, n gradients, n states, for Adam n second states | any; those of one tensor alike | `f32`, `f64` |
/// | output | n tensors, n states, for Adam n second states | as the inputs | as the inputs |
/// | attr   | `norm_coefficient`, `epsilon`, `decay_factor`, `alpha`, `beta`, `norm_coefficient_post`, `mode` | | |
///
/// Source: `ai.onnx.preview.training` `Adagrad`, `Adam`, `Momentum`, opset 1.
struct OptimizerStep: TensorOperator {
  private let rule: UpdateRule
  private let decay: Double
  private let groups: Int

  private init(
    _ node: NodeReader, _ rule: UpdateRule, decay: Float
  ) throws(ModelError) {
    let parts = 2 + rule.stateCount
    try node.require(inputs: 2 + parts...Int.max, outputs: 1...Int.max)
    guard (node.inputCount - 2) % parts == 0 else {
      throw ModelError(
        .arityMismatch, "\(node.inputCount) inputs", expected: "2 and \(parts) for each tensor")
    }
    groups = (node.inputCount - 2) / parts
    guard node.outputCount <= groups * (parts - 1) else {
      throw ModelError(
        .arityMismatch, "\(node.outputCount) outputs", expected: "\(groups * (parts - 1))")
    }
    self.rule = rule
    self.decay = Double(decay)
  }

  @Sendable static func adagrad(_ node: NodeReader) throws(ModelError) -> any Operator {
    let rule = UpdateRule.adagrad(
      decay: Double(try node.float("decay_factor", default: 0)),
      epsilon: Double(try node.float("epsilon", default: 1e-6)))
    return try Self(node, rule, decay: try node.float("norm_coefficient", default: 0))
  }

  @Sendable static func adam(_ node: NodeReader) throws(ModelError) -> any Operator {
    let rule = UpdateRule.adam(
      alpha: Double(try node.float("alpha", default: 0.9)),
      beta: Double(try node.float("beta", default: 0.999)),
      epsilon: Double(try node.float("epsilon", default: 1e-6)),
      shrink: Double(try node.float("norm_coefficient_post", default: 0)))
    return try Self(node, rule, decay: try node.float("norm_coefficient", default: 0))
  }

  @Sendable static func momentum(_ node: NodeReader) throws(ModelError) -> any Operator {
    guard node.has("mode") else {
      throw ModelError(.invalidAttribute, "no attribute 'mode'", expected: "a value for it")
    }
    let mode = try node.choice("mode", of: ["standard", "nesterov"], default: "standard")
    let rule = UpdateRule.momentum(
      alpha: Double(try node.float("alpha")), beta: Double(try node.float("beta")),
      isNesterov: mode == "nesterov")
    return try Self(node, rule, decay: try node.float("norm_coefficient"))
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    for (index, elements) in [(0, Set([ElementType.f32, .f64])), (1, [.i64])] {
      let type = try inputs.tensor(index, of: elements)
      if let shape = type.shape, !shape.count.canBe(1) {
        throw ModelError(.shapeMismatch, "input \(index) of shape \(shape)", expected: "[] or [1]")
      }
    }
    var tensors: [TensorType] = []
    for group in 0..<groups {
      let tensor = try inputs.tensor(2 + group, of: [.f32, .f64])
      for part in 1..<2 + rule.stateCount {
        let index = 2 + part * groups + group
        try Self.check(try inputs.tensor(index), index, against: tensor)
      }
      tensors.append(tensor)
    }
    let all = (0...rule.stateCount).flatMap { _ in tensors }
    return all.prefix(inputs.outputCount).map(ValueType.tensor)
  }

  private static func check(
    _ type: TensorType, _ index: Int, against tensor: TensorType
  ) throws(ModelError) {
    guard type.element == tensor.element else {
      throw ModelError(
        .elementTypeMismatch, "input \(index) is a tensor of \(type.element)",
        expected: "\(tensor.element), as the tensor that it belongs to")
    }
    guard let given = type.shape, let wanted = tensor.shape else { return }
    guard given.rank == wanted.rank,
      zip(given.dimensions, wanted.dimensions).allSatisfy({ $0.canBe($1) })
    else {
      throw ModelError(
        .shapeMismatch, "input \(index) of shape \(given)",
        expected: "\(wanted), as the tensor that it belongs to")
    }
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let types = try (0..<groups).map { (group) throws(ModelError) in try io.input(2 + group) }
    let rateIsDouble = try io.input(0).element == .f64
    let wanted = (0..<groups * (1 + rule.stateCount)).map {
      $0 < io.outputs.count && io.outputs[$0] != nil
    }
    let (rule, decay, groups) = (rule, decay, groups)
    return Kernel(rule.name, reuses: reuses()) { context in
      let given =
        rateIsDouble
        ? context.input(0, as: Double.self)[0] : Double(context.input(0, as: Float.self)[0])
      let count = context.input(1, as: Int64.self)[0]
      let rate = rule.rate(given, Double(count))
      for (group, type) in types.enumerated() {
        let places = Places(group: group, groups: groups, wanted: wanted)
        let run = Run(rule: rule, decay: decay, rate: rate, isFirst: count <= 0, count: type.count)
        if type.element == .f64 {
          run.update(context, places, Double.self)
        } else {
          run.update(context, places, Float.self)
        }
      }
    }
  }

  /// Tensors and states may be changed where they are.
  private func reuses() -> [Int: Int] {
    var reuses: [Int: Int] = [:]
    for group in 0..<groups {
      reuses[group] = 2 + group
      for state in 1...rule.stateCount {
        reuses[state * groups + group] = 2 + (1 + state) * groups + group
      }
    }
    return reuses
  }
}

/// Where the operands of one tensor are among the node's.
private struct Places {
  let group: Int
  let groups: Int
  let wanted: [Bool]

  /// - Parameter part: 0 the tensor, 1 its gradient, 2 and 3 its states.
  func input(_ part: Int) -> Int { 2 + part * groups + group }

  /// - Parameter part: 0 the tensor, 1 and 2 its states; `nil` if nobody wants it.
  func output(_ part: Int) -> Int? {
    let index = part * groups + group
    return index < wanted.count && wanted[index] ? index : nil
  }
}

/// The update of one tensor.
private struct Run {
  let rule: UpdateRule
  let decay: Double
  let rate: Double
  let isFirst: Bool
  let count: Int

  func update<T: BinaryFloatingPoint>(
    _ context: borrowing KernelContext, _ places: Places, _ type: T.Type
  ) {
    let x = context.input(places.input(0), as: T.self)
    let gradients = context.input(places.input(1), as: T.self)
    let first = context.input(places.input(2), as: T.self)
    let second = rule.stateCount > 1 ? context.input(places.input(3), as: T.self) : nil
    let newX = places.output(0).map { context.output($0, as: T.self) }
    let newFirst = places.output(1).map { context.output($0, as: T.self) }
    let newSecond = places.output(2).map { context.output($0, as: T.self) }
    for index in 0..<count {
      let value = Double(x[index])
      var (v, h) = (Double(first[index]), second.map { Double($0[index]) } ?? 0)
      let result = rule.step(
        value, decay * value + Double(gradients[index]), &v, &h, rate: rate, isFirst: isFirst)
      newX?[index] = T(result)
      newFirst?[index] = T(v)
      newSecond?[index] = T(h)
    }
  }
}
