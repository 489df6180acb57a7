import CKernels
import ModelFormat

/// What the convolutions' attributes say: how a kernel moves over the spatial axes.
///
/// | attr | meaning | default |
/// |---|---|---|
/// | `kernel_shape` | extents of the kernel | those of the weights |
/// | `strides`, `dilations` | one number per spatial axis | 1 |
/// | `pads` | what is added before each axis, then after each axis | 0 |
/// | `auto_pad` | `SAME_UPPER`, `SAME_LOWER`: the output has ⌈input / stride⌉ elements; `VALID`: no padding | `NOTSET` |
/// | `group` | channels are cut into that many groups that do not see each other | 1 |
struct ConvGeometry: Sendable {
  let kernel: [Int]?
  let strides: [Int]?
  let dilations: [Int]?
  let pads: [Int]?
  let autoPad: String
  let groups: Int

  init(_ node: NodeReader) throws(ModelError) {
    kernel = node.has("kernel_shape") ? try node.ints("kernel_shape") : nil
    strides = node.has("strides") ? try node.ints("strides") : nil
    dilations = node.has("dilations") ? try node.ints("dilations") : nil
    pads = node.has("pads") ? try node.ints("pads") : nil
    autoPad = try node.choice(
      "auto_pad", of: ["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"], default: "NOTSET")
    groups = try node.int("group", default: 1)
    guard groups > 0 else {
      throw ModelError(.invalidAttribute, "group is \(groups)", expected: "1 or more")
    }
    for (name, values) in [
      ("kernel_shape", kernel), ("strides", strides), ("dilations", dilations),
    ] {
      guard let values, values.contains(where: { $0 < 1 || $0 > 1 << 31 }) else { continue }
      throw ModelError(.invalidAttribute, "\(name) is \(values)", expected: "numbers from 1 on")
    }
  }

  /// Throws unless all lists have one number per spatial axis and padding is not negative.
  func check(spatialRank: Int) throws(ModelError) {
    guard (1...3).contains(spatialRank) else {
      throw ModelError(
        .shapeMismatch, "\(spatialRank) spatial axes", expected: "1, 2 or 3")
    }
    try checkCounts(spatialRank: spatialRank)
  }

  /// The same for any number of axes.
  func checkCounts(spatialRank: Int) throws(ModelError) {
    for (name, values, factor) in [
      ("kernel_shape", kernel, 1), ("strides", strides, 1), ("dilations", dilations, 1),
      ("pads", pads, 2),
    ] {
      guard let values, values.count != spatialRank * factor else { continue }
      throw ModelError(
        .invalidAttribute, "\(name) is \(values)",
        expected: "\(spatialRank * factor) numbers for \(spatialRank) spatial axes")
    }
    if let pads, pads.contains(where: { $0 < 0 || $0 > 1 << 31 }) {
      throw ModelError(.invalidAttribute, "pads is \(pads)", expected: "numbers from 0 on")
    }
  }

  func stride(_ axis: Int) -> Int { strides?[axis] ?? 1 }
  func dilation(_ axis: Int) -> Int { dilations?[axis] ?? 1 }

  /// The output's extent along a spatial axis.
  func output(_ input: Dimension, kernel: Dimension, axis: Int) -> Dimension {
    let stride = Dimension.fixed(stride(axis))
    if autoPad.hasPrefix("SAME") { return (input + stride - .fixed(1)) / stride }
    let window = (kernel - .fixed(1)) * .fixed(dilation(axis)) + .fixed(1)
    var padding = 0
    if let pads, autoPad != "VALID" { padding = pads[axis] + pads[axis + pads.count / 2] }
    return (input + .fixed(padding) - window) / stride + .fixed(1)
  }

  /// What lies before the first element along a spatial axis.
  func padBefore(_ input: Int, kernel: Int, axis: Int) -> Int {
    switch autoPad {
    case "VALID": return 0
    case "NOTSET": return pads?[axis] ?? 0
    default:
      let output = (input + stride(axis) - 1) / stride(axis)
      let window = (kernel - 1) * dilation(axis) + 1
      let total = max(0, (output - 1) * stride(axis) + window - input)
      return autoPad == "SAME_UPPER" ? total / 2 : (total + 1) / 2
    }
  }
}

// Shapes.
extension ConvGeometry {
  /// The shape of a convolution of `x` [n, c, …] with `w` [m, c / group, …].
  func outputShape(_ x: Shape?, _ w: Shape?) throws(ModelError) -> Shape? {
    guard let x else { return nil }
    guard x.rank >= 3 else {
      throw ModelError(
        .shapeMismatch, "the input is \(x)", expected: "[batch, channels, spatial axes …]")
    }
    try check(spatialRank: x.rank - 2)
    guard let w else {
      return Shape([x[0]] + Array(repeating: .unknown, count: x.rank - 1))
    }
    try checkWeights(x, w)
    var extents = [x[0], w[0]]
    for axis in 0..<x.rank - 2 {
      let extent = output(x[axis + 2], kernel: w[axis + 2], axis: axis)
      if let value = extent.value, value < 0 || (value == 0 && x[axis + 2] != .fixed(0)) {
        throw ModelError(
          .shapeMismatch,
          "a kernel of \(w) over an input of \(x) leaves no output along spatial "
            + "axis \(axis)", expected: "an input at least as large as the dilated kernel")
      }
      extents.append(extent)
    }
    return Shape(extents)
  }

  func checkWeights(_ x: Shape, _ w: Shape) throws(ModelError) {
    guard w.rank == x.rank else {
      throw ModelError(
        .shapeMismatch, "weights \(w) for an input \(x)", expected: "as many axes as the input")
    }
    for (axis, extent) in (kernel ?? []).enumerated() where !w[axis + 2].canBe(.fixed(extent)) {
      throw ModelError(
        .invalidAttribute, "kernel_shape is \(kernel ?? []), the weights are \(w)",
        expected: "the extents of the weights")
    }
    guard (w[1] * .fixed(groups)).canBe(x[1]), (w[0].value ?? groups) % groups == 0,
      !w.dimensions.dropFirst(2).contains(.fixed(0))
    else {
      throw ModelError(
        .shapeMismatch,
        "weights \(w) for an input \(x) in \(groups) group\(groups == 1 ? "" : "s")",
        expected: "[m, channels / group, kernel …], m a multiple of group")
    }
  }

  /// The extents for a kernel, spatial axes at the end of its three.
  func kernelShape(x: [Int], w: [Int], y: [Int]) -> zoo_conv_shape {
    let spatial = x.count - 2
    func three(_ value: (Int) -> Int, _ filler: Int64 = 1) -> (Int64, Int64, Int64) {
      func at(_ axis: Int) -> Int64 {
        axis < 3 - spatial ? filler : Int64(value(axis - (3 - spatial)))
      }
      return (at(0), at(1), at(2))
    }
    return zoo_conv_shape(
      batch: Int64(x[0]), groups: Int64(groups), in_channels: Int64(x[1]),
      out_channels: Int64(w[0]), input: three { x[$0 + 2] }, kernel: three { w[$0 + 2] },
      output: three { y[$0 + 2] }, stride: three(stride), dilation: three(dilation),
      pad: three({ padBefore(x[$0 + 2], kernel: w[$0 + 2], axis: $0) }, 0))
  }
}
