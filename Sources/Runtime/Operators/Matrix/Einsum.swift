/// `Einsum`: sums of products over named axes.
///
///     "bij,bjk->bik":  z[b, i, k] = Σⱼ x[b, i, j] · y[b, j, k]
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `Inputs`, 1 or more | by the equation's terms | floats, integers of 8 to 64 bits |
/// | output | `Output` | by the equation's result | type of the inputs |
/// | attr   | `equation` | | letters, `...` for axes that broadcast, `->` optional |
///
/// Without `->` the result has the letters that occur once, in order. A letter twice in a term is a diagonal. Operands
/// are taken together from the left; sums run over what no later operand and not the result needs. Source: ONNX
/// `Einsum`, opsets 12 and 28.
struct Einsum: TensorOperator {
  private let terms: [[Character]]
  private let result: [Character]?
  /// Stand for the axes of `...`, the last one first.
  private static let dots: [Character] = (0..<16).compactMap {
    Unicode.Scalar(0x2460 + $0).map(Character.init)
  }
  private static let ellipsis: Character = "."

  init(_ node: NodeReader) throws(ModelError) {
    let equation = try node.string("equation").filter { $0 != " " }
    let sides = equation.split(separator: "->", omittingEmptySubsequences: false)
    func letters(_ text: Substring) throws(ModelError) -> [Character] {
      let term = text.replacing("...", with: ".")
      guard term.allSatisfy({ $0 == "." || ($0.isASCII && $0.isLetter) }),
        term.filter({ $0 == "." }).count <= 1
      else {
        throw ModelError(
          .invalidAttribute, "equation '\(equation)'", expected: "letters, '...', ',' and '->'")
      }
      return Array(term)
    }
    terms = try (sides.first ?? "").split(separator: ",", omittingEmptySubsequences: false)
      .map { (term) throws(ModelError) in try letters(term) }
    result = sides.count > 1 ? try letters(sides[1]) : nil
    guard sides.count <= 2, terms.count == node.inputCount,
      Set(result ?? []).count == (result ?? []).count
    else {
      throw ModelError(
        .invalidAttribute, "equation '\(equation)' for \(node.inputCount) inputs",
        expected: "one term for each, and no letter twice in the result")
    }
    try node.require(inputs: 1...Int.max)
  }

  /// The axes of each operand and of the result, `...` written out.
  private struct Axes {
    var operands: [[Character]] = []
    var result: [Character] = []
    var extents: [Character: Dimension] = [:]
  }

  private func axes(_ shapes: [Shape]) throws(ModelError) -> Axes {
    var axes = Axes()
    var most = 0
    for (term, shape) in zip(terms, shapes) {
      let named = term.filter { $0 != Self.ellipsis }.count
      let hidden = shape.rank - named
      guard hidden >= 0, hidden == 0 || term.contains(Self.ellipsis), hidden <= Self.dots.count
      else {
        throw ModelError(
          .shapeMismatch, "a tensor \(shape) for the term '\(String(term))'",
          expected: "rank \(named)")
      }
      if term.contains(Self.ellipsis) { most = max(most, hidden) }
      let written = term.flatMap { letter -> [Character] in
        letter == Self.ellipsis ? Self.dots.prefix(hidden).reversed() : [letter]
      }
      for (letter, extent) in zip(written, shape.dimensions) {
        let known = axes.extents[letter] ?? 1
        guard known == 1 || extent == 1 || known.canBe(extent) else {
          throw ModelError(
            .shapeMismatch, "axis '\(letter)' of extents \(known) and \(extent)",
            expected: "one extent")
        }
        axes.extents[letter] = known == 1 || known == .unknown ? extent : known
      }
      axes.operands.append(written)
    }
    let hidden = Self.dots.prefix(most).reversed()
    if let result {
      axes.result = result.flatMap { $0 == Self.ellipsis ? Array(hidden) : [$0] }
    } else {
      let all = axes.operands.flatMap { $0 }.filter { !Self.dots.contains($0) }
      axes.result =
        hidden
        + Set(all).filter { letter in all.filter { $0 == letter }.count == 1 }
        .sorted()
    }
    if let stray = axes.result.first(where: { axes.extents[$0] == nil }) {
      throw ModelError(
        .invalidAttribute, "axis '\(stray)' of the result", expected: "an axis of an operand")
    }
    return axes
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let element = try inputs.tensor(0, of: ElementType.numbers).element
    var shapes: [Shape] = []
    for index in 0..<inputs.count {
      guard let shape = try inputs.tensor(index, of: [element]).shape else {
        return [.tensor(element, nil)]
      }
      shapes.append(shape)
    }
    let axes = try axes(shapes)
    return [.tensor(element, Shape(axes.result.map { axes.extents[$0] ?? .unknown }))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let shapes = try io.inputs.indices.map { (index) throws(ModelError) in
      try io.input(index).shape
    }
    let axes = try axes(shapes.map { Shape($0) })
    let extents = axes.extents.compactMapValues(\.value)
    let summed = extents.keys.filter { !axes.result.contains($0) }.sorted()
    // The innermost loop runs along the largest sum, or along the result's last axis.
    let inner = summed.max { (extents[$0] ?? 0) < (extents[$1] ?? 0) }
    let order = axes.result + summed.filter { $0 != inner } + (inner.map { [$0] } ?? [])
    let strides = zip(axes.operands, shapes).map { letters, shape -> [Int] in
      let own = rowMajorStrides(shape)
      return order.map { letter in
        letters.indices.reduce(0) {
          letters[$1] == letter && shape[$1] != 1 ? $0 + own[$1] : $0
        }
      }
    }
    let loop = EinsumLoop(
      extents: order.map { extents[$0] ?? 1 }, strides: strides, kept: axes.result.count)
    switch try io.output().element {
    case .f32: return loop.kernel(Float.self, Double.self, { Double($0) }, { Float($0) })
    case .f64: return loop.kernel(Double.self, Double.self, { $0 }, { $0 })
    case .f16: return loop.kernel(Float16.self, Double.self, { Double($0) }, { Float16($0) })
    case .bf16:
      return loop.kernel(
        BFloat16.self, Double.self, { Double($0.float) }, { BFloat16(Float($0)) })
    default: return try io.output().element.visitInteger(loop)
    }
  }
}

/// The loop nest of a sum of products: axes of the result first, summed axes after.
private struct EinsumLoop: IntegerVisitor, Sendable {
  let extents: [Int]
  let strides: [[Int]]
  let kept: Int

