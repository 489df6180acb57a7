/// A value of a graph under construction; arithmetic on it adds nodes.
///
///     let derivative = 1 - y * y                    // adds a Mul and a Sub
struct Term {
  let value: ValueID
  let element: ElementType
  let builder: GradientBuilder

  /// A node of this and other operands, of this element type unless told otherwise.
  func apply(
    _ opType: String, _ others: Term?..., attributes: [Attribute] = [],
    gives element: ElementType? = nil
  ) -> Term {
    builder.add(opType, [self] + others, attributes, gives: element ?? self.element)
  }

  private func constant(_ value: Double) -> Term { builder.scalar(value, element) }

  static prefix func - (a: Term) -> Term { a.apply("Neg") }
  static func + (a: Term, b: Term) -> Term { a.apply("Add", b) }
  static func - (a: Term, b: Term) -> Term { a.apply("Sub", b) }
  static func * (a: Term, b: Term) -> Term { a.apply("Mul", b) }
  static func / (a: Term, b: Term) -> Term { a.apply("Div", b) }
  static func + (a: Term, b: Double) -> Term { a + a.constant(b) }
  static func - (a: Term, b: Double) -> Term { a - a.constant(b) }
  static func * (a: Double, b: Term) -> Term { a == 1 ? b : b.constant(a) * b }
  static func + (a: Double, b: Term) -> Term { b.constant(a) + b }
  static func - (a: Double, b: Term) -> Term { b.constant(a) - b }
  static func / (a: Double, b: Term) -> Term { b.constant(a) / b }
  static func / (a: Term, b: Double) -> Term { a / a.constant(b) }

  var squared: Term { self * self }
  var squareRoot: Term { apply("Sqrt") }
  var exponential: Term { apply("Exp") }
  var sign: Term { apply("Sign") }
  func raised(to power: Double) -> Term { apply("Pow", constant(power)) }

  // Comparisons give `bool`.
  func equals(_ other: Term) -> Term { apply("Equal", other, gives: .bool) }
  func equals(_ other: Double) -> Term { equals(constant(other)) }
  func isBelow(_ other: Term) -> Term { apply("Less", other, gives: .bool) }
  func isBelow(_ other: Double) -> Term { isBelow(constant(other)) }
  func isAbove(_ other: Term) -> Term { other.isBelow(self) }
  func isAbove(_ other: Double) -> Term { apply("Greater", constant(other), gives: .bool) }
  func and(_ other: Term) -> Term { apply("And", other) }
  var negated: Term { apply("Not") }

  /// This, a `bool`, as 0 and 1.
  func asNumber(_ element: ElementType) -> Term { cast(to: element) }

  func cast(to element: ElementType) -> Term {
    if element == self.element { return self }
    let to = Attribute("to", .int(Int64(element.rawValue)))
    return apply("Cast", attributes: [to], gives: element)
  }

  /// This, a `bool`, chooses from `a` where it is true, from `b` elsewhere.
  func chooses(_ a: Term, _ b: Term) -> Term { apply("Where", a, b, gives: a.element) }
  func chooses(_ a: Term, _ b: Double) -> Term { chooses(a, builder.scalar(b, a.element)) }
  func chooses(_ a: Double, _ b: Term) -> Term { chooses(builder.scalar(a, b.element), b) }
  func chooses(_ a: Double, _ b: Double, _ element: ElementType) -> Term {
    chooses(builder.scalar(a, element), builder.scalar(b, element))
  }
}

// Shapes.
extension Term {
  /// The extents, a list of `i64`.
  var extents: Term { apply("Shape", gives: .i64) }

  /// Extents `range` of the axes.
  func extents(_ range: Range<Int>) -> Term {
    let (start, end) = (Int64(range.lowerBound), Int64(range.upperBound))
    return apply(
      "Shape", attributes: [Attribute("start", .int(start)), Attribute("end", .int(end))],
      gives: .i64)
  }

  /// The number of elements, a scalar `i64`.
  var elementCount: Term { apply("Size", gives: .i64) }

  func reshaped(_ shape: Term) -> Term {
    // Extents of 0 are meant as they are.
    apply("Reshape", shape, attributes: [Attribute("allowzero", .int(1))])
  }

