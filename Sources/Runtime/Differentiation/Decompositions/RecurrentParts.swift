/// Recurrent layers as loops over time.
let recurrentParts: [Decomposition] = [
  Decomposition("LSTM") { (call) throws(ModelError) in
    let layer = try LSTM(call.reader).layer
    let couples = try call.reader.bool("input_forget", default: false)
    return try layer.parts(call) { (cell, x, states) throws(ModelError) in
      cell.longShort(x, h: states[0], c: states[1], couplesGates: couples)
    }
  },
  Decomposition("GRU") { (call) throws(ModelError) in
    let gru = try GRU(call.reader)
    return try gru.layer.parts(call, keepsBias: gru.isLinearBeforeReset) {
      (cell, x, states) throws(ModelError) in
      [cell.gated(x, h: states[0], isLinear: gru.isLinearBeforeReset)]
    }
  },
  Decomposition("RNN") { (call) throws(ModelError) in
    try RNN(call.reader).layer.parts(call) { (cell, x, states) throws(ModelError) in
      let sum = x + states[0].apply("MatMul", cell.recurrence)
      return [cell.activated(sum, 0)]
    }
  },
]

/// The weights of one direction inside the loop over its steps.
private struct CellParts {
  /// `[hidden, gates·hidden]`
  let recurrence: Term
  /// `[gates·hidden]`, where it is not in the products of the inputs already.
  let recurrentBias: Term?
  /// `[3·hidden]` of an `LSTM`.
  let peepholes: Term?
  let activations: [RecurrentActivation]
  let clip: Float

  func activated(_ x: Term, _ index: Int) -> Term {
    let limited =
      clip.isFinite
      ? x.apply(
        "Clip", x.builder.scalar(Double(-clip), x.element),
        x.builder.scalar(Double(clip), x.element))
      : x
    return limited.activated(activations[index])
  }

  func longShort(_ x: Term, h: Term, c: Term, couplesGates: Bool) -> [Term] {
    let gates = (x + h.apply("MatMul", recurrence)).split(4, axis: 1)
    let p = peepholes?.split(3, axis: 0)
    func seen(_ gate: Term, _ place: Int, _ c: Term) -> Term {
      p.map { gate + $0[place] * c } ?? gate
    }
    let input = activated(seen(gates[0], 0, c), 0)
    let forget = couplesGates ? 1 - input : activated(seen(gates[2], 2, c), 0)
    let new = forget * c + input * activated(gates[3], 1)
    let output = activated(seen(gates[1], 1, new), 0)
    // What the cell shows is not limited.
    return [output * new.activated(activations[2]), new]
  }

  func gated(_ x: Term, h: Term, isLinear: Bool) -> Term {
    let weights = recurrence.split(3, axis: 1)
    let gates = x.split(3, axis: 1)
    let bias = recurrentBias?.split(3, axis: 0)
    func product(_ h: Term, _ gate: Int) -> Term {
      let product = h.apply("MatMul", weights[gate])
      return bias.map { product + $0[gate] } ?? product
    }
    let update = activated(gates[0] + product(h, 0), 0)
    let reset = activated(gates[1] + product(h, 1), 0)
    let recurrent = isLinear ? reset * product(h, 2) : product(reset * h, 2)
    let candidate = activated(gates[2] + recurrent, 1)
    return (1 - update) * candidate + update * h
  }
}

extension RecurrentLayer {
  /// - Parameters:
  ///   - keepsBias: Whether the bias of the recurrence is the cell's matter.
  ///   - step: The states after a step, from its part of the inputs' products, `[batch, gates·hidden]`.
  fileprivate func parts(
    _ call: GradientCall, keepsBias: Bool = false,
    step: (CellParts, Term, [Term]) throws(ModelError) -> [Term]
  ) throws(ModelError) -> [Term?] {
    let given = try call.input(0)
    let x = isBatchFirst ? given.transposed([1, 0, 2]) : given
    let lengths = call.has(4) ? try call.input(4).cast(to: .i64) : nil
    var (ys, finals) = ([Term](), [[Term]](repeating: [], count: states))
    for place in 0..<directions {
      let isReverse = direction == .reverse || place == 1
      let run = try self.run(
        call, isReverse ? x.reversed(lengths) : x, lengths, place, keepsBias, step)
      ys.append((isReverse ? run.y.reversed(lengths) : run.y).unsqueezed([1]))
      for state in 0..<states { finals[state].append(run.last[state].unsqueezed([0])) }
    }
    let y = Term.joined(ys, axis: 1)
    let last = finals.map { parts in
      isBatchFirst
        ? Term.joined(parts, axis: 0).transposed([1, 0, 2]) : Term.joined(parts, axis: 0)
    }
    return [isBatchFirst ? y.transposed([2, 0, 1, 3]) : y] + last
  }