  /// Integers wrap.
  func visit<T: IntegerElement>(_ type: T.Type) throws(ModelError) -> Kernel {
    kernel(type, Wrapping<T>.self, { Wrapping(value: $0) }, { $0.value })
  }

  func kernel<T: TensorElement, A: EinsumNumber>(
    _ type: T.Type, _ wide: A.Type, _ widened: @escaping @Sendable (T) -> A,
    _ narrowed: @escaping @Sendable (A) -> T
  ) -> Kernel {
    let results = extents[..<kept].reduce(1, *)
    let terms = extents[kept...].reduce(1, *)
    return Kernel("einsum") { context in
      nonisolated(unsafe) let inputs = strides.indices.map { context.input($0, as: T.self) }
      nonisolated(unsafe) let y = context.output(as: T.self)
      context.parallel(results, grain: max(1, (1 << 14) / max(1, terms))) { range in
        var starts = [Int](repeating: 0, count: strides.count)
        for place in range {
          for operand in strides.indices {
            var (rest, offset) = (place, 0)
            for axis in (0..<kept).reversed() {
              offset += rest % extents[axis] * strides[operand][axis]
              rest /= extents[axis]
            }
            starts[operand] = offset
          }
          y[place] = narrowed(sum(inputs, starts, terms, widened))
        }
      }
    }
  }

  private func sum<T, A: EinsumNumber>(
    _ inputs: [UnsafePointer<T>], _ starts: [Int], _ terms: Int, _ widened: (T) -> A
  ) -> A {
    guard terms > 0 else { return .zero }
    let inner = extents.count > kept ? extents[extents.count - 1] : 1
    var total = A.zero
    for outer in 0..<terms / inner {
      let offsets = strides.indices.map { operand -> Int in
        var (rest, offset) = (outer, starts[operand])
        for axis in stride(from: extents.count - 2, through: kept, by: -1) {
          offset += rest % extents[axis] * strides[operand][axis]
          rest /= extents[axis]
        }
        return offset
      }
      let steps = strides.map { extents.count > kept ? $0[extents.count - 1] : 0 }
      if inputs.count == 2 {
        let (a, b) = (inputs[0] + offsets[0], inputs[1] + offsets[1])
        for index in 0..<inner {
          total = total + widened(a[index * steps[0]]) * widened(b[index * steps[1]])
        }
      } else {
        for index in 0..<inner {
          var product = A.one
          for (operand, input) in inputs.enumerated() {
            product = product * widened(input[offsets[operand] + index * steps[operand]])
          }
          total = total + product
        }
      }
    }
    return total
  }
}

/// What sums of products are made of.
private protocol EinsumNumber: SendableMetatype {
  static var zero: Self { get }
  static var one: Self { get }
  static func + (a: Self, b: Self) -> Self
  static func * (a: Self, b: Self) -> Self
}

extension Double: EinsumNumber {
  fileprivate static var one: Double { 1 }
}

/// An integer whose arithmetic wraps.
private struct Wrapping<T: FixedWidthInteger>: EinsumNumber {
  var value: T
  static var zero: Self { Self(value: 0) }
  static var one: Self { Self(value: 1) }
  static func + (a: Self, b: Self) -> Self { Self(value: a.value &+ b.value) }
  static func * (a: Self, b: Self) -> Self { Self(value: a.value &* b.value) }
}
