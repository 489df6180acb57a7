import CKernels
import ModelFormat

/// What a quantized layer of domain `zoo` reads, and what becomes of its sums:
///
///     real = (Σ (x − x_zero) · (w − w_zero) + B) · x_scale · w_scale + C
///     real = dequantized(quantized(real, inner))                          if there is an `inner_scale`
///     real = activation(real + residual)
///     real = real · factor + addend                                       if there is a `factor`; each is rounded
///     y    = quantized(real, y)                                           real numbers if `y_type` is f32
///
/// | inputs from 1 on | shape | element types |
/// |--------|-------|---------------|
/// | `w`, `w_scale`, `w_zero` (optional) | weights; one element or one per output channel | `u8`, `i8`; `f32`; type of `w` |
/// | `B`, optional | `[m]` | `i32`, in units of x_scale · w_scale |
/// | `C`, optional | `[m]` | `f32` |
/// | `residual`, optional | shape of `y` | `f32`, `u8`, `i8` |
///
/// | attributes | |
/// |---|---|
/// | `x_scale`, `x_zero`; `residual_scale`, `residual_zero` | what 8-bit inputs stand for |
/// | `y_type`, `y_scale`, `y_zero`, `y_low`, `y_high` | element type of `y`, its form, bounds of its codes |
/// | `inner_type`, `inner_scale`, … | likewise for the sums, before the residual is added |
/// | `activation`, … | ``FusedActivation`` |
/// | `factor`, `addend` | what the activated numbers are multiplied by, and what is added then |
///
/// Ties round to even. A residual of codes is added, where no activation follows, in units of `y_scale`, which saves the
/// division: `zoo_qtarget_adds_codes` has the formula.
struct QuantizedEpilogue: Sendable {
  enum Input {
    static let weight = 1
    static let scale = 2
    static let zero = 3
    static let sumBias = 4
    static let bias = 5
    static let residual = 6
  }

  /// 8-bit codes of a scale, a zero point and bounds.
  struct Codes: Sendable {
    let element: ElementType
    let scale: Float
    let zero: Int
    let low: Int
    let high: Int

    /// - Returns: `nil` if the attributes `name…` do not say that there are 8-bit codes.
    init?(_ node: NodeReader, _ name: String) throws(ModelError) {
      guard node.has("\(name)_type") else { return nil }
      element = try node.elementType("\(name)_type")
      guard element == .u8 || element == .i8 else { return nil }
      scale = try node.float("\(name)_scale")
      zero = try node.int("\(name)_zero")
      let range = Self.range(element)
      low = try node.int("\(name)_low", default: range.lowerBound)
      high = try node.int("\(name)_high", default: range.upperBound)
    }

    static func range(_ element: ElementType) -> ClosedRange<Int> {
      element == .i8 ? -128...127 : 0...255
    }
  }

  let xScale: Float
  let xZero: Int
  let y: Codes?
  private let inner: Codes?
  private let residualScale: Float
  private let residualZero: Int
  private let activation: zoo_activation
  private let stretch: (factor: Float, addend: Float)?

  init(_ node: NodeReader) throws(ModelError) {
    xScale = try node.float("x_scale")
    xZero = try node.int("x_zero")
    y = try Codes(node, "y")
    inner = try Codes(node, "inner")
    residualScale = try node.float("residual_scale", default: 1)
    residualZero = try node.int("residual_zero", default: 0)
    activation = try FusedActivation.decode(node)
    stretch =
      node.has("factor")
      ? (try node.float("factor"), try node.float("addend", default: 0)) : nil
  }

  var element: ElementType { y?.element ?? .f32 }

  /// - Parameter elements: What input 0 and a residual may hold.
  func check(
    _ inputs: Operands, elements: Set<ElementType> = QuantizedProduct.elements
  ) throws(ModelError) {
    _ = try inputs.tensor(0, of: elements)
    let w = try inputs.tensor(Input.weight, of: QuantizedProduct.elements)
    _ = try inputs.tensor(Input.scale, of: [.f32])
    if inputs.has(Input.zero) { _ = try inputs.tensor(Input.zero, of: [w.element]) }
    if inputs.has(Input.sumBias) { _ = try inputs.tensor(Input.sumBias, of: [.i32]) }
    if inputs.has(Input.bias) { _ = try inputs.tensor(Input.bias, of: [.f32]) }
    if inputs.has(Input.residual) {
      _ = try inputs.tensor(Input.residual, of: [.f32, .u8, .i8])
    }
  }

