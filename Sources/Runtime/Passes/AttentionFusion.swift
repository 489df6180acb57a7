import ModelFormat

/// Makes one kernel of attention that is written in parts:
///
///     MatMul(Softmax(MatMul(q, kᵀ) · scale + mask), v)
///
/// The scale may also be on the queries or the keys; transpositions that split or merge heads become strides; weights
/// that are no numbers may be made 0, `Where(IsNaN(p), 0, p)`. Requires products of rank 3 or 4 of `f32`, and a softmax
/// along the last axis; ensures `FusedAttention` of domain `zoo`.
struct AttentionFusion: Pass {
  let name = "fuse-attention"

  func run(_ context: inout PassContext) throws(ModelError) -> Bool {
    var changed = false
    for index in context.editor.indices {
      let graph = GraphMatcher(context)
      guard let node = graph.standard(index), node.opType == "Softmax" else { continue }
      let guards = graph.guards(behind: index)
      let weights = guards.last ?? index
      guard let last = graph.next(weights, "MatMul"),
        context.editor.nodes[last]?.inputs.first == graph.output(weights)
      else { continue }
      do {
        let match = try AttentionMatch(softmax: index, guards, product: last, context)
        replace(match, &context)
        context.applied(node, "one kernel with the products around it")
        changed = true
      } catch {
        context.declined(node, error.reason)
      }
    }
    return changed
  }

  private func replace(_ match: AttentionMatch, _ context: inout PassContext) {
    guard var node = context.editor.nodes[match.last] else { return }
    for index in match.removed { context.editor.remove(index) }
    node.opType = "FusedAttention"
    node.domain = "zoo"
    node.inputs = [match.q.value, match.k.value, match.v.value] + (match.mask.map { [$0] } ?? [])
    let flags = [match.q, match.k, match.v].map(\.isTimeFirst) + [match.isOutputTimeFirst]
    node.attributes = [
      Attribute("scale", .float(match.scale)),
      Attribute("time_first", .ints(flags.map { $0 ? 1 : 0 })),
      Attribute("nan_is_zero", .int(match.isGuarded ? 1 : 0)),
    ]
    context.editor.replace(match.last, with: node)
  }
}

/// The parts of one attention.
private struct AttentionMatch {
  struct Refusal: Error { let reason: String }

  struct Operand {
    var value: ValueID
    /// `[batch, time, heads, size]`
    var isTimeFirst = false
  }

  private(set) var q: Operand
  private(set) var k: Operand
  private(set) var v: Operand
  private(set) var mask: ValueID?
  private(set) var scale: Float = 1
  /// Nodes that go; `last` is replaced.
  private(set) var removed: [Int]
  private(set) var last: Int
  private(set) var isOutputTimeFirst = false
  /// Whether weights that are no numbers become 0.
  let isGuarded: Bool

  /// - Parameter guards: The nodes that make weights 0 that are no numbers.
  init(
    softmax: Int, _ guards: [Int], product: Int, _ context: PassContext
  ) throws(Refusal) {
    let graph = GraphMatcher(context)
    guard let node = graph.standard(softmax), let scores = node.inputs[0],
      let rank = context.type(scores)?.shape?.rank, rank == 3 || rank == 4,
      context.type(scores)?.element == .f32
    else { throw Refusal(reason: "its scores are not of rank 3 or 4 and f32") }
    guard Self.isAlongLastAxis(node, rank, context) else {
      throw Refusal(reason: "its softmax is not along the last axis")
    }
    guard let values = graph.standard(product)?.inputs[1] else {
      throw Refusal(reason: "its values are missing")
    }
    removed = [softmax] + guards
    isGuarded = !guards.isEmpty
    last = product
    (q, k, v) = (Operand(value: scores), Operand(value: scores), Operand(value: values))
    let matrix = try peelScores(scores, softmax, graph, rank)
    guard let left = matrix.inputs[0], let right = matrix.inputs[1] else {
      throw Refusal(reason: "its product lacks an operand")
    }
    q = try peel(left, graph, rank, isKey: false)
    k = try peel(right, graph, rank, isKey: true)
    v = unswapped(values, graph)
    for operand in [q, k, v] where context.type(operand.value)?.shape?.rank != rank {
      throw Refusal(reason: "its operands are not all of rank \(rank)")
    }
    for operand in [q, v] {
      let size = context.type(operand.value)?.shape?.dimensions.last?.value
      guard let size, size <= AttentionKernel.maximumSize else {
        throw Refusal(reason: "its rows may be longer than \(AttentionKernel.maximumSize)")
      }
    }
    if let next = graph.next(product, "Transpose"), graph.permutation(next) == [0, 2, 1, 3] {
      removed.append(product)
      last = next
      isOutputTimeFirst = true
    }
  }

