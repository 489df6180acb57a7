// The activations of `zoo_activation` over one vector. Like vector_math.h, it is included once per instruction set, after
// VL and FMA are defined.
#include "vector_math.h"
#include "zoo_gemm.h"

INLINE vf activate(const zoo_activation_kind kind, float a, float b, vf x) {
  switch (kind) {
  case ZOO_ACTIVATION_NONE: return x;
  case ZOO_ACTIVATION_RELU: return vf_at_least(x, 0);
  case ZOO_ACTIVATION_LEAKY_RELU: return x < 0.0f ? x * a : x;
  case ZOO_ACTIVATION_CLIP: return vf_at_most(vf_at_least(x, a), b);
  case ZOO_ACTIVATION_SIGMOID: return vf_sigmoid(x);
  case ZOO_ACTIVATION_TANH: return vf_tanh(x);
  case ZOO_ACTIVATION_GELU_ERF: return 0.5f * x * (1.0f + vf_erf(x * 0.70710678f));
  case ZOO_ACTIVATION_GELU_TANH:
    return x * vf_sigmoid(1.59576912f * FMA(0.044715f * x * x, x, x));
  case ZOO_ACTIVATION_SILU: return x * vf_sigmoid(x);
  case ZOO_ACTIVATION_HARD_SIGMOID: return vf_clamp(FMA(x, vf_set(a), vf_set(b)), 0, 1);
  case ZOO_ACTIVATION_HARD_SWISH: return x * vf_clamp(FMA(x, vf_set(a), vf_set(b)), 0, 1);
  }
  return x;
}

INLINE vf activate_any(const zoo_activation *activation, vf x) {
  return activate(activation->kind, activation->a, activation->b, x);
}