  private func run(
    _ call: GradientCall, _ x: Term, _ lengths: Term?, _ place: Int, _ keepsBias: Bool,
    _ step: (CellParts, Term, [Term]) throws(ModelError) -> [Term]
  ) throws(ModelError) -> (y: Term, last: [Term]) {
    let builder = call.builder
    let index = builder.scalar(Double(place), .i64)
    func own(_ input: Int) throws(ModelError) -> Term {
      try call.input(input).gathered(index, axis: 0)
    }
    var products = x.apply("MatMul", try own(1).transposed([1, 0]))
    let biases = call.has(3) ? try own(3).split(2, axis: 0) : []
    if let bias = biases.first { products = products + bias }
    if let bias = biases.last, !keepsBias { products = products + bias }
    let recurrence = try own(2).transposed([1, 0])
    let peepholes = states == 2 && call.has(7) ? try own(7) : nil
    let extents = Term.joined([x.extents(1..<2), recurrence.extents(0..<1)])
    var initial: [Term] = []
    for state in 0..<states {
      guard call.has(5 + state) else {
        initial.append(builder.scalar(0, x.element).expanded(extents))
        continue
      }
      let value = try call.input(5 + state)
      initial.append((isBatchFirst ? value.transposed([1, 0, 2]) : value).gathered(index, axis: 0))
    }
    let functions = Array(
      activations[place * activationsPerDirection..<(place + 1) * activationsPerDirection])
    let ranks = initial.map { _ in 2 }
    let results = try builder.loop(x.extents(0..<1), initial, ranks: ranks) {
      (inner, t, current) throws(ModelError) in
      let cell = CellParts(
        recurrence: inner.outer(recurrence),
        recurrentBias: keepsBias ? biases.last.map(inner.outer) : nil,
        peepholes: peepholes.map(inner.outer), activations: functions, clip: clip)
      var new = try step(cell, inner.outer(products).gathered(t, axis: 0), current)
      guard let lengths else { return (new, [new[0]]) }
      let runs = t.isBelow(inner.outer(lengths)).unsqueezed([1])
      new = zip(new, current).map { runs.chooses($0, $1) }
      return (new, [runs.chooses(new[0], 0)])
    }
    return (results[states], Array(results[..<states]))
  }
}

extension Term {
  /// Equal parts along an axis.
  fileprivate func split(_ count: Int, axis: Int) -> [Term] {
    builder.add(
      "Split", [self],
      [Attribute("axis", .int(Int64(axis))), Attribute("num_outputs", .int(Int64(count)))],
      gives: Array(repeating: element, count: count))
  }

  /// Steps in the other order, with `lengths` those of each row as far as it goes.
  fileprivate func reversed(_ lengths: Term?) -> Term {
    if let lengths {
      return apply(
        "ReverseSequence", lengths,
        attributes: [Attribute("time_axis", .int(0)), Attribute("batch_axis", .int(1))])
    }
    return apply(
      "Slice", builder.list([-1]), builder.list([Int(Int32.min)]), builder.list([0]),
      builder.list([-1]))
  }

  fileprivate func activated(_ activation: RecurrentActivation) -> Term {
    let (alpha, beta) = (activation.alpha, activation.beta)
    let a = Attribute("alpha", .float(alpha))
    switch activation.function {
    case .relu: return apply("Relu")
    case .tanh: return apply("Tanh")
    case .sigmoid: return apply("Sigmoid")
    case .affine: return Double(alpha) * self + Double(beta)
    case .leakyrelu: return apply("LeakyRelu", attributes: [a])
    case .thresholdedrelu: return apply("ThresholdedRelu", attributes: [a])
    case .scaledtanh: return Double(alpha) * (Double(beta) * self).apply("Tanh")
    case .hardsigmoid:
      return apply("HardSigmoid", attributes: [a, Attribute("beta", .float(beta))])
    case .elu: return apply("Elu", attributes: [a])
    case .softsign: return apply("Softsign")
    case .softplus: return apply("Softplus")
    }
  }
}
