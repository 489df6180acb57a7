// Vectors of LANES f32 values, the same words for every instruction set. The including file defines LANES and HAS_FMA.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define INLINE static inline __attribute__((always_inline, unused))

typedef float vf __attribute__((ext_vector_type(LANES)));
typedef int32_t vi __attribute__((ext_vector_type(LANES)));
typedef uint32_t vu __attribute__((ext_vector_type(LANES)));
typedef double vd __attribute__((ext_vector_type(LANES)));

INLINE vf splat(float x) { return (vf)x; }
INLINE vi bits(vf x) { return (vi)x; }
INLINE vf from_bits(vi x) { return (vf)x; }

/// a * b + c, fused where the instruction set can.
INLINE vf madd(vf a, vf b, vf c) {
#if HAS_FMA
  return __builtin_elementwise_fma(a, b, c);
#else
  return a * b + c;
#endif
}

INLINE vf vabs(vf x) { return from_bits(bits(x) & 0x7fffffff); }
INLINE vf copysign_of(vf magnitude, vf sign) {
  return from_bits((bits(magnitude) & 0x7fffffff) | (bits(sign) & (int32_t)0x80000000));
}
/// NaN when either operand is NaN, unlike the instructions.
INLINE vf vmax(vf a, vf b) { return ((a > b) | (a != a)) ? a : b; }
INLINE vf vmin(vf a, vf b) { return ((a < b) | (a != a)) ? a : b; }
/// Keeps NaN.
INLINE vf clamp(vf x, vf low, vf high) {
  x = x < low ? low : x;
  return x > high ? high : x;
}

/// To the nearest integer, halves to even; keeps the sign of zero.
INLINE vf vround(vf x) {
#if HAS_FMA
  return __builtin_elementwise_rint(x);
#else
  const float magic = 0x1p23f;
  vf magnitude = vabs(x);
  vf rounded = (magnitude + magic) - magic;
  return copysign_of(magnitude < magic ? rounded : magnitude, x);
#endif
}

INLINE float horizontal_sum(vf v) {
  for (int half = LANES / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; i++) v[i] += v[i + half];
  }
  return v[0];
}
INLINE float horizontal_max(vf v) {
  float best = v[0];
  for (int i = 1; i < LANES; i++) best = (v[i] > best || v[i] != v[i]) ? v[i] : best;
  return best;
}
INLINE float horizontal_min(vf v) {
  float best = v[0];
  for (int i = 1; i < LANES; i++) best = (v[i] < best || v[i] != v[i]) ? v[i] : best;
  return best;
}
INLINE float horizontal_product(vf v) {
  for (int half = LANES / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; i++) v[i] *= v[i + half];
  }
  return v[0];
}
