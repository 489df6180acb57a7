/// The windows of a convolution or a pooling operator, as numbers.
struct Windows {
  let rank: Int
  let strides: [Int]
  let dilations: [Int]
  let before: [Int]
  let after: [Int]
  let groups: Int

  /// - Parameters:
  ///   - rank: The number of spatial axes.
  ///   - kernel: The extents of the kernel, if they are known.
  /// - Throws: `.invalidRequest` if the padding follows from extents that are not known.
  init(_ call: GradientCall, rank: Int, kernel: [Int]?) throws(ModelError) {
    let node = call.reader
    self.rank = rank
    strides = try node.ints("strides", default: Array(repeating: 1, count: rank))
    dilations = try node.ints("dilations", default: Array(repeating: 1, count: rank))
    groups = try node.int("group", default: 1)
    let automatic = try node.string("auto_pad", default: "NOTSET")
    var pads = Array(repeating: 0, count: 2 * rank)
    if automatic == "NOTSET" { pads = try node.ints("pads", default: pads) }
    guard strides.count == rank, dilations.count == rank, pads.count == 2 * rank else {
      throw ModelError(
        .invalidAttribute, "strides, dilations or pads that do not fit \(rank) spatial axes")
    }
    if automatic.hasPrefix("SAME") {
      let shape = call.builder.shape(try call.value(0))
      guard let extents = shape.flatMap({ Shape(Array($0.dimensions.dropFirst(2))).extents }),
        let kernel, extents.count == rank, kernel.count == rank
      else { throw Self.unknownExtents(call) }
      for axis in 0..<rank {
        let output = (extents[axis] + strides[axis] - 1) / strides[axis]
        let reach = (kernel[axis] - 1) * dilations[axis] + 1
        let total = max(0, (output - 1) * strides[axis] + reach - extents[axis])
        pads[axis] = automatic == "SAME_UPPER" ? total / 2 : total - total / 2
        pads[axis + rank] = total - pads[axis]
      }
    }
    (before, after) = (Array(pads[..<rank]), Array(pads[rank...]))
  }

  private static func unknownExtents(_ call: GradientCall) -> ModelError {
    call.refused("its padding follows from extents that are not known", expected: "fixed extents")
  }

  /// The attributes of a convolution with these windows.
  var attributes: [Attribute] {
    movement + [Attribute("pads", .ints((before + after).map(Int64.init)))]
  }

  /// Those of one without padding.
  private var movement: [Attribute] {
    [
      Attribute("strides", .ints(strides.map(Int64.init))),
      Attribute("dilations", .ints(dilations.map(Int64.init))),
      Attribute("group", .int(Int64(groups))),
    ]
  }

  private var axes: [Int] { Array(2..<2 + rank) }

  /// What each element of `g`, multiplied with the kernel `w`, adds to the elements under its window: the adjoint of the
  /// convolution with `w`, of the shape of `x`.
  func spread(_ g: Term, _ w: Term, over x: Term) -> Term {
    let builder = g.builder
    let full = g.apply("ConvTranspose", w, attributes: movement)
    // The last windows may end before the padding does.
    let room = zip(strides, after).map { $0 - 1 + $1 }
    let pads = builder.list(strides.map { _ in 0 } + zip(room, before).map { $0 + $1 })
    let starts = builder.list(before)
    let extents = x.extents(2..<2 + rank)
    return full.padded(pads, axes: axes).slice(starts, extents + starts, axes: axes)
  }

  /// How many elements of `x`, or of `x` and its padding, lie under each window of `g`.
  func counts(_ x: Term, like g: Term, kernel: [Int], withPadding: Bool) -> Term {
    let builder = g.builder
    let one = builder.scalar(1, x.element)
    let ones = one.expanded(Term.joined([builder.list([1, 1]), x.extents(2..<2 + rank)]))
    let pads = builder.list(before + after)
    let padding = withPadding ? one : builder.scalar(0, x.element)
    let padded = builder.add(
      "Pad", [ones, pads, padding, builder.list(axes)], gives: x.element)
    // Rounding up lets the last window begin before the end and reach behind it.
    let behind = builder.list(strides.map { _ in 0 } + strides.map { $0 - 1 })
    let kernels = one.expanded(builder.list([1, 1] + kernel))
    let sums = padded.padded(behind, axes: axes).apply("Conv", kernels, attributes: movement)
    return sums.slice(
      builder.list(strides.map { _ in 0 }), g.extents(2..<2 + rank), axes: axes)
  }
}
