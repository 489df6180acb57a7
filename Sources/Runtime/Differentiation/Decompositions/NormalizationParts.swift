/// Operators that bring values to a common scale.
let normalizationParts: [Decomposition] = [
  Decomposition("GroupNormalization") { (call) throws(ModelError) in
    let (x, rank) = (try call.input(0), try call.rank())
    let groups = try call.reader.int("num_groups")
    let epsilon = Double(try call.reader.float("epsilon", default: 1e-5))
    let builder = call.builder
    let rows = x.reshaped(Term.joined([x.extents(0..<1), builder.list([groups, -1])]))
    let unit = rows.standardized([2], epsilon: epsilon).reshaped(x.extents)
    func wide(_ index: Int) throws(ModelError) -> Term {
      var line = try call.input(index)
      if call.reader.opset < 21 {
        // One element for each group.
        let size = x.extents(1..<2) / builder.list([groups])
        line = line.unsqueezed([1]).expanded(Term.joined([builder.list([1]), size]))
          .reshaped(builder.list([-1]))
      }
      return line.unsqueezed(Array(1..<rank - 1))
    }
    return [unit * (try wide(1)) + (try wide(2))]
  },
  Decomposition("MeanVarianceNormalization") { (call) throws(ModelError) in
    let x = try call.input(0)
    let rank = try call.rank()
    let axes = try call.reader.ints("axes", default: [0, 2, 3]).map { (axis) throws(ModelError) in
      try Shape.normalize(axis, rank: rank)
    }
    let centered = x - x.mean(axes)
    return [centered / (centered.squared.mean(axes).squareRoot + 1e-9)]
  },
  Decomposition("LRN") { (call) throws(ModelError) in
    let x = try call.input(0)
    let size = try call.reader.int("size")
    let alpha = Double(try call.reader.float("alpha", default: 1e-4))
    let beta = Double(try call.reader.float("beta", default: 0.75))
    let bias = Double(try call.reader.float("bias", default: 1))
    // Channels as rows of an image with one channel; the mean over `size` rows has the factor that the sum needs.
    let builder = call.builder
    let image = x.squared.reshaped(
      Term.joined([x.extents(0..<1), builder.list([1]), x.extents(1..<2), builder.list([-1])]))
    let before = Int64((size - 1) / 2)
    let means = image.apply(
      "AveragePool",
      attributes: [
        Attribute("kernel_shape", .ints([Int64(size), 1])),
        Attribute("pads", .ints([before, 0, Int64(size - 1) - before, 0])),
        Attribute("count_include_pad", .int(1)),
      ])
    let scale = bias + alpha * means.reshaped(x.extents)
    return [x / scale.raised(to: beta)]
  },
  Decomposition("LpPool") { (call) throws(ModelError) in
    guard try !call.reader.bool("ceil_mode", default: false) else {
      throw call.refused("its ceil_mode is 1", expected: "0")
    }
    let x = try call.input(0)
    let p = Double(try call.reader.int("p", default: 2))
    let kernel = try call.reader.ints("kernel_shape")
    let attributes = call.node.attributes.filter { $0.name != "p" && $0.name != "ceil_mode" }
    let means = x.apply("Abs").raised(to: p).apply(
      "AveragePool", attributes: attributes + [Attribute("count_include_pad", .int(1))])
    return [(Double(kernel.reduce(1, *)) * means).raised(to: 1 / p)]
  },
]

extension Term {
  /// Less the mean, over the deviation, along axes.
  fileprivate func standardized(_ axes: [Int], epsilon: Double) -> Term {
    let centered = self - mean(axes)
    return centered / (centered.squared.mean(axes) + epsilon).squareRoot
  }
}
