/// Operators that read images between their elements.
let samplingParts: [Decomposition] = [
  Decomposition("GridSample") { (call) throws(ModelError) in try gridSampleParts(call) },
  Decomposition("RoiAlign") { (call) throws(ModelError) in try regionParts(call) },
  Decomposition("DeformConv") { (call) throws(ModelError) in try deformedParts(call) },
]

/// Images as rows of channels, `[images, elements, channels]`, with the extents of their axes.
private struct SampledImage {
  let rows: Term
  /// Lists of one element, outermost axis first.
  let extents: [Term]

  /// - Parameter image: `[images, channels, …]` with `axes` spatial axes.
  init(_ image: Term, axes: Int) {
    let flat = image.reshaped(
      Term.joined([image.extents(0..<2), image.builder.list([-1])]))
    rows = flat.transposed([0, 2, 1])
    extents = (2..<2 + axes).map { image.extents($0..<$0 + 1) }
  }

  private func last(_ axis: Int) -> Term {
    (extents[axis] - rows.builder.list([1])).cast(to: rows.element)
  }

  /// The elements at whole numbers `places`, one tensor `[images, points]` for each axis; 0 outside.
  func elements(_ places: [Term], images: Term? = nil) -> Term {
    var (index, inside) = (Term?.none, Term?.none)
    for (axis, place) in places.enumerated() {
      let end = last(axis)
      let isIn = place.isBelow(0).negated.and(place.isAbove(end).negated)
      inside = inside.map { $0.and(isIn) } ?? isIn
      let whole = place.apply("Max", rows.builder.scalar(0, rows.element)).apply("Min", end)
        .cast(to: .i64)
      index = index.map { $0 * extents[axis] + whole } ?? whole
    }
    guard let index, let inside else { return rows }
    let factor = inside.asNumber(rows.element).unsqueezed([-1])
    if let images {
      // Points of one list, each with the number of its image.
      let pairs = Term.joined([images.unsqueezed([-1]), index.unsqueezed([-1])], axis: -1)
      return factor * rows.apply("GatherND", pairs)
    }
    return factor
      * rows.apply(
        "GatherND", index.unsqueezed([-1]), attributes: [Attribute("batch_dims", .int(1))])
  }

  /// Linear interpolation at `points`, one tensor `[images, points]` for each axis: `[images, points, channels]`.
  func linear(_ points: [Term], images: Term? = nil) -> Term {
    let floors = points.map { $0.apply("Floor") }
    let fractions = zip(points, floors).map { $0 - $1 }
    var sum: Term?
    for corner in 0..<1 << points.count {
      var (places, weight) = ([Term](), Term?.none)
      for axis in points.indices {
        let isUpper = corner >> axis & 1 == 1
        places.append(isUpper ? floors[axis] + 1 : floors[axis])
        let part = isUpper ? fractions[axis] : 1 - fractions[axis]
        weight = weight.map { $0 * part } ?? part
      }
      guard let weight else { continue }
      let part = elements(places, images: images) * weight.unsqueezed([-1])
      sum = sum.map { $0 + part } ?? part
    }
    return sum ?? rows
  }
}

private func gridSampleParts(_ call: GradientCall) throws(ModelError) -> [Term?] {
  let (x, grid) = (try call.input(0), try call.input(1).cast(to: try call.input(0).element))
  let axes = try call.rank() - 2
  let mode = try call.reader.string("mode", default: "linear")
  let padding = try call.reader.string("padding_mode", default: "zeros")
  let isAligned = try call.reader.bool("align_corners", default: false)
  guard mode != "cubic", mode != "bicubic" else {
    throw call.refused("its mode is '\(mode)'", expected: "'linear' or 'nearest'")
  }
  let image = SampledImage(x, axes: axes)
  let builder = call.builder
  let flat = grid.reshaped(Term.joined([grid.extents(0..<1), builder.list([-1, axes])]))
  var points: [Term] = []
  for axis in 0..<axes {
    // The last coordinate is that of the innermost axis.
    let g = flat.gathered(builder.scalar(Double(axes - 1 - axis), .i64), axis: 2)
    let extent = image.extents[axis].cast(to: x.element)
    var point =
      isAligned ? (g + 1) * ((extent - 1) / 2) : ((g + 1) * extent - 1) / 2
    if padding == "reflection" { point = point.reflected(extent, isAligned: isAligned) }
    if padding != "zeros" {
      point = point.apply("Max", builder.scalar(0, x.element)).apply("Min", extent - 1)
    }
    points.append(mode == "nearest" ? point.apply("Round") : point)
  }
  let sampled = mode == "nearest" ? image.elements(points) : image.linear(points)
  let spatial = grid.extents(1..<1 + axes)
  return [
    sampled.transposed([0, 2, 1]).reshaped(Term.joined([x.extents(0..<2), spatial]))
  ]
}