  private static func isAlongLastAxis(_ node: Node, _ rank: Int, _ context: PassContext) -> Bool {
    let isOld = context.editor.opset(of: node) < 13
    guard case .int(let axis)? = node.attribute("axis") else { return !isOld }
    return axis == -1 || axis == Int64(rank - 1)
  }

  /// Takes mask and scale off the scores, down to the product that makes them.
  private mutating func peelScores(
    _ scores: ValueID, _ softmax: Int, _ graph: GraphMatcher, _ rank: Int
  ) throws(Refusal) -> Node {
    var (value, reader) = (scores, softmax)
    if let index = graph.soleProducer(of: value, for: reader), let add = graph.standard(index),
      add.opType == "Add", let (inner, other) = graph.operands(of: add, leadingTo: "MatMul")
    {
      guard let shape = graph.context.type(other)?.shape, shape.rank <= rank else {
        throw Refusal(reason: "its mask may have more axes than its scores")
      }
      mask = other
      removed.append(index)
      (value, reader) = (inner, index)
    }
    while let index = graph.soleProducer(of: value, for: reader), let node = graph.standard(index) {
      if node.opType == "MatMul" {
        removed.append(index)
        return node
      }
      guard let (inner, factor) = graph.scaling(index) else { break }
      scale *= factor
      removed.append(index)
      (value, reader) = (inner, index)
    }
    throw Refusal(reason: "its scores are not a product with a scale and a mask")
  }

  /// Takes scales and one transposition off an operand of the product that makes the scores.
  private mutating func peel(
    _ value: ValueID, _ graph: GraphMatcher, _ rank: Int, isKey: Bool
  ) throws(Refusal) -> Operand {
    var operand = Operand(value: value)
    var isSwapped = false
    while let index = graph.context.editor.producer(of: operand.value) {
      if let (inner, factor) = graph.scaling(index) {
        scale *= factor
        operand.value = inner
        continue
      }
      guard !isSwapped, let (input, axes) = graph.transposition(index) else { break }
      switch axes {
      case [0, 2, 1, 3] where !isKey, [0, 2, 3, 1] where isKey: operand.isTimeFirst = true
      case [0, 1, 3, 2] where isKey, [0, 2, 1] where isKey: break
      default: throw Refusal(reason: "it transposes by \(axes)")
      }
      isSwapped = true
      operand.value = input
    }
    guard isSwapped || !isKey else { throw Refusal(reason: "its keys are not transposed") }
    return operand.isTimeFirst || !isKey ? operand : unswapped(operand.value, graph)
  }

  /// What is behind a transposition that splits heads.
  private func unswapped(_ value: ValueID, _ graph: GraphMatcher) -> Operand {
    guard let index = graph.context.editor.producer(of: value),
      graph.permutation(index) == [0, 2, 1, 3],
      let input = graph.standard(index)?.inputs.first ?? nil
    else { return Operand(value: value) }
    return Operand(value: input, isTimeFirst: true)
  }
}

extension GraphMatcher {
  /// The node that makes `value`, if only node `reader` reads it.
  fileprivate func soleProducer(of value: ValueID, for reader: Int) -> Int? {
    guard context.editor.soleConsumer(of: value) == reader else { return nil }
    return context.editor.producer(of: value)
  }