  func expanded(_ shape: Term) -> Term { apply("Expand", shape) }

  func transposed(_ order: [Int]) -> Term {
    if order == Array(order.indices) { return self }
    return apply("Transpose", attributes: [Attribute("perm", .ints(order.map(Int64.init)))])
  }

  func unsqueezed(_ axes: [Int]) -> Term {
    axes.isEmpty ? self : apply("Unsqueeze", builder.list(axes))
  }

  func squeezed(_ axes: [Int]) -> Term {
    axes.isEmpty ? self : apply("Squeeze", builder.list(axes))
  }

  /// The sum along axes, which stay as extents of 1.
  func sum(_ axes: [Int]) -> Term { axes.isEmpty ? self : reduced("ReduceSum", builder.list(axes)) }

  func mean(_ axes: [Int]) -> Term {
    axes.isEmpty ? self : reduced("ReduceMean", builder.list(axes))
  }

  /// A reduction along axes, which stay as extents of 1; `nil` for all axes.
  func reduced(_ opType: String, _ axes: Term?) -> Term {
    apply(opType, axes, attributes: [Attribute("keepdims", .int(1))])
  }

  /// As many zeros, or other numbers, of the same type and shape.
  func filled(_ value: Double) -> Term { builder.scalar(value, element).expanded(extents) }

  /// Slices at `indices` along an axis; a scalar takes the axis away.
  func gathered(_ indices: Term, axis: Int) -> Term {
    apply("Gather", indices, attributes: [Attribute("axis", .int(Int64(axis)))])
  }

  /// Parts of a list, one after the other.
  static func joined(_ parts: [Term], axis: Int = 0) -> Term {
    if parts.count == 1 { return parts[0] }
    return parts[0].builder.add(
      "Concat", parts, [Attribute("axis", .int(Int64(axis)))], gives: parts[0].element)
  }

  /// Elements from `starts` to before `ends` along `axes`, lists of `i64`.
  func slice(_ starts: Term, _ ends: Term, axes: [Int]) -> Term {
    apply("Slice", starts, ends, builder.list(axes))
  }

  /// Zeros around this: `pads` before each axis of `axes`, then behind each.
  func padded(_ pads: Term, axes: [Int]) -> Term { apply("Pad", pads, nil, builder.list(axes)) }

  /// The sum over what broadcasting repeated: from the shape of `result` to that of `operand`.
  ///
  /// - Parameters:
  ///   - result: A value of the graph that has this term's shape.
  ///   - operand: The value that was broadcast to it.
  func summed(from result: ValueID, to operand: ValueID) -> Term {
    if let from = builder.shape(result), let to = builder.shape(operand),
      let axes = Self.repeated(from, to)
    {
      return sum(axes).squeezed(Array(0..<from.rank - to.rank))
    }
    let target = Term(value: operand, element: element, builder: builder).extents
    return summed(to: target)
  }

  /// The axes along which a value of shape `to` was repeated to fill `from`; `nil` if symbols leave it open.
  private static func repeated(_ from: Shape, _ to: Shape) -> [Int]? {
    let offset = from.rank - to.rank
    guard offset >= 0 else { return nil }
    var axes = Array(0..<offset)
    for axis in offset..<from.rank where from[axis] != to[axis - offset] {
      guard to[axis - offset] == 1 else { return nil }
      axes.append(axis)
    }
    // Extents that nothing is known of are equal to nothing, not even to one another.
    return to.dimensions.contains(.unknown) ? nil : axes
  }

  /// The same for a shape that is known only when the graph runs: axes are summed where the extents differ.
  func summed(to target: Term) -> Term {
    let own = extents
    let missing = builder.add("Sub", [own.elementCount, target.elementCount], gives: .i64)
    let ones = builder.list([1]).expanded(missing.unsqueezed([0]))
    let aligned = Term.joined([ones, target])
    let axes = own.equals(aligned).negated.apply("NonZero", gives: .i64).squeezed([0])
    let attributes = [Attribute("keepdims", .int(1)), Attribute("noop_with_empty_axes", .int(1))]
    return apply("ReduceSum", axes, attributes: attributes).reshaped(target)
  }
}
