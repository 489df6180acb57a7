/// Convolutions, whose gradients are convolutions again.
let convolutionRules: [GradientRule] = [
  GradientRule("Conv") { (call) throws(ModelError) in
    let (x, w, g) = (try call.input(0), try call.input(1), call.gradient)
    let windows = try windowsOf(call)
    let dx = windows.spread(g, w, over: x)
    let dw = try weightGradient(x, g, windows, like: w, call)
    return [dx, dw, call.has(2) ? try biasGradient(g, call) : nil]
  },
  GradientRule("ConvTranspose") { (call) throws(ModelError) in
    let (x, w, g) = (try call.input(0), try call.input(1), call.gradient)
    let automatic = try call.reader.string("auto_pad", default: "NOTSET")
    if call.reader.has("output_shape") || automatic != "NOTSET" {
      throw call.refused("its padding follows from shapes", expected: "the attribute 'pads'")
    }
    let windows = try windowsOf(call)
    // The transposed convolution is what Conv's gradient is; so its own gradient is that convolution.
    let dx = g.apply("Conv", w, attributes: windows.attributes)
    let dw = try weightGradient(g, x, windows, like: w, call)
    return [dx, dw, call.has(2) ? try biasGradient(g, call) : nil]
  },
]

private func windowsOf(_ call: GradientCall) throws(ModelError) -> Windows {
  let weights = call.builder.shape(try call.value(1))
  let kernel = weights.flatMap { Shape(Array($0.dimensions.dropFirst(2))).extents }
  return try Windows(call, rank: max(0, try call.rank() - 2), kernel: kernel)
}

private func biasGradient(_ g: Term, _ call: GradientCall) throws(ModelError) -> Term {
  let axes = [0] + Array(2..<(try call.rank()))
  return g.sum(axes).squeezed(axes)
}

/// The gradient of the weights of the convolution that makes something like `g` from `x`.
///
/// Batch and channels change places, so that the sum over the batch becomes that over channels; strides and dilations
/// change places as well, for the gradient now plays the kernel.
private func weightGradient(
  _ x: Term, _ g: Term, _ windows: Windows, like w: Term, _ call: GradientCall
) throws(ModelError) -> Term {
  let spatial = Array(2..<2 + windows.rank)
  let groups = windows.groups
  var rows = x.transposed([1, 0] + spatial)
  if groups > 1 {
    // [n, group · c, …] → [c, group · n, …]
    let list = x.builder.list
    let split = Term.joined([
      x.extents(0..<1), list([groups, -1]), x.extents(2..<2 + spatial.count),
    ])
    let cut = x.reshaped(split).transposed([2, 1, 0] + spatial.map { $0 + 1 })
    rows = cut.reshaped(
      Term.joined([cut.extents(0..<1), list([-1]), x.extents(2..<2 + spatial.count)]))
  }
  let attributes = [
    Attribute("strides", .ints(windows.dilations.map(Int64.init))),
    Attribute("dilations", .ints(windows.strides.map(Int64.init))),
    Attribute("pads", .ints((windows.before + windows.after).map(Int64.init))),
    Attribute("group", .int(Int64(groups))),
  ]
  let dw = rows.apply("Conv", g.transposed([1, 0] + spatial), attributes: attributes)
    .transposed([1, 0] + spatial)
  // Where strides do not reach the last elements, the convolution goes on behind the kernel.
  return dw.slice(
    x.builder.list(spatial.map { _ in 0 }), w.extents(2..<2 + spatial.count), axes: spatial)
}