  /// The operands of a node of two, the one first that a node of type `opType` made, be it scaled.
  fileprivate func operands(
    of node: Node, leadingTo opType: String
  ) -> (inner: ValueID, other: ValueID)? {
    guard node.inputs.count == 2, let a = node.inputs[0], let b = node.inputs[1], a != b,
      node.attribute("broadcast") == nil
    else { return nil }
    if leads(a, to: opType) { return (a, b) }
    return leads(b, to: opType) ? (b, a) : nil
  }

  private func leads(_ value: ValueID, to opType: String) -> Bool {
    var value = value
    while let index = context.editor.producer(of: value) {
      if standard(index)?.opType == opType { return true }
      guard let (inner, _) = scaling(index) else { return false }
      value = inner
    }
    return false
  }

  /// What node `index`, a Mul or Div, scales by a constant number.
  fileprivate func scaling(_ index: Int) -> (value: ValueID, factor: Float)? {
    guard let node = standard(index), node.opType == "Mul" || node.opType == "Div" else {
      return nil
    }
    for value in node.inputs {
      guard let value, isScalar(besides: value, node), let factor = scale(index, of: value) else {
        continue
      }
      return (value, factor)
    }
    return nil
  }

  /// Whether the other operand adds no axes.
  private func isScalar(besides value: ValueID, _ node: Node) -> Bool {
    guard let rank = context.type(value)?.shape?.rank else { return false }
    return node.inputs.allSatisfy { other in
      other == value || context.type(other)?.shape.map { $0.rank <= rank } ?? false
    }
  }

  /// What node `index` transposes and how: a Transpose, or one of rank 3 between reshapes that join and split the axes
  /// of batch and heads.
  fileprivate func transposition(_ index: Int) -> (input: ValueID, axes: [Int64])? {
    if let axes = permutation(index), let input = standard(index)?.inputs.first ?? nil {
      return (input, axes)
    }
    guard let split = standard(index), split.opType == "Reshape", let swapped = split.inputs[0],
      let middle = context.editor.producer(of: swapped), permutation(middle) == [0, 2, 1],
      let joined = standard(middle)?.inputs.first ?? nil,
      let join = standard(context.editor.producer(of: joined)), join.opType == "Reshape",
      let input = join.inputs[0], let from = extents(input), let through = extents(joined),
      let to = extents(split.outputs[0]), from.count == 4, through.count == 3,
      through[1] == from[2], through[2] == from[3], to == [from[0], from[1], from[3], from[2]]
    else { return nil }
    return (input, [0, 1, 3, 2])
  }

  /// The extents of a value; `nil` if one but the first is not known, be it as a symbol.
  private func extents(_ value: ValueID?) -> [Dimension]? {
    guard let all = context.type(value)?.shape?.dimensions,
      !all.dropFirst().contains(.unknown)
    else { return nil }
    return all
  }

  /// `IsNaN` and `Where` that make 0 of what is no number in what node `index` gives, if nothing else reads that.
  fileprivate func guards(behind index: Int) -> [Int] {
    guard let value = output(index), !context.editor.isOutput(value) else { return [] }
    let readers = context.editor.consumers(of: value)
    guard readers.count == 2, let first = readers.first(where: { standard($0)?.opType == "IsNaN" }),
      let last = next(first, "Where"), readers.contains(last),
      let choice = standard(last), choice.inputs == [output(first), choice.inputs[1], value],
      let zero = choice.inputs[1], scalar(zero) == 0, context.type(zero)?.shape?.rank ?? 9 <= 1
    else { return [] }
    return [first, last]
  }

  /// The axes by which node `index`, a Transpose, permutes.
  fileprivate func permutation(_ index: Int) -> [Int64]? {
    guard let node = standard(index), node.opType == "Transpose",
      case .ints(let axes)? = node.attribute("perm")
    else { return nil }
    return axes
  }
}
