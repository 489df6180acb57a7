import CKernels

/// `Resize` and `Upsample`: a tensor with other extents, its values interpolated along each axis.
///
/// |        | name | shape | element types |
/// |--------|------|-------|---------------|
/// | input  | `x`  | any   | numbers of 8 to 64 bits |
/// | input  | `roi` | `[2 · axes]` | floats; for `tf_crop_and_resize` |
/// | input  | `scales`, `sizes` | `[axes]` | `f32`, `i64`: one of the two |
/// | output | `y`  | `sizes`, or `⌊extent · scale⌋` | type of `x` |
/// | attr   | `mode`: `nearest`, `linear`, `cubic` | | default `nearest` |
/// | attr   | `coordinate_transformation_mode`, `nearest_mode`, `cubic_coeff_a`, `exclude_outside`, `extrapolation_value`, `antialias`, `axes`, `keep_aspect_ratio_policy` | | |
///
/// Floats compute in their own precision (16-bit ones in `f32`), integers in `f64`. Source: ONNX `Resize`, opsets 10,
/// 11, 13, 18, 19; `Upsample`, opsets 1, 7, 9, 10 (positions `asymmetric`, rounded down).
struct Resize: TensorOperator {
  let target: ResizeTarget
  let rule: ResizeAxis.Rule
  let extrapolation: Float

  init(_ node: NodeReader) throws(ModelError) {
    try node.require(inputs: node.opset < 11 ? 2...2 : 1...4)
    target = try ResizeTarget(resize: node)
    let hasModes = node.opset >= 11
    let name = try node.string(
      "coordinate_transformation_mode", default: hasModes ? "half_pixel" : "asymmetric")
    guard let mode = CoordinateMode(rawValue: name) else {
      throw ModelError(
        .invalidAttribute, "coordinate_transformation_mode is '\(name)'",
        expected: "one of " + CoordinateMode.allCases.map(\.rawValue).joined(separator: ", "))
    }
    let rounding = try node.choice(
      "nearest_mode", of: ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"],
      default: "round_prefer_floor")
    rule = ResizeAxis.Rule(
      mode: mode,
      interpolation: try Self.interpolation(node, hasModes ? rounding : Interpolation.outward),
      excludesOutside: try node.bool("exclude_outside", default: false),
      antialiases: try node.bool("antialias", default: false))
    extrapolation = try node.float("extrapolation_value", default: 0)
  }

  init(upsample node: NodeReader) throws(ModelError) {
    try node.require(inputs: node.opset < 9 ? 1...1 : 2...2)
    target = try ResizeTarget(upsample: node)
    rule = ResizeAxis.Rule(
      mode: .asymmetric, interpolation: try Self.interpolation(node, Interpolation.outward),
      excludesOutside: false, antialiases: false)
    extrapolation = 0
  }

  private static func interpolation(
    _ node: NodeReader, _ rounding: String
  ) throws(ModelError) -> Interpolation {
    let modes = ["nearest", "linear", "bilinear", "cubic"]
    switch try node.choice("mode", of: modes, default: "nearest") {
    case "nearest": return .nearest(rounding)
    case "cubic": return .cubic(a: Double(try node.float("cubic_coeff_a", default: -0.75)))
    default: return .linear
    }
  }

  func outputTypes(_ inputs: Operands) throws(ModelError) -> [ValueType] {
    let x = try inputs.tensor(0, of: ElementType.numbers.union([.bool]))
    return [.tensor(x.element, try target.outputShape(x.shape, inputs))]
  }

  func lower(_ io: NodeIO) throws(ModelError) -> Kernel {
    let x = try io.input(0)
    let y = try io.output()
    guard let scales = try target.scales(io) else { return .deferred }
    if x.count == 0 || y.count == 0 { return Kernel("resize") { _ in } }
    var axes: [ResizeAxis] = []
    for axis in x.shape.indices {
      guard let crop = try target.crop(io, axis) else { return .deferred }
      let plan = ResizeAxis(
        axis: axis, input: x.shape[axis], output: y.shape[axis], scale: scales[axis], crop: crop,
        rule)
      if !plan.isIdentity { axes.append(plan) }
    }
    if axes.isEmpty { return .alias() }
    if case .nearest = rule.interpolation, !axes.contains(where: { $0.isOutside.contains(true) }) {
      return NearestResize(axes, x.shape, x.element.byteWidth).kernel
    }
    // Shrinking axes come first: less is left to do.
    axes.sort { $0.output * $1.input < $1.output * $0.input }
    let call = ResizeCall(axes: axes, shape: x.shape, extrapolation: extrapolation)
    let compute: ElementType = x.element.isFloatingPoint ? x.element.computeType : .f64
    let stage = try Stage(io, as: compute, inputs: [0], outputs: [0])
    let bytes = stage.scratchOffset + 2 * call.workCount * (compute.bitWidth / 8) + 128
    return Kernel("resize_\(compute)", scratchBytes: bytes) { context in
      stage.load(context)
      if compute == .f64 {
        call.run(context, stage, Double.self)
      } else {
        call.run(context, stage, Float.self)
      }
      if x.element.isInteger { Self.limit(context, stage, y.count, x.element) }
      stage.store(context)
    }
  }
}

extension Resize {
  /// Cubic weights reach beyond the values that they weigh, and beyond what an integer holds.
  private static func limit(
    _ context: borrowing KernelContext, _ stage: Stage, _ count: Int, _ element: ElementType
  ) {
    let isUnsigned = [.u8, .u16, .u32, .u64].contains(element)
    let steps = Double(sign: .plus, exponent: element.bitWidth, significand: 1)
    let (low, high) = isUnsigned ? (0, steps - 1) : (-steps / 2, steps / 2 - 1)
    let values = stage.output(context, 0, as: Double.self)
    for index in 0..<count { values[index] = min(max(values[index], low), high) }
  }
}

/// The axes of one resize, one after the other.
private struct ResizeCall: Sendable {
  let axes: [ResizeAxis]
  let shape: [Int]
  let extrapolation: Float

  /// Elements of the largest tensor between two axes.
  var workCount: Int {
    var shape = shape
    var largest = 0
    for axis in axes.dropLast() {
      shape[axis.axis] = axis.output
      largest = max(largest, shape.reduce(1, *))
    }
    return largest
  }

  func run<T: BinaryFloatingPoint & Sendable>(
    _ context: borrowing KernelContext, _ stage: Stage, _ type: T.Type
  ) {
    var shape = shape
    var from = stage.input(context, 0, as: T.self)
    let work = stage.scratch(context, as: T.self)
    let size = workCount
    for (index, axis) in axes.enumerated() {
      let isLast = index == axes.count - 1
      let to = isLast ? stage.output(context, 0, as: T.self) : work + index % 2 * size
      axis.apply(
        context, from, to, outer: shape[..<axis.axis].reduce(1, *),
        inner: shape[(axis.axis + 1)...].reduce(1, *), extrapolation: T(extrapolation))
      shape[axis.axis] = axis.output
      from = UnsafePointer(to)
    }
  }
}
