import CKernels
import LibC

/// The formulas of `ZOO_UNARY_LIST` in f64.
enum UnaryFormula {
  typealias Function = @Sendable (Double) -> Double

  static func f64(_ op: zoo_unary, _ a: Double, _ b: Double) -> Function {
    piecewise(op, a, b) ?? smooth(op, a, b) ?? elementary(op, a, b)
  }

  private static func sigmoid(_ x: Double) -> Double {
    let e = exp(-abs(x))
    return (x < 0 ? e : 1) / (1 + e)
  }

  private static func softplus(_ x: Double) -> Double { max(x, 0) + log1p(exp(-abs(x))) }

  private static func clamp(_ x: Double, _ low: Double, _ high: Double) -> Double {
    x < low ? low : x > high ? high : x
  }

  private static func piecewise(_ op: zoo_unary, _ a: Double, _ b: Double) -> Function? {
    switch op {
    case zoo_unary_relu: { $0 < 0 ? 0 : $0 }
    case zoo_unary_leaky_relu: { $0 < 0 ? a * $0 : $0 }
    case zoo_unary_elu: { $0 < 0 ? a * expm1($0) : $0 }
    case zoo_unary_selu: { $0 > 0 ? b * $0 : b * a * expm1($0) }
    case zoo_unary_celu: { x in (x < 0 ? 0 : x) + min(0, a * expm1(x / a)) }
    case zoo_unary_hard_sigmoid: { clamp(a * $0 + b, 0, 1) }
    case zoo_unary_hard_swish: { $0 * clamp($0 / 6 + 0.5, 0, 1) }
    case zoo_unary_abs: { abs($0) }
    case zoo_unary_neg: { -$0 }
    case zoo_unary_floor: { $0.rounded(.down) }
    case zoo_unary_ceil: { $0.rounded(.up) }
    case zoo_unary_round: { $0.rounded(.toNearestOrEven) }
    case zoo_unary_sign: { $0 > 0 ? 1 : $0 < 0 ? -1 : $0 }
    case zoo_unary_clip: { clamp($0, a, b) }
    case zoo_unary_thresholded_relu: { $0 > a ? $0 : 0 }
    case zoo_unary_shrink: { x in x < -a ? x + b : x > a ? x - b : 0 }
    default: nil
    }
  }

  private static func smooth(_ op: zoo_unary, _ a: Double, _ b: Double) -> Function? {
    switch op {
    case zoo_unary_sigmoid: { sigmoid($0) }
    case zoo_unary_swish: { $0 * sigmoid(a * $0) }
    case zoo_unary_mish: { $0 * tanh(softplus($0)) }
    case zoo_unary_softplus: { softplus($0) }
    case zoo_unary_softsign: { $0 / (1 + abs($0)) }
    case zoo_unary_scaled_tanh: { a * tanh(b * $0) }
    case zoo_unary_gelu: { $0 * 0.5 * erfc(-$0 * 0.5.squareRoot()) }
    case zoo_unary_gelu_tanh:
      { $0 * sigmoid((8 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0)) }
    case zoo_unary_affine: { a * $0 + b }
    case zoo_unary_square: { $0 * $0 }
    case zoo_unary_sqrt: { $0.squareRoot() }
    case zoo_unary_rsqrt: { 1 / $0.squareRoot() }
    default: nil
    }
  }

  private static func elementary(_ op: zoo_unary, _ a: Double, _ b: Double) -> Function {
    switch op {
    case zoo_unary_tanh: { tanh($0) }
    case zoo_unary_erf: { erf($0) }
    case zoo_unary_exp: { exp($0) }
    case zoo_unary_log: { log($0) }
    case zoo_unary_sin: { sin($0) }
    case zoo_unary_cos: { cos($0) }
    case zoo_unary_tan: { tan($0) }
    case zoo_unary_asin: { asin($0) }
    case zoo_unary_acos: { acos($0) }
    case zoo_unary_atan: { atan($0) }
    case zoo_unary_sinh: { sinh($0) }
    case zoo_unary_cosh: { cosh($0) }
    case zoo_unary_asinh: { asinh($0) }
    case zoo_unary_acosh: { acosh($0) }
    case zoo_unary_atanh: { atanh($0) }
    default: { 1 / $0 }
    }
  }
}
