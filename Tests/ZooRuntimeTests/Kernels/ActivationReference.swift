import CKernels

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Every activation that kernels know, with parameters that show.
let allActivations: [zoo_activation] = (0...10).map {
  zoo_activation(kind: zoo_activation_kind(UInt32($0)), a: 0.1, b: 0.6)
}

/// The double-precision twin of the kernels' activations.
func activate(_ x: Double, _ activation: zoo_activation) -> Double {
  let (a, b) = (Double(activation.a), Double(activation.b))
  switch activation.kind {
  case ZOO_ACTIVATION_RELU: return max(x, 0)
  case ZOO_ACTIVATION_LEAKY_RELU: return x < 0 ? a * x : x
  case ZOO_ACTIVATION_CLIP: return min(max(x, a), b)
  case ZOO_ACTIVATION_SIGMOID: return 1 / (1 + exp(-x))
  case ZOO_ACTIVATION_TANH: return tanh(x)
  case ZOO_ACTIVATION_GELU_ERF: return x / 2 * (1 + erf(x / 2.squareRoot()))
  case ZOO_ACTIVATION_GELU_TANH:
    return x / 2 * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
  case ZOO_ACTIVATION_SILU: return x / (1 + exp(-x))
  case ZOO_ACTIVATION_HARD_SIGMOID: return min(max(a * x + b, 0), 1)
  case ZOO_ACTIVATION_HARD_SWISH: return x * min(max(a * x + b, 0), 1)
  default: return x
  }
}
