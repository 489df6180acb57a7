// How both sets of kernels for AVX-512 narrow numbers. Included where its instructions are allowed.

// Narrowing into memory takes some cores many times as long as narrowing and storing.
#define IN_REGISTER(v) __asm__("" : "+v"(v))
#define FUSED(a, b, c) ((vf)_mm512_fmadd_ps(a, b, c))

/// Four vectors of numbers within ±2³⁰, rounded, plus `zero`, as bytes: instructions narrow by half and saturate. Each
/// lane of 128 bits then holds a part of all four.
static inline __attribute__((always_inline)) __m512i narrowed(
    const void *x, int zero, int is_signed) {
  const __m512 *from = x;
  const __m512i shift = _mm512_set1_epi16((int16_t)zero);
  __m512i half[2];
  for (int i = 0; i < 2; i++) {
    half[i] = _mm512_adds_epi16(
        _mm512_packs_epi32(_mm512_cvtps_epi32(from[2 * i]), _mm512_cvtps_epi32(from[2 * i + 1])), shift);
  }
  return is_signed ? _mm512_packs_epi16(half[0], half[1]) : _mm512_packus_epi16(half[0], half[1]);
}

static inline __attribute__((always_inline)) void round_four(
    const void *x, int zero, int is_signed, void *codes) {
  const __m512i order =
      _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  _mm512_storeu_si512(codes, _mm512_permutexvar_epi32(order, narrowed(x, zero, is_signed)));
}
#define ROUND_FOUR(x, zero, is_signed, codes) round_four(x, zero, is_signed, codes)
