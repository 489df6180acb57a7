// Vectors of VL floats for the kernels that work on tiles of them. The including file defines VL, HAS_FMA
// and FMA(a, b, c) = a · b + c first, inside its `#pragma clang attribute push(target…)`.
#pragma once

#define LANES VL
#include "vector/words.h"
#include "vector/vec_math.h"
#undef LANES

typedef float vf_unaligned __attribute__((ext_vector_type(VL), aligned(4), may_alias));

INLINE vf vf_load(const float *p) { return *(const vf_unaligned *)p; }
INLINE void vf_store(float *p, vf v) { *(vf_unaligned *)p = v; }
INLINE vf vf_set(float x) { return splat(x); }
INLINE vi vi_bits(vf v) { return bits(v); }

// Comparisons that are false for NaN leave it in place.
INLINE vf vf_at_least(vf v, float low) { return v < low ? vf_set(low) : v; }
INLINE vf vf_at_most(vf v, float high) { return v > high ? vf_set(high) : v; }
INLINE vf vf_clamp(vf v, float low, float high) { return vf_at_most(vf_at_least(v, low), high); }

/// x · v, v kept between 0 and 1. The compiler must not see that a factor of 1 gives x, for it would then choose between
/// x and a product, which takes longer than to keep v below 1.
INLINE vf vf_gated(vf x, vf v) {
  vf gate = vf_clamp(v, 0, 1);
#if defined(__x86_64__)
  __asm__("" : "+v"(gate));
#elif defined(__aarch64__)
  __asm__("" : "+w"(gate));
#endif
  return x * gate;
}