extension Term {
  /// A coordinate thrown back at the borders of an axis until it lies inside.
  fileprivate func reflected(_ extent: Term, isAligned: Bool) -> Term {
    let low = isAligned ? 0 : -0.5
    let span = isAligned ? extent - 1 : extent
    let far = (self - low).apply("Abs")
    let safe = span.equals(0).chooses(1, span)
    let turns = (far / safe).apply("Floor")
    let rest = far - turns * span
    let isOdd = (turns - 2 * (turns / 2).apply("Floor")).isAbove(0.5)
    return isOdd.chooses(span - rest, rest) + low
  }
}

private func regionParts(_ call: GradientCall) throws(ModelError) -> [Term?] {
  let (x, regions) = (try call.input(0), try call.input(1))
  let images = try call.input(2).cast(to: .i64)
  let reader = call.reader
  let (height, width) = (
    try reader.int("output_height", default: 1), try reader.int("output_width", default: 1)
  )
  let samples = try reader.int("sampling_ratio", default: 0)
  let scale = Double(try reader.float("spatial_scale", default: 1))
  let mode = try reader.string("mode", default: "avg")
  let transform = try reader.string("coordinate_transformation_mode", default: "half_pixel")
  let isHalf = reader.opset >= 16 && transform == "half_pixel"
  guard samples > 0 else {
    throw call.refused(
      "the number of its samples follows from the regions", expected: "a sampling_ratio")
  }
  guard mode == "avg" else {
    throw call.refused("its mode is '\(mode)'", expected: "'avg'")
  }
  let image = SampledImage(x, axes: 2)
  let builder = call.builder
  func edge(_ place: Int) -> Term {
    scale * regions.gathered(builder.scalar(Double(place), .i64), axis: 1) - (isHalf ? 0.5 : 0)
  }
  /// `[regions, bins·samples]`: where an axis is read, and whether that is inside.
  func places(_ first: Int, _ bins: Int, _ axis: Int) -> (points: Term, isInside: Term) {
    let start = edge(first)
    var size = edge(first + 2) - start
    if !isHalf { size = size.apply("Max", builder.scalar(1, x.element)) }
    let steps = (0..<bins * samples).map { (Double($0) + 0.5) / Double(bins * samples) }
    let grid = builder.constant(steps, [1, steps.count], x.element)
    let point = start.unsqueezed([1]) + size.unsqueezed([1]) * grid
    let extent = image.extents[axis].cast(to: x.element)
    let isInside = point.isBelow(-1).negated.and(point.isAbove(extent).negated)
    let clamped = point.apply("Max", builder.scalar(0, x.element)).apply("Min", extent - 1)
    return (clamped, isInside)
  }
  let (rows, columns) = (places(1, height, 0), places(0, width, 1))
  // [regions, rows, columns], as one list of points.
  let (y, xs) = (rows.points.unsqueezed([2]), columns.points.unsqueezed([1]))
  let zero = builder.scalar(0, x.element)
  let (ys, wide) = (y + zero * xs, xs + zero * y)
  let isInside = rows.isInside.unsqueezed([2]).and(columns.isInside.unsqueezed([1]))
  let numbers = images.unsqueezed([1, 2]).expanded(ys.extents)
  let flat = builder.list([-1])
  let values = image.linear(
    [ys.reshaped(flat), wide.reshaped(flat)], images: numbers.reshaped(flat))
  let kept = values * isInside.asNumber(x.element).reshaped(flat).unsqueezed([-1])
  let parted = kept.reshaped(
    Term.joined([
      regions.extents(0..<1), builder.list([height, samples, width, samples]), x.extents(1..<2),
    ]))
  let means = parted.apply(
    "ReduceMean", builder.list([2, 4]), attributes: [Attribute("keepdims", .int(0))])
  return [means.transposed([0, 3, 1, 2])]
}

