// Vectors of LANES f32 values, the same words for every instruction set. A `vector_<isa>.c` defines ISA, LANES and
// HAS_FMA, switches its instruction set on, and includes the families below; each family is written once.
//
// Tails are loaded into a full vector and stored in part, so that an element's result never depends on its position.
#pragma once

#define INLINE static inline __attribute__((always_inline))
#define JOIN2(a, b) a##_##b
#define JOIN(a, b) JOIN2(a, b)

typedef float vf __attribute__((ext_vector_type(LANES)));
typedef int32_t vi __attribute__((ext_vector_type(LANES)));
typedef uint32_t vu __attribute__((ext_vector_type(LANES)));
typedef double vd __attribute__((ext_vector_type(LANES)));

INLINE vf splat(float x) { return (vf)x; }
INLINE vi bits(vf x) { return (vi)x; }
INLINE vf from_bits(vi x) { return (vf)x; }

INLINE vf load(const float *p) {
  vf v;
  memcpy(&v, p, sizeof v);
  return v;
}
INLINE void store(float *p, vf v) { memcpy(p, &v, sizeof v); }

/// The first `n` < LANES values; the other lanes are 0.
INLINE vf load_part(const float *p, size_t n) {
#if defined(__x86_64__) && LANES == 16
  return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
#elif defined(__x86_64__) && LANES == 8
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return (vf)_mm256_maskload_ps(p, _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), lane));
#else
  vf v = splat(0);
  for (size_t i = 0; i < n; i++) v[i] = p[i];
  return v;
#endif
}

INLINE void store_part(float *p, vf v, size_t n) {
#if defined(__x86_64__) && LANES == 16
  _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
#elif defined(__x86_64__) && LANES == 8
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  _mm256_maskstore_ps(p, _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), lane), (__m256)v);
#else
  for (size_t i = 0; i < n; i++) p[i] = v[i];
#endif
}

/// `load` or `load_part`, whichever n asks for.
INLINE vf load_n(const float *p, size_t n) { return n >= LANES ? load(p) : load_part(p, n); }
INLINE void store_n(float *p, vf v, size_t n) {
  if (n >= LANES) {
    store(p, v);
  } else {
    store_part(p, v, n);
  }
}

/// Lanes from `n` on are replaced by `fill`.
INLINE vf keep(vf v, size_t n, vf fill) {
  vi lane;
  for (int i = 0; i < LANES; i++) lane[i] = i;
  return lane < (int32_t)n ? v : fill;
}

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
