// Loads and stores of vectors. A `vector_<isa>.c` defines ISA, LANES and HAS_FMA, switches its instruction set on, and
// includes the families below; each family is written once.
//
// Tails are loaded into a full vector and stored in part, so that an element's result never depends on its position.
#pragma once

#include "words.h"

#define JOIN2(a, b) a##_##b
#define JOIN(a, b) JOIN2(a, b)

INLINE vf load(const float *p) {
  vf v;
  memcpy(&v, p, sizeof v);
  return v;
}
INLINE void store(float *p, vf v) { memcpy(p, &v, sizeof v); }

/// How many values ahead loops ask for: computing one vector then overlaps with bringing in others.
enum { FAR = 512 };

/// Asks for what is soon read or written at `p`.
INLINE void fetch(const float *p) { __builtin_prefetch(p, 0, 3); }

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
