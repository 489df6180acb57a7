/// Operators that compute images of other extents.
let resamplingParts: [Decomposition] = [
  Decomposition("Resize") { (call) throws(ModelError) in try resizeParts(call) },
  Decomposition("Upsample") { (call) throws(ModelError) in try resizeParts(call) },
  Decomposition("AffineGrid") { (call) throws(ModelError) in
    let (theta, size) = (try call.input(0), try call.input(1))
    guard let rank = call.builder.shape(try call.value(1))?[0].value, rank == 4 || rank == 5 else {
      throw call.refused("its size has an unknown number of axes", expected: "4 or 5")
    }
    let axes = rank - 2
    let builder = call.builder
    // The grid of the identity has the coordinates themselves.
    var identity = [Double](repeating: 0, count: axes * (axes + 1))
    for axis in 0..<axes { identity[axis * (axes + 2)] = 1 }
    let same = builder.constant(identity, [1, axes, axes + 1], theta.element)
    let area = size.slice(builder.list([1]), builder.list([rank]), axes: [0])
    let grid = same.apply(
      "AffineGrid", Term.joined([builder.list([1]), area]), attributes: call.node.attributes)
    let points = grid.reshaped(builder.list([-1, axes]))
    let ones = builder.scalar(1, theta.element).expanded(
      Term.joined([points.extents(0..<1), builder.list([1])]))
    let turned = Term.joined([points, ones], axis: 1).apply("MatMul", theta.transposed([0, 2, 1]))
    let spatial = size.slice(builder.list([2]), builder.list([rank]), axes: [0])
    return [
      turned.reshaped(Term.joined([theta.extents(0..<1), spatial, builder.list([axes])]))
    ]
  },
]

/// Each axis by a matrix: what the operator makes of the identity along it.
private func resizeParts(_ call: GradientCall) throws(ModelError) -> [Term?] {
  let (reader, rank) = (call.reader, try call.rank())
  let isUpsample = call.node.opType == "Upsample"
  let policy = try reader.string("keep_aspect_ratio_policy", default: "stretch")
  let transform = try reader.string("coordinate_transformation_mode", default: "half_pixel")
  guard policy == "stretch", transform != "tf_crop_and_resize" else {
    throw call.refused(
      "it keeps the aspect ratio or crops", expected: "an image that is stretched as a whole")
  }
  var attributes = call.node.attributes.filter { $0.name != "axes" && $0.name != "scales" }
  if reader.opset < 11 {
    attributes.append(Attribute("coordinate_transformation_mode", .string("asymmetric")))
    attributes.append(Attribute("nearest_mode", .string("floor")))
  }
  let sizes = call.has(3) ? try call.input(3) : nil
  let listed = try reader.ints("axes", default: Array(0..<rank)).map { (axis) throws(ModelError) in
    try Shape.normalize(axis, rank: rank)
  }
  let place = isUpsample || reader.opset < 11 ? 1 : 2
  // Where there are extents, the list of scales is empty.
  let scales = call.has(place) && !call.has(3) ? try call.input(place) : nil
  let numbers = isUpsample && reader.has("scales") ? try reader.floats("scales") : nil
  var result = try call.input(0)
  for (index, axis) in listed.enumerated() {
    let builder = call.builder
    // Where nothing is scaled nothing changes.
    if let shape = builder.shape(try call.value(0)),
      let out = builder.shape(try call.outputValue()),
      shape[axis] == out[axis], shape[axis] != .unknown
    {
      continue
    }
    func own(_ list: Term) -> Term {
      list.slice(builder.list([index]), builder.list([index + 1]), axes: [0])
    }
    let scale = numbers.map { builder.scalar(Double($0[index]), .f32).unsqueezed([0]) }
    let matrix = builder.resizing(
      result.extents(axis..<axis + 1), scale: scale ?? scales.map(own), size: sizes.map(own),
      result.element, attributes)
    let others = (0..<rank).filter { $0 != axis }
    var back = others + [axis]
    for (target, source) in (others + [axis]).enumerated() { back[source] = target }
    result = result.transposed(others + [axis]).apply("MatMul", matrix).transposed(back)
  }
  return [result]
}

extension GradientBuilder {
  /// `[in, out]`: what `Resize` makes of each unit vector, less what it makes of zeros.
  fileprivate func resizing(
    _ count: Term, scale: Term?, size: Term?, _ element: ElementType, _ attributes: [Attribute]
  ) -> Term {
    let zeros = scalar(0, element).expanded(Term.joined([count, count]))
    let unit = add("EyeLike", [zeros], gives: element)
    let along = attributes + [Attribute("axes", .ints([1]))]
    func resized(_ x: Term) -> Term {
      add("Resize", [x, nil, scale, size], along, gives: element)
    }
    return resized(unit) - resized(zeros)
  }
}
