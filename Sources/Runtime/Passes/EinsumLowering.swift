import ModelFormat

/// Writes sums of products of two operands as matrix products:
///
///     Einsum("bthd,bshd->bhts", q, k) = MatMul(Transpose(q), Transpose(k))
///
/// so that they run as such, and other passes see them. Requires a term of different letters for each of two operands,
/// sums over letters of both only, and extents that tell how axes are joined and split; ensures `Transpose`, `Reshape`
/// and `MatMul`.
struct EinsumLowering: Pass {
  let name = "lower-einsum"

  func run(_ context: inout PassContext) throws(ModelError) -> Bool {
    var changed = false
    for index in context.editor.indices {
      guard let node = GraphMatcher(context).standard(index), node.opType == "Einsum" else {
        continue
      }
      guard let product = EinsumProduct(node, context) else {
        context.declined(node, "it is not a product of two matrices, or its extents do not tell")
        continue
      }
      try product.write(at: index, node, &context)
      context.applied(node, "a matrix product")
      changed = true
    }
    return changed
  }
}

/// An equation of two operands as a matrix product: which letters play which part.
private struct EinsumProduct {
  private let terms: [[Character]]
  private let result: [Character]
  private var extents: [Character: Dimension] = [:]
  /// In both operands and the result.
  private let batch: [Character]
  /// In the left operand and the result.
  private let rows: [Character]
  /// In both operands only.
  private let inner: [Character]
  /// In the right operand and the result.
  private let columns: [Character]

  init?(_ node: Node, _ context: PassContext) {
    guard case .string(let text)? = node.attribute("equation"), node.inputs.count == 2,
      let sides = Self.sides(text), sides.terms.count == 2
    else { return nil }
    (terms, result) = sides
    let (a, b) = (Set(terms[0]), Set(terms[1]))
    guard a.count == terms[0].count, b.count == terms[1].count,
      Set(result).count == result.count, Set(result).isSubset(of: a.union(b)),
      a.union(b).subtracting(a.intersection(b)).isSubset(of: result)
    else { return nil }
    let kept = sides.result
    batch = kept.filter { a.contains($0) && b.contains($0) }
    rows = kept.filter { a.contains($0) && !b.contains($0) }
    columns = kept.filter { b.contains($0) && !a.contains($0) }
    inner = terms[0].filter { b.contains($0) && !kept.contains($0) }
    guard !inner.isEmpty, batch.isEmpty || !(rows.isEmpty || columns.isEmpty) else { return nil }
    for (term, input) in zip(terms, node.inputs) {
      guard let type = context.type(input), type.element == .f32 || type.element == .f64,
        let shape = type.shape, shape.rank == term.count
      else { return nil }
      for (letter, extent) in zip(term, shape.dimensions) where !take(extent, of: letter) {
        return nil
      }
    }
    guard leftShape != nil, rightShape != nil, resultShape != nil else { return nil }
  }

  /// Rows of several axes stay apart where all of them meet one matrix.
  private var lead: [Character] { batch.isEmpty && rows.count > 1 ? rows : batch }
  private var joinedRows: [Character] { lead == rows ? [] : rows }
  private var leftShape: [Int]? { joined(lead, [joinedRows, inner]) }
  private var rightShape: [Int]? { joined(batch, [inner, columns]) }
  private var resultShape: [Int]? { split(lead, [joinedRows, columns]) }

  private static func sides(_ text: String) -> (terms: [[Character]], result: [Character])? {
    let sides = text.filter { $0 != " " }.split(separator: "->", omittingEmptySubsequences: false)
    guard let left = sides.first, !text.contains("."), sides.count <= 2 else { return nil }
    let terms = left.split(separator: ",", omittingEmptySubsequences: false).map(Array.init)
    if sides.count == 2 { return (terms, Array(sides[1])) }
    let all = terms.flatMap { $0 }
    let once = Set(all).filter { letter in all.filter { $0 == letter }.count == 1 }
    return (terms, once.sorted())
  }

