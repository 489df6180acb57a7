import ModelFormat

extension Image {
  /// A grey picture of one drawn character as MNIST has them (LeCun et al., "Gradient-based learning applied to
  /// document recognition", 1998, section III.A): light ink on black, its larger side `box` pixels, its centre of mass
  /// in the middle of `width` × `height`.
  ///
  /// Dark ink on a light ground is recognised by the edge of the picture. A picture that has the final size already
  /// is taken to be prepared: only its polarity is looked at.
  func centeredInk(
    width: Int, height: Int, box: Int, interpolation: Interpolation
  ) throws(ModelError) -> Image {
    let edge = edgeLevel
    let light = edge > 127 ? inverted() : self
    if self.width == width, self.height == height { return light }
    let ground = Int(edge > 127 ? 255 - edge : edge)
    guard let peak = light.pixels.max(), Int(peak) > ground else {
      return try light.resized(width: width, height: height, interpolation)
    }
    // Paper is never even: what is less than a fifth of the way to the darkest stroke is ground.
    let threshold = ground + (Int(peak) - ground) / 5
    let ink = light.stretched(from: threshold, to: Int(peak))
    guard let bounds = ink.inkBounds else { return ink }
    let part = try ink.cropped(
      x: bounds.x.lowerBound, y: bounds.y.lowerBound, width: bounds.x.count,
      height: bounds.y.count)
    let scale = Double(box) / Double(max(part.width, part.height))
    var small = try part.resized(
      width: max(1, Int((Double(part.width) * scale).rounded())),
      height: max(1, Int((Double(part.height) * scale).rounded())), interpolation)
    // Thin strokes pale as they shrink.
    small = small.stretched(from: 0, to: max(1, Int(small.pixels.max() ?? 255)))
    let center = small.centerOfMass
    return try small.placed(
      x: Int((Double(width) / 2 - center.x).rounded()),
      y: Int((Double(height) / 2 - center.y).rounded()), width: width, height: height,
      background: 0)
  }

  /// The median of the outermost pixels.
  private var edgeLevel: UInt8 {
    var edge = Array(pixels.prefix(width)) + pixels.suffix(width)
    for row in 0..<height {
      edge.append(pixels[row * width])
      edge.append(pixels[row * width + width - 1])
    }
    edge.sort()
    return edge[edge.count / 2]
  }

  private func stretched(from low: Int, to high: Int) -> Image {
    let span = max(1, high - low)
    let values = (0...255).map { UInt8(min(255, max(0, ($0 - low) * 255 / span))) }
    return Image(width, height, channels, pixels.map { values[Int($0)] })
  }

  private var inkBounds: (x: Range<Int>, y: Range<Int>)? {
    let columns = (0..<width).filter { column in
      (0..<height).contains { pixels[$0 * width + column] > 0 }
    }
    let rows = (0..<height).filter { row in
      pixels[row * width..<(row + 1) * width].contains { $0 > 0 }
    }
    guard let left = columns.first, let right = columns.last, let top = rows.first,
      let bottom = rows.last
    else { return nil }
    return (left..<right + 1, top..<bottom + 1)
  }

  /// In pixels from the top left corner.
  private var centerOfMass: (x: Double, y: Double) {
    var (mass, x, y) = (0.0, 0.0, 0.0)
    for (index, value) in pixels.enumerated() {
      mass += Double(value)
      x += Double(value) * (Double(index % width) + 0.5)
      y += Double(value) * (Double(index / width) + 0.5)
    }
    return mass > 0 ? (x / mass, y / mass) : (Double(width) / 2, Double(height) / 2)
  }
}
