import ModelFormat

/// Makes a lookup of a product with rows that have a single one:
///
///     MatMul(OneHot(i, n), W) = Gather(W, i)
///     MatMul(Cast(Equal(i, 0 … n − 1)), W) = Gather(W, i)
///
/// Requires indices of `i32` or `i64` and constant finite weights of `f32`; ensures `Clip` and `Gather` from a table with a
/// row of zeros, which is found for indices that name no row.
struct LookupRecognition: Pass {
  let name = "recognize-lookups"

  func run(_ context: inout PassContext) throws(ModelError) -> Bool {
    var changed = false
    for index in context.editor.indices {
      guard let node = GraphMatcher(context).standard(index), node.opType == "MatMul",
        let table = GraphMatcher(context).weight(node.inputs[1]), table.shape.count == 2,
        let rows = OneHotRows(node.inputs[0], depth: table.shape[0], context),
        let padded = try rows.table(table)
      else { continue }
      let name = context.editor.name(of: node.inputs[0] ?? rows.indices)
      let weight = context.editor.addWeight(name + "/table", padded)
      let places = try rows.places(name, before: index, &context)
      let lookup = Node(
        "Gather", name: node.name, inputs: [weight, places], outputs: node.outputs)
      context.editor.replace(index, with: lookup)
      context.applied(node, "a lookup")
      changed = true
    }
    return changed
  }
}

/// Rows of zeros but for a one at the place that an index names.
private struct OneHotRows {
  private(set) var indices: ValueID
  private let element: ElementType
  private let depth: Int
  /// Whether negative indices count from the end.
  private var wraps = false
  /// Whether the indices have a last axis of extent 1 in the place of the rows' axis.
  private var hasLastAxis = false
  /// Whether a `Reshape` made a matrix of the rows.
  private var isMatrix = false

  /// More elements than a table is worth that is built anew.
  private static let mostElements = 1 << 20

  init?(_ value: ValueID?, depth: Int, _ context: PassContext) {
    let graph = GraphMatcher(context)
    var node = graph.standard(context.editor.producer(of: value))
    if let reshape = node, reshape.opType == "Reshape" {
      guard context.type(value)?.shape?.rank == 2,
        context.type(reshape.inputs[0])?.shape?.dimensions.last == .fixed(depth)
      else { return nil }
      isMatrix = true
      node = graph.standard(context.editor.producer(of: reshape.inputs[0]))
    }
    let isCast = node?.opType == "Cast" && node?.int("to") == Int(ElementType.f32.rawValue)
    if isCast { node = graph.standard(context.editor.producer(of: node?.inputs[0])) }
    self.depth = depth
    switch node?.opType {
    case "OneHot":
      guard let found = Self.oneHot(node, depth, graph) else { return nil }
      (indices, wraps) = (found, true)
    case "Equal" where isCast:
      guard let found = Self.comparison(node, depth, graph) else { return nil }
      (indices, hasLastAxis) = (found, true)
    default: return nil
    }
    guard let type = context.type(indices), [.i32, .i64].contains(type.element) else { return nil }
    element = type.element
  }

  private static func oneHot(_ node: Node?, _ depth: Int, _ graph: GraphMatcher) -> ValueID? {
    guard let node, node.inputs.count == 3, let indices = node.inputs[0],
      let rank = graph.context.type(indices)?.shape?.rank,
      [-1, rank].contains(node.int("axis", default: -1)),
      let last = graph.context.type(node.outputs[0])?.shape?.dimensions.last, last == .fixed(depth),
      let values = graph.constant(node.inputs[2]), isZeroAndOne(values)
    else { return nil }
    return indices
  }

  private static func isZeroAndOne(_ values: Tensor) -> Bool {
    if let integers = values.integers { return integers == [0, 1] }
    return values.elementType == .f32 && (try? values.array(of: Float.self)) == [0, 1]
  }

  private static func comparison(_ node: Node?, _ depth: Int, _ graph: GraphMatcher) -> ValueID? {
    guard let node, node.inputs.count == 2 else { return nil }
    for (value, other) in [(0, 1), (1, 0)] {
      guard let indices = node.inputs[value],
        let shape = graph.context.type(indices)?.shape, shape.dimensions.last == .fixed(1),
        let numbers = graph.constant(node.inputs[other]), numbers.shape.last == depth,
        numbers.shape.count <= shape.rank, numbers.integers == Array(0..<depth)
      else { continue }
      return indices
    }
    return nil
  }

  /// The rows of `weights`, a row of zeros and, if indices may be negative, the rows again: what a place names when it
  /// counts from the end. `nil` if a product would give NaN, or the table is too large.
  func table(_ weights: Tensor) throws(ModelError) -> Tensor? {
    let copies = wraps ? 2 : 1
    let rows = try weights.array(of: Float.self)
    guard rows.count <= Self.mostElements / copies, rows.allSatisfy(\.isFinite) else { return nil }
    let width = weights.shape[1]
    let zeros = [Float](repeating: 0, count: width)
    return try Tensor(
      rows + zeros + (wraps ? rows : []), shape: [depth * copies + 1, width])
  }

  /// The value that names rows of the table, whatever the indices.
  func places(
    _ name: String, before index: Int, _ context: inout PassContext
  ) throws(ModelError) -> ValueID {
    var value = indices
    if isMatrix || hasLastAxis {
      value = context.editor.addValue(name + "/indices")
      var node = Node("Reshape", inputs: [indices], outputs: [value])
      if isMatrix {
        node.inputs.append(
          context.editor.addWeight(name + "/list", try Tensor([Int64(-1)], shape: [1])))
      } else {
        (node.opType, node.attributes) = ("Squeeze", [Attribute("axes", .ints([-1]))])
        node.opset = 11
      }
      context.editor.insert(node, before: index)
    }
    let bounds = [wraps ? -depth - 1 : -1, depth]
    var inputs: [ValueID?] = [value]
    for (bound, label) in zip(bounds, ["/low", "/high"]) {
      let tensor =
        element == .i64
        ? try Tensor([Int64(bound)], shape: []) : try Tensor([Int32(bound)], shape: [])
      inputs.append(context.editor.addWeight(name + label, tensor))
    }
    let places = context.editor.addValue(name + "/places")
    var clip = Node("Clip", inputs: inputs, outputs: [places])
    clip.opset = 13
    context.editor.insert(clip, before: index)
    return places
  }
}

extension GraphMatcher {
  /// A weight, or a value that does not depend on the inputs.
  func constant(_ value: ValueID?) -> Tensor? {
    guard let value else { return nil }
    return context.constants[value] ?? (try? context.editor.weight(value)?.tensor())
  }
}