private func deformedParts(_ call: GradientCall) throws(ModelError) -> [Term?] {
  let (x, w, offset) = (try call.input(0), try call.input(1), try call.input(2))
  guard let shape = call.builder.shape(try call.value(1)),
    let kernel = Shape(Array(shape.dimensions.dropFirst(2))).extents, kernel.count == 2
  else {
    throw call.refused("the extents of its kernel are not known", expected: "[m, c, h, w]")
  }
  let windows = try Windows(call, rank: 2, kernel: kernel)
  let groups = try call.reader.int("offset_group", default: 1)
  let (builder, area) = (call.builder, kernel[0] * kernel[1])
  let size = offset.extents(2..<4)
  // [n, offset groups, taps, 2, h, w]
  let moves = offset.reshaped(
    Term.joined([x.extents(0..<1), builder.list([groups, area, 2]), size]))
  var mask: Term?
  if call.has(4) {
    mask = try call.input(4).reshaped(
      Term.joined([x.extents(0..<1), builder.list([groups, area]), size]))
  }
  // Offset groups join the batch.
  let images = SampledImage(
    x.reshaped(
      Term.joined([builder.list([-1]), x.extents(1..<2) / builder.list([groups]), x.extents(2..<4)])
    ),
    axes: 2)
  var columns: [Term] = []
  for tap in 0..<area {
    var points: [Term] = []
    for axis in 0..<2 {
      let place = (axis == 0 ? tap / kernel[1] : tap % kernel[1]) * windows.dilations[axis]
      let count = offset.extents(2 + axis..<3 + axis).squeezed([0])
      let steps = builder.scalar(0, .i64).apply("Range", count, builder.scalar(1, .i64))
        .cast(to: x.element)
      let base = Double(windows.strides[axis]) * steps + Double(place - windows.before[axis])
      let tapIndex = builder.scalar(Double(tap), .i64)
      let move = moves.gathered(tapIndex, axis: 2).gathered(
        builder.scalar(Double(axis), .i64), axis: 2)
      let point = move + (axis == 0 ? base.unsqueezed([1]) : base)
      points.append(point.reshaped(Term.joined([images.rows.extents(0..<1), builder.list([-1])])))
    }
    var column = images.linear(points).transposed([0, 2, 1])
    if let mask {
      let factor = mask.gathered(builder.scalar(Double(tap), .i64), axis: 2)
      column =
        column
        * factor.reshaped(Term.joined([images.rows.extents(0..<1), builder.list([1, -1])]))
    }
    // [n, c, h·w] again.
    columns.append(
      column.reshaped(Term.joined([x.extents(0..<2), builder.list([-1])])).unsqueezed([2]))
  }
  // [n, groups, c/groups·taps, points] by [groups, m/groups, c/groups·taps]
  let parts = builder.list([windows.groups])
  let all = Term.joined(columns, axis: 2).reshaped(
    Term.joined([x.extents(0..<1), parts, builder.list([-1]), size.reduced("ReduceProd", nil)]))
  let weights = w.reshaped(
    Term.joined([parts, w.extents(0..<1) / parts, w.extents(1..<2) * builder.list([area])]))
  var y = weights.apply("MatMul", all).reshaped(
    Term.joined([x.extents(0..<1), w.extents(0..<1), size]))
  if call.has(3) { y = y + (try call.input(3)).unsqueezed([1, 2]) }
  return [y]
}