  /// Notes an extent; false where operands may be broadcast along a letter that is summed over.
  private mutating func take(_ extent: Dimension, of letter: Character) -> Bool {
    guard let known = extents[letter] else {
      extents[letter] = extent
      return true
    }
    if known.value == nil { extents[letter] = extent }
    let canBroadcast = (known == .fixed(1)) != (extent == .fixed(1))
    return known.canBe(extent) && !canBroadcast
  }

  /// A shape for Reshape that joins each group to one axis behind those in `lead`; `[]` if nothing is to be joined,
  /// `nil` if the extents do not tell.
  private func joined(_ lead: [Character], _ groups: [[Character]]) -> [Int]? {
    if groups.allSatisfy({ $0.count <= 1 }) { return [] }
    var shape = lead.map { _ in 0 }
    var isInPlace = true
    for group in groups where !group.isEmpty {
      let product = group.reduce(Dimension.fixed(1)) { $0 * (extents[$1] ?? .unknown) }
      isInPlace = isInPlace && group.count == 1
      shape.append(isInPlace ? 0 : product.value.flatMap { $0 > 0 ? $0 : nil } ?? -1)
    }
    return shape.filter { $0 == -1 }.count <= 1 ? shape : nil
  }

  /// A shape for Reshape that splits the joined axes of the product again.
  private func split(_ lead: [Character], _ groups: [[Character]]) -> [Int]? {
    if groups.allSatisfy({ $0.count <= 1 }) { return [] }
    var shape = lead.map { _ in 0 }
    var isInPlace = true
    for group in groups where !group.isEmpty {
      isInPlace = isInPlace && group.count == 1
      for letter in group {
        let extent = extents[letter]?.value.flatMap { $0 > 0 ? $0 : nil }
        shape.append(isInPlace ? 0 : extent ?? -1)
      }
    }
    return shape.filter { $0 == -1 }.count <= 1 ? shape : nil
  }

  func write(
    at index: Int, _ node: Node, _ context: inout PassContext
  ) throws(ModelError) {
    guard let a = node.inputs[0], let b = node.inputs[1], let output = node.outputs[0] else {
      return
    }
    var writer = Writer(index: index, name: context.editor.name(of: output), context: context)
    let left = try writer.reshaped(
      writer.transposed(a, terms[0], batch + rows + inner), leftShape ?? [])
    let right = try writer.reshaped(
      writer.transposed(b, terms[1], batch + inner + columns), rightShape ?? [])
    let order = batch + rows + columns
    let product = writer.node("MatMul", [left, right])
    let whole = try writer.reshaped(product, resultShape ?? [])
    let last = writer.transposed(whole, order, result)
    context = writer.context
    context.editor.replaceUses(of: output, with: last)
    context.editor.remove(index)
  }
}

/// Puts nodes before one node.
private struct Writer {
  let index: Int
  let name: String
  var context: PassContext
  private var count = 0

  init(index: Int, name: String, context: PassContext) {
    self.index = index
    self.name = name
    self.context = context
  }

  mutating func node(
    _ opType: String, _ inputs: [ValueID], _ attributes: [Attribute] = []
  ) -> ValueID {
    count += 1
    let output = context.editor.addValue("\(name)/\(opType)_\(count)")
    context.editor.insert(
      Node(
        opType, name: "\(name)/\(opType)_\(count)", inputs: inputs, outputs: [output],
        attributes: attributes), before: index)
    return output
  }

  mutating func transposed(
    _ value: ValueID, _ from: [Character], _ to: [Character]
  ) -> ValueID {
    if from == to { return value }
    let axes = to.compactMap { from.firstIndex(of: $0) }.map(Int64.init)
    return node("Transpose", [value], [Attribute("perm", .ints(axes))])
  }

  mutating func reshaped(_ value: ValueID, _ shape: [Int]) throws(ModelError) -> ValueID {
    if shape.isEmpty { return value }
    count += 1
    let extents = context.editor.addWeight(
      "\(name)/shape_\(count)", try Tensor(shape.map(Int64.init), shape: [shape.count]))
    return node("Reshape", [value, extents])
  }
}
