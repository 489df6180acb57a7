import ModelFormat

/// Operators that the standard tried before opset 10 and dropped: `Affine`, `ImageScaler`, `ParametricSoftplus`, `Scale`,
/// `ScaledTanh`, `Crop` and `DynamicSlice`.
///
///     Affine: alpha · x + beta                       Scale: scale · x
///     ImageScaler: scale · x + bias[channel]         ScaledTanh: alpha · tanh(beta · x)
///     ParametricSoftplus: alpha · ln(1 + e^(beta·x)) Crop: without `border` (left, top, right, bottom), or `scale` large
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `X`  | any; images `[n, c, h, w]` | floats |
/// | input  | `starts`, `ends`, `axes` | lists; `DynamicSlice` only, the last optional | `i32`, `i64` |
/// | output | `Y`  | of `X`, or the part that is left | type of `X` |
///
/// Source: the experimental operators of ONNX 1.0 to 1.4, as ONNX Runtime has them.
struct EarlyOperator: ComposedOperator {
  enum Form: Sendable { case affine, imageScaler, softplus, scale, scaledTanh, crop, slice }

  private let form: Form
  private let first: Float
  private let second: Float
  private let bias: [Float]
  private let border: [Int]
  private let size: [Int]

  init(_ node: NodeReader, _ form: Form) throws(ModelError) {
    try node.require(inputs: form == .slice ? 3...4 : 1...1)
    self.form = form
    let isScale = form == .scale || form == .imageScaler
    let names = isScale ? ("scale", "") : ("alpha", "beta")
    let takesNumbers = ![.crop, .slice].contains(form)
    let hasDefaults = [.affine, .scale, .imageScaler].contains(form)
    first =
      takesNumbers
      ? hasDefaults ? try node.float(names.0, default: 1) : try node.float(names.0) : 1
    second =
      takesNumbers && !isScale
      ? hasDefaults ? try node.float(names.1, default: 0) : try node.float(names.1) : 0
    bias = form == .imageScaler ? try node.floats("bias", default: []) : []
    border = form == .crop ? try node.ints("border", default: []) : []
    size = form == .crop ? try node.ints("scale", default: []) : []
    guard form != .crop || (border.count == 4 && [0, 2].contains(size.count)) else {
      throw ModelError(
        .invalidAttribute, "border \(border), scale \(size)",
        expected: "four numbers, and none or two")
    }
  }

  func compose(_ parts: inout Composition) throws(ModelError) -> [Composition.Value?] {
    let floats: Set<ElementType> = [.f16, .bf16, .f32, .f64]
    let x = form == .slice ? try parts.input(0) : try parts.input(0, of: floats)
    if form == .imageScaler { _ = try parts.input(0, of: floats, rank: 4) }
    func number(_ value: Float) throws(ModelError) -> Composition.Value {
      try parts.cast(try parts.scalar(value), x.element)
    }
    switch form {
    case .affine:
      return [try parts("Add", try parts("Mul", x, try number(first)), try number(second))]
    case .scale: return [try parts("Mul", x, try number(first))]
    case .scaledTanh:
      let inner = try parts("Tanh", try parts("Mul", x, try number(second)))
      return [try parts("Mul", inner, try number(first))]
    case .softplus:
      let inner = try parts("Softplus", try parts("Mul", x, try number(second)))
      return [try parts("Mul", inner, try number(first))]
    case .imageScaler:
      let offsets = parts.constant(try Tensor(bias, shape: [1, bias.count, 1, 1]))
      return [
        try parts(
          "Add", try parts("Mul", x, try number(first)), try parts.cast(offsets, x.element))
      ]
    case .slice:
      return [
        try parts(
          "Slice", x, try parts.input(1), try parts.input(2),
          parts.optional(3, of: [try parts.input(1).element]))
      ]
    case .crop: return [try crop(&parts, x)]
    }
  }

  private func crop(
    _ parts: inout Composition, _ x: Composition.Value
  ) throws(ModelError) -> Composition.Value {
    if let shape = x.shape, shape.rank != 4 {
      throw ModelError(.shapeMismatch, "a tensor \(shape)", expected: "[n, c, h, w]")
    }
    for (axis, ends) in [(2, [border[1], border[3]]), (3, [border[0], border[2]])] {
      guard let extent = x.shape?[axis].value else { continue }
      guard ends.allSatisfy({ (0...extent).contains($0) }), ends[0] + ends[1] <= extent else {
        throw ModelError(
          .invalidAttribute, "borders of \(ends[0]) and \(ends[1]) around \(extent) pixels",
          expected: "numbers from 0 on that leave some")
      }
    }
    let (left, top, right, bottom) = (border[0], border[1], border[2], border[3])
    // An end of 0 from the back would be the front.
    let most = Int(Int32.max)
    let ends =
      size.isEmpty
      ? [bottom == 0 ? most : -bottom, right == 0 ? most : -right]
      : [top + size[0], left + size[1]]
    return try parts(
      "Slice", x, try parts.integers([top, left]), try parts.integers(ends),
      try parts.integers([2, 3]))
  }
}
