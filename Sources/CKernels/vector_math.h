// Elementary functions over one vector of floats, written once in Clang's vector extensions and compiled for every
// instruction set. The including file defines VL (floats in a vector) and FMA(a, b, c) = a·b + c first, inside its
// `#pragma clang attribute push(target…)`.
//
// No include guard: a file includes this once, with its own VL.
#include <stdint.h>

typedef float vf __attribute__((ext_vector_type(VL)));
typedef int32_t vi __attribute__((ext_vector_type(VL)));
typedef float vf_unaligned __attribute__((ext_vector_type(VL), aligned(4), may_alias));

#define INLINE static inline __attribute__((always_inline, unused))

INLINE vf vf_load(const float *p) { return *(const vf_unaligned *)p; }
INLINE void vf_store(float *p, vf v) { *(vf_unaligned *)p = v; }
INLINE vf vf_set(float x) { return (vf)x; }
INLINE vf vf_bits(vi v) { return (vf)v; }
INLINE vi vi_bits(vf v) { return (vi)v; }

// Comparisons that are false for NaN leave it in place.
INLINE vf vf_at_least(vf v, float low) { return v < low ? vf_set(low) : v; }
INLINE vf vf_at_most(vf v, float high) { return v > high ? vf_set(high) : v; }
INLINE vf vf_clamp(vf v, float low, float high) { return vf_at_most(vf_at_least(v, low), high); }

/// eˣ within 2 ulp; 0 below −87.3, infinity above 88.72. x = n·ln 2 + r, eʳ by a polynomial, 2ⁿ in two steps.
INLINE vf vf_exp(vf x) {
  const float round = 12582912.0f;  // 1.5 · 2²³: adding it leaves the nearest integer in the low bits
  const vf bounded = vf_clamp(x, -104.0f, 89.0f);
  const vf n = (FMA(bounded, vf_set(1.44269504f), vf_set(round))) - round;
  vf r = FMA(n, vf_set(-0.693359375f), bounded);
  r = FMA(n, vf_set(2.12194440e-4f), r);
  vf p = vf_set(1.9875691500e-4f);
  p = FMA(p, r, vf_set(1.3981999507e-3f));
  p = FMA(p, r, vf_set(8.3334519073e-3f));
  p = FMA(p, r, vf_set(4.1665795894e-2f));
  p = FMA(p, r, vf_set(1.6666665459e-1f));
  p = FMA(p, r, vf_set(5.0000001201e-1f));
  p = FMA(p, r * r, r + 1.0f);
  const vi whole = __builtin_convertvector(n == n ? n : vf_set(0), vi);
  const vi half = whole >> 1;
  return p * vf_bits((half + 127) << 23) * vf_bits((whole - half + 127) << 23);
}

INLINE vf vf_sigmoid(vf x) { return 1.0f / (1.0f + vf_exp(-x)); }

/// ±1 where |x| ≥ limit, else `inner`: an approximation that ends an ulp short of 1 would not cancel in 1 + tanh x.
INLINE vf beyond(vf x, float limit, vf inner) {
  const vf upper = x >= limit ? vf_set(1) : inner;
  return x <= -limit ? vf_set(-1) : upper;
}

/// tanh x by the rational minimax approximation of degree 13/6 that Eigen publishes; about 2 ulp.
INLINE vf vf_tanh(vf x) {
  const vf t = vf_clamp(x, -7.90531110763549805f, 7.90531110763549805f);
  const vf s = t * t;
  vf p = vf_set(-2.76076847742355e-16f);
  p = FMA(p, s, vf_set(2.00018790482477e-13f));
  p = FMA(p, s, vf_set(-8.60467152213735e-11f));
  p = FMA(p, s, vf_set(5.12229709037114e-08f));
  p = FMA(p, s, vf_set(1.48572235717979e-05f));
  p = FMA(p, s, vf_set(6.37261928875436e-04f));
  p = FMA(p, s, vf_set(4.89352455891786e-03f));
  vf q = vf_set(1.19825839466702e-06f);
  q = FMA(q, s, vf_set(1.18534705686654e-04f));
  q = FMA(q, s, vf_set(2.26843463243900e-03f));
  q = FMA(q, s, vf_set(4.89352518554385e-03f));
  return beyond(x, 7.90531110763549805f, t * p / q);
}

/// erf x by the rational minimax approximation that Eigen publishes; about 4 ulp, ±1 beyond ±4.
INLINE vf vf_erf(vf x) {
  const vf t = vf_clamp(x, -4.0f, 4.0f);
  const vf s = t * t;
  vf p = vf_set(-2.72614225801306e-10f);
  p = FMA(p, s, vf_set(2.77068142495902e-08f));
  p = FMA(p, s, vf_set(-2.10102402082508e-06f));
  p = FMA(p, s, vf_set(-5.69250639462346e-05f));
  p = FMA(p, s, vf_set(-7.34990630326855e-04f));
  p = FMA(p, s, vf_set(-2.95459980854025e-03f));
  p = FMA(p, s, vf_set(-1.60960333262415e-02f));
  vf q = vf_set(-1.45660718464996e-05f);
  q = FMA(q, s, vf_set(-2.13374055278905e-04f));
  q = FMA(q, s, vf_set(-1.68282697438203e-03f));
  q = FMA(q, s, vf_set(-7.37332916720468e-03f));
  q = FMA(q, s, vf_set(-1.42647390514189e-02f));
  return beyond(x, 4.0f, t * p / q);
}
