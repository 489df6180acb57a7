import CKernels

/// Where a resize takes its new extents from.
struct ResizeTarget: Sendable {
  private enum Source: Sendable {
    case fixed([Float])
    case inputs(roi: Int?, scales: Int, sizes: Int?)
  }

  private let source: Source
  private let axes: [Int]?
  private let policy: String

  init(resize node: NodeReader) throws(ModelError) {
    source =
      node.opset < 11
      ? .inputs(roi: nil, scales: 1, sizes: nil) : .inputs(roi: 1, scales: 2, sizes: 3)
    axes = node.has("axes") ? try node.ints("axes") : nil
    policy = try node.choice(
      "keep_aspect_ratio_policy", of: ["stretch", "not_larger", "not_smaller"], default: "stretch")
  }

  init(upsample node: NodeReader) throws(ModelError) {
    (axes, policy) = (nil, "stretch")
    if node.opset >= 9 {
      source = .inputs(roi: nil, scales: 1, sizes: nil)
    } else if node.opset >= 7 {
      source = .fixed(try node.floats("scales"))
    } else {
      source = .fixed([1, 1, try node.float("height_scale"), try node.float("width_scale")])
    }
  }

  private func resolvedAxes(_ rank: Int) throws(ModelError) -> [Int] {
    guard let axes else { return Array(0..<rank) }
    var resolved: [Int] = []
    for axis in axes { resolved.append(try Shape.normalize(axis, rank: rank)) }
    return resolved
  }

  /// Spreads what is given for the axes over all of them.
  private func spread<T>(_ values: [T], _ rank: Int, _ filler: T) throws(ModelError) -> [T] {
    let axes = try resolvedAxes(rank)
    guard values.count == axes.count else {
      throw ModelError(
        .shapeMismatch, "\(values.count) scales or sizes", expected: "\(axes.count)")
    }
    var result = Array(repeating: filler, count: rank)
    for (axis, value) in zip(axes, values) { result[axis] = value }
    return result
  }

  func outputShape(_ shape: Shape?, _ inputs: Operands) throws(ModelError) -> Shape? {
    guard let shape else { return nil }
    switch source {
    case .fixed(let scales): return try scaled(shape, spread(scales, shape.rank, 1))
    case .inputs(_, let scales, let sizes):
      if let sizes, inputs.has(sizes), try inputs.tensor(sizes).shape?.count != .fixed(0) {
        return try sized(shape, inputs.extents(sizes))
      }
      guard inputs.has(scales) else {
        throw ModelError(.missingInput, "neither scales nor sizes", expected: "one of them")
      }
      guard let values = inputs.constant(scales) else {
        return Shape(shape.dimensions.map { _ in Dimension.unknown })
      }
      return try scaled(shape, spread(try values.array(of: Float.self), shape.rank, 1))
    }
  }

  private func scaled(_ shape: Shape, _ scales: [Float]) throws(ModelError) -> Shape {
    var result = shape
    for axis in 0..<shape.rank {
      let scale = scales[axis]
      guard scale > 0, scale < 1e6 else {
        throw ModelError(
          .outOfRange, "a scale of \(scale)", expected: "more than 0 and less than 1000000")
      }
      if let extent = shape[axis].value {
        result[axis] = try .fixed(whole((Float(extent) * scale).rounded(.down)))
      } else {
        result[axis] = scale == scale.rounded() ? shape[axis] * .fixed(Int(scale)) : .unknown
      }
    }
    return result
  }

  private func whole(_ extent: Float) throws(ModelError) -> Int {
    guard let whole = Int(exactly: extent) else {
      throw ModelError(.outOfRange, "an extent of \(extent)", expected: "less than \(Int.max)")
    }
    return whole
  }

  private func sized(_ shape: Shape, _ sizes: [Dimension]?) throws(ModelError) -> Shape {
    guard let sizes else { return Shape(shape.dimensions.map { _ in Dimension.unknown }) }
    let axes = try resolvedAxes(shape.rank)
    guard sizes.count == axes.count, sizes.allSatisfy({ ($0.value ?? 0) >= 0 }) else {
      throw ModelError(.shapeMismatch, "sizes \(Shape(sizes))", expected: "\(axes.count) extents")
    }
    var result = shape
    guard policy != "stretch" else {
      for (axis, size) in zip(axes, sizes) { result[axis] = size }
      return result
    }
    guard let extents = shape.extents, let wanted = Shape(sizes).extents else {
      for axis in axes { result[axis] = .unknown }
      return result
    }
    let scale = common(extents, axes, wanted)
    for axis in axes { result[axis] = try .fixed(whole((scale * Float(extents[axis])).rounded())) }
    return result
  }

  /// The one scale that keeps the ratio of the extents.
  private func common(_ extents: [Int], _ axes: [Int], _ sizes: [Int]) -> Float {
    let ratios = zip(axes, sizes).map { Float($1) / Float(max(extents[$0], 1)) }
    let scale = (policy == "not_larger" ? ratios.min() : ratios.max()) ?? 1
    return min(max(scale, 0), 1e6)
  }

  /// New extent per original one, for each axis; `nil` if it is not known yet.
  func scales(_ io: NodeIO) throws(ModelError) -> [Float]? {
    let x = try io.input(0).shape
    let y = try io.output().shape
    switch source {
    case .fixed(let scales): return try spread(scales, x.count, 1)
    case .inputs(_, let scales, let sizes):
      if let sizes, io.has(sizes), try io.input(sizes).count > 0 {
        guard let wanted = try io.input(sizes).value?.integers else { return nil }
        if policy != "stretch" {
          let axes = try resolvedAxes(x.count)
          let scale = common(x, axes, wanted)
          return x.indices.map { axes.contains($0) ? scale : 1 }
        }
        return x.indices.map { Float(y[$0]) / Float(max(x[$0], 1)) }
      }
      guard let value = try io.input(scales).value else { return nil }
      return try spread(try value.array(of: Float.self), x.count, 1)
    }
  }

  /// The part of an axis that is resized.
  func crop(_ io: NodeIO, _ axis: Int) throws(ModelError) -> (Float, Float)? {
    guard case .inputs(let roi?, _, _) = source, io.has(roi), try io.input(roi).count > 0 else {
      return (0, 1)
    }
    guard let value = try io.input(roi).value else { return nil }
    let rank = try io.input(0).rank
    let bounds = try value.doubles().map(Float.init)
    let axes = try resolvedAxes(rank)
    guard bounds.count == 2 * axes.count else {
      throw ModelError(.shapeMismatch, "\(bounds.count) bounds", expected: "\(2 * axes.count)")
    }
    guard let place = axes.firstIndex(of: axis) else { return (0, 1) }
    return (bounds[place], bounds[place + axes.count])
  }
}
