/// Products of matrices.
let matrixRules: [GradientRule] = [
  GradientRule("MatMul") { (call) throws(ModelError) in try productRule(call) },
  GradientRule("Gemm") { (call) throws(ModelError) in try gemmRule(call) },
  GradientRule("Det") { (call) throws(ModelError) in
    let x = try call.input(0)
    return [call.gradient.unsqueezed([-2, -1]) * x.cofactors(try call.rank())]
  },
  GradientRule("Einsum") { (call) throws(ModelError) in try einsumRule(call) },
]

/// A · B over all leading axes, which are broadcast; a vector counts as one row on the left, one column on the right.
private func productRule(_ call: GradientCall) throws(ModelError) -> [Term?] {
  let (a, b) = (try call.input(0), try call.input(1))
  let (rankA, rankB) = (try call.rank(0), try call.rank(1))
  let isRow = rankA == 1
  let isColumn = rankB == 1
  let left = isRow ? a.unsqueezed([0]) : a
  let right = isColumn ? b.unsqueezed([1]) : b
  var g = call.gradient
  if isColumn { g = g.unsqueezed([-1]) }
  if isRow { g = g.unsqueezed([-2]) }
  let da = g.apply("MatMul", right.flipped(max(2, rankB)))
  let db = left.flipped(max(2, rankA)).apply("MatMul", g)
  return [
    try broadcastSum(da, call, operand: 0, isVector: isRow, squeezing: -2),
    try broadcastSum(db, call, operand: 1, isVector: isColumn, squeezing: -1),
  ]
}

/// Sums the leading axes that broadcasting added to an operand or repeated.
private func broadcastSum(
  _ gradient: Term, _ call: GradientCall, operand: Int, isVector: Bool, squeezing axis: Int
) throws(ModelError) -> Term {
  let (own, other) = (try call.rank(operand), try call.rank(1 - operand))
  if isVector {
    // A vector is used for all leading axes of the other operand.
    let leading = Array(0..<max(0, other - 2))
    return gradient.sum(leading).squeezed(leading).squeezed([axis])
  }
  if other <= 2 { return gradient }
  if let mine = call.builder.shape(try call.value(operand)),
    let its = call.builder.shape(try call.value(1 - operand)), own >= other
  {
    let pairs = zip(mine.dimensions.dropLast(2).reversed(), its.dimensions.dropLast(2).reversed())
    if pairs.allSatisfy({ ($0 == $1 && $0 != .unknown) || $1 == 1 }) { return gradient }
  }
  return gradient.summed(to: try call.input(operand).extents)
}

extension Term {
  /// The last two of `rank` axes exchanged.
  fileprivate func flipped(_ rank: Int) -> Term {
    transposed(Array(0..<rank - 2) + [rank - 1, rank - 2])
  }
}

extension Term {
  /// For each element of matrices the signed determinant of what is left without its row and column.
  fileprivate func cofactors(_ rank: Int) -> Term {
    let (zero, one) = (builder.scalar(0, .i64), builder.scalar(1, .i64))
    let count = extents(rank - 1..<rank).squeezed([0])
    let all = zero.apply("Range", count, one)
    let fewer = zero.apply("Range", count - one, one)
    // [n, n − 1]: the numbers but one.
    let skips = fewer.isBelow(all.unsqueezed([1])).negated
    let others = fewer + skips.cast(to: .i64)
    // […, row left out, rows, column left out, columns]
    let parts = gathered(others, axis: rank - 2).gathered(others, axis: rank)
    let lead = Array(0..<rank - 2)
    let minors = parts.transposed(lead + [rank - 2, rank, rank - 1, rank + 1]).apply("Det")
    let places = all.unsqueezed([1]) + all
    let isOdd = places.apply("Mod", builder.scalar(2, .i64)).equals(one)
    return minors * isOdd.chooses(builder.scalar(-1, element), builder.scalar(1, element))
  }
}

/// α · op(A) · op(B) + β · C
private func gemmRule(_ call: GradientCall) throws(ModelError) -> [Term?] {
  let alpha = Double(try call.reader.float("alpha", default: 1))
  let beta = Double(try call.reader.float("beta", default: 1))
  let flipsA = try call.reader.bool("transA", default: false)
  let flipsB = try call.reader.bool("transB", default: false)
  let (a, b, g) = (try call.input(0), try call.input(1), call.gradient)
  func product(_ x: Term, _ flipsX: Bool, _ y: Term, _ flipsY: Bool) -> Term {
    x.apply(
      "Gemm", y,
      attributes: [
        Attribute("alpha", .float(Float(alpha))), Attribute("transA", .int(flipsX ? 1 : 0)),
        Attribute("transB", .int(flipsY ? 1 : 0)),
      ])
  }
  let da = flipsA ? product(b, flipsB, g, true) : product(g, false, b, !flipsB)
  let db = flipsB ? product(g, true, a, flipsA) : product(a, !flipsA, g, false)
  guard call.has(2) else { return [da, db] }
  return [da, db, try call.summed(beta * g, to: 2)]
}

/// Each operand's gradient is the sum of products of the output's gradient with the other operands.
private func einsumRule(_ call: GradientCall) throws(ModelError) -> [Term?] {
  let equation = try call.reader.string("equation").filter { $0 != " " }
  let sides = equation.split(separator: ">", omittingEmptySubsequences: false)
  guard sides.count == 2, sides[0].hasSuffix("-"), !equation.contains(".") else {
    throw call.refused("the equation '\(equation)'", expected: "'inputs->output' without '...'")
  }
  let inputs = sides[0].dropLast().split(separator: ",", omittingEmptySubsequences: false)
  var result: [Term?] = []
  for (index, letters) in inputs.enumerated() {
    let others = inputs.indices.filter { $0 != index }
    let known = Set(sides[1] + others.flatMap { Array(inputs[$0]) })
    guard Set(letters).count == letters.count, letters.allSatisfy(known.contains) else {
      throw call.refused(
        "'\(letters)' of the equation '\(equation)'",
        expected: "letters that occur once there, and elsewhere")
    }
    let terms = [sides[1]] + others.map { inputs[$0] }
    let text = terms.joined(separator: ",") + "->" + letters
    let operands = try others.map { (other) throws(ModelError) in try call.input(other) }
    result.append(
      call.builder.add(
        "Einsum", [call.gradient] + operands, [Attribute("equation", .string(text))],
        gives: call.gradient.element))
  }
  return result
}