  /// What a kernel of this node is given.
  func bound(to io: NodeIO, channels: Int) throws(ModelError) -> Bound {
    for index in [Input.sumBias, Input.bias] where io.has(index) {
      let shape = try io.input(index).shape
      guard shape != [channels] else { continue }
      throw ModelError(.shapeMismatch, "input \(index) is \(shape)", expected: "[\(channels)]")
    }
    let residual = io.has(Input.residual) ? try io.input(Input.residual) : nil
    if let residual, residual.shape != (try io.output().shape) {
      throw ModelError(
        .shapeMismatch, "a residual \(residual.shape)", expected: "\(try io.output().shape)")
    }
    return Bound(
      epilogue: self, hasSumBias: io.has(Input.sumBias), hasBias: io.has(Input.bias),
      residual: residual?.element, isSigned: try io.input(0).element == .i8,
      weights: try QuantizedSide(
        io, isSigned: try io.input(Input.weight).element == .i8, scale: Input.scale,
        zero: Input.zero, lines: channels))
  }

  /// Which output may be written over which input.
  static func reuses(_ io: NodeIO) -> [Int: Int] {
    io.has(Input.residual) ? [0: Input.residual] : [:]
  }

  /// An epilogue with the operands of one node.
  struct Bound: Sendable {
    fileprivate let epilogue: QuantizedEpilogue
    fileprivate let hasSumBias: Bool
    fileprivate let hasBias: Bool
    fileprivate let residual: ElementType?
    fileprivate let isSigned: Bool
    fileprivate let weights: QuantizedSide

    func run(
      _ context: borrowing KernelContext,
      _ body: (_ x: zoo_qside, _ w: zoo_qside, _ target: zoo_qtarget) throws(ModelError) -> Void
    ) throws(ModelError) {
      let zero = UInt8(truncatingIfNeeded: epilogue.xZero)
      let (weights, target) = (weights.side(context), target(context))
      try withUnsafePointer(to: zero) { (zero) throws(ModelError) in
        try withUnsafePointer(to: epilogue.xScale) { (scale) throws(ModelError) in
          var x = zoo_qside()
          x.is_signed = isSigned ? 1 : 0
          x.zero = UnsafeRawPointer(zero)
          x.scale = scale
          try body(x, weights, target)
        }
      }
    }

    private func target(_ context: borrowing KernelContext) -> zoo_qtarget {
      var target = form
      if hasSumBias { target.bias = context.input(Input.sumBias) }
      if hasBias { target.epilogue.bias = context.input(Input.bias) }
      if residual == .f32 {
        target.epilogue.residual = context.input(Input.residual)
      } else if let residual {
        target.residual = context.inputBytes(Input.residual)
        target.residual_is_signed = residual == .i8 ? 1 : 0
      }
      return target
    }

    /// The target without what it points to.
    var form: zoo_qtarget {
      var target = zoo_qtarget()
      target.kind = epilogue.element == .f32 ? ZOO_QOUT_F32 : ZOO_QOUT_U8
      if let y = epilogue.y {
        if y.element == .i8 { target.kind = ZOO_QOUT_S8 }
        target.scale = y.scale
        target.zero = Int32(y.zero)
        target.low = Int32(y.low)
        target.high = Int32(y.high)
      }
      target.epilogue.activation = epilogue.activation
      if let inner = epilogue.inner {
        target.inner = zoo_qcodes(
          scale: inner.scale, zero: Int32(inner.zero), low: Int32(inner.low),
          high: Int32(inner.high))
      }
      let isActivated = epilogue.activation.kind != ZOO_ACTIVATION_NONE
      if let stretch = epilogue.stretch {
        target.is_stretched = 1
        (target.factor, target.addend) = stretch
      }
      let isReal =
        hasBias || residual != nil || epilogue.inner != nil || isActivated
        || epilogue.stretch != nil
      target.through_real = isReal ? 1 : 0
      target.residual_scale = epilogue.residualScale
      target.residual_zero = Int32(epilogue.residualZero)
      return target
    }
  }
}
