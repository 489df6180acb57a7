// The activations of `zoo_activation` over one vector: to the bit what the kernels that do nothing else compute. Included
// once per instruction set, after VL, FMA and HAS_FMA are defined.
#include "vector_math.h"
#include "zoo_gemm.h"

INLINE vf activate(const zoo_activation_kind kind, float a, float b, vf x) {
  switch (kind) {
  case ZOO_ACTIVATION_NONE: return x;
  case ZOO_ACTIVATION_RELU: return vf_at_least(x, 0);
  case ZOO_ACTIVATION_LEAKY_RELU: return x < 0.0f ? x * a : x;
  case ZOO_ACTIVATION_CLIP: return vf_at_most(vf_at_least(x, a), b);
  case ZOO_ACTIVATION_SIGMOID: return vsigmoid(x);
  case ZOO_ACTIVATION_TANH: return vtanh(x);
  case ZOO_ACTIVATION_GELU_ERF: return vgelu(x);
  case ZOO_ACTIVATION_GELU_TANH: return vgelu_tanh(x);
  case ZOO_ACTIVATION_SILU: return x * vsigmoid(x);
  case ZOO_ACTIVATION_HARD_SIGMOID: return vf_clamp(FMA(x, vf_set(a), vf_set(b)), 0, 1);
  case ZOO_ACTIVATION_HARD_SWISH: return vf_gated(x, FMA(x, vf_set(a), vf_set(b)));
  }
  return x;
}

INLINE vf activate_any(const zoo_activation *activation, vf x) {
  return activate(activation->kind, activation->a, activation->b, x);
}
