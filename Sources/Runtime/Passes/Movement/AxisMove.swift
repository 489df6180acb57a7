import ModelFormat

/// What `Transpose`, `Squeeze`, `Unsqueeze` and a `Reshape` that only adds or drops axes of extent 1 do: where each axis
/// of the result comes from.
struct AxisMove: Equatable {
  /// Axes of the operand; those that are no source have extent 1.
  let rank: Int
  /// For each axis of the result the operand's; `nil` for a new one, of extent 1.
  let sources: [Int?]

  private init(rank: Int, sources: [Int?]) { (self.rank, self.sources) = (rank, sources) }

  init?(_ index: Int?, _ context: PassContext) {
    guard let node = GraphMatcher(context).standard(index),
      let shape = context.type(node.inputs.first ?? nil)?.shape
    else { return nil }
    switch node.opType {
    case "Transpose": self.init(transpose: node, shape.rank)
    case "Squeeze": self.init(squeeze: node, shape, context)
    case "Unsqueeze": self.init(unsqueeze: node, shape.rank, context)
    case "Reshape":
      guard let result = context.type(node.outputs.first ?? nil)?.shape else { return nil }
      self.init(reshape: shape, result)
    default: return nil
    }
  }

  private init?(transpose node: Node, _ rank: Int) {
    var axes = Array((0..<rank).reversed())
    if case .ints(let given)? = node.attribute("perm") { axes = given.map { Int($0) } }
    guard axes.sorted() == Array(0..<rank) else { return nil }
    self.init(rank: rank, sources: axes)
  }

  private init?(squeeze node: Node, _ shape: Shape, _ context: PassContext) {
    guard let axes = Self.axes(of: node, shape.rank, context),
      axes.allSatisfy({ shape[$0] == .fixed(1) })
    else { return nil }
    self.init(rank: shape.rank, sources: (0..<shape.rank).filter { !axes.contains($0) })
  }

  private init?(unsqueeze node: Node, _ rank: Int, _ context: PassContext) {
    guard let result = context.type(node.outputs.first ?? nil)?.shape?.rank,
      let axes = Self.axes(of: node, result, context), axes.count == result - rank
    else { return nil }
    var sources: [Int?] = []
    var next = 0
    for axis in 0..<result {
      sources.append(axes.contains(axis) ? nil : next)
      next += axes.contains(axis) ? 0 : 1
    }
    self.init(rank: rank, sources: sources)
  }

  private init?(reshape shape: Shape, _ result: Shape) {
    var sources: [Int?] = []
    var next = 0
    for extent in result.dimensions {
      while next < shape.rank, shape[next] == .fixed(1), extent != .fixed(1) { next += 1 }
      if next < shape.rank, shape[next].isCertainly(extent) {
        sources.append(next)
        next += 1
      } else if extent == .fixed(1) {
        sources.append(nil)
      } else {
        return nil
      }
    }
    guard shape.dimensions[next...].allSatisfy({ $0 == .fixed(1) }) else { return nil }
    self.init(rank: shape.rank, sources: sources)
  }

  /// The axes that a node names, counted from the front of `rank`.
  private static func axes(of node: Node, _ rank: Int, _ context: PassContext) -> Set<Int>? {
    var axes: [Int]?
    if case .ints(let given)? = node.attribute("axes") { axes = given.map { Int($0) } }
    if node.inputs.count > 1, let value = node.inputs[1] {
      axes = GraphMatcher(context).integers(value)
    }
    guard let axes, axes.allSatisfy({ -rank <= $0 && $0 < rank }) else { return nil }
    let normal = Set(axes.map { $0 < 0 ? $0 + rank : $0 })
    return normal.count == axes.count ? normal : nil
  }

  private var dropped: [Int] { (0..<rank).filter { !sources.contains($0) } }

  var isIdentity: Bool { sources == Array(0..<rank) }

  /// This, and then `other`. An axis that is dropped and one that is new are the same one.
  func then(_ other: AxisMove) -> AxisMove {
    var joined = other.sources.map { $0.flatMap { sources[$0] } }
    var spare = (0..<rank).filter { !joined.contains($0) }[...]
    for axis in joined.indices where joined[axis] == nil { joined[axis] = spare.popFirst() }
    return AxisMove(rank: rank, sources: joined)
  }

  /// The one node that does this; `nil` if one is not enough.
  func node(_ name: String, from operand: ValueID?, to result: ValueID?) -> Node? {
    let kept = sources.compactMap { $0 }
    let new = sources.indices.filter { sources[$0] == nil }
    let isOrdered = kept == kept.sorted()
    var node = Node("Transpose", name: name, inputs: [operand], outputs: [result])
    func list(_ name: String, _ axes: [Int]) -> [Attribute] {
      [Attribute(name, .ints(axes.map { Int64($0) }))]
    }
    switch (dropped.isEmpty, new.isEmpty) {
    case (true, true): node.attributes = list("perm", kept)
    case (false, true) where isOrdered:
      (node.opType, node.attributes, node.opset) = ("Squeeze", list("axes", dropped), 11)
    case (true, false) where isOrdered:
      (node.opType, node.attributes, node.opset) = ("Unsqueeze", list("axes", new), 11)
    default: return nil
    }
    return node
  }

  /// Numbers for each axis of the result, such as extents or pads, as they are for the operand; `nil` if a new axis has
  /// another number than `filler`.
  func before(_ numbers: [Int], filler: Int) -> [Int]? {
    var moved = Array(repeating: filler, count: rank)
    for (axis, source) in sources.enumerated() {
      if let source { moved[source] = numbers[axis] } else if numbers[axis] != filler { return nil }
    }
    return moved
  }
}

extension GraphMatcher {
  /// The elements of a constant of integers.
  func integers(_ value: ValueID?) -> [Int]? {
    guard let value else { return nil }
    return (context.constants[value] ?? (try? context.editor.weight(value)?.tensor()))?.integers
  }
}
