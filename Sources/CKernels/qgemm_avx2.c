// 8-bit matrix kernels for AVX2: pairs of 16-bit products, because the 8-bit instruction (vpmaddubsw) saturates.
#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define ISA avx2
#define VL 8
#define ROWS 6
#define VECTORS 2
#define WIDE 1
#define QA __m256i
#define QB __m256i
typedef int8_t bytes __attribute__((ext_vector_type(8)));
static inline __attribute__((always_inline)) __m256i load_four(const char *p) {
  int64_t words;
  memcpy(&words, p, sizeof words);
  return _mm256_set1_epi64x(words);
}
#define LOAD_A(p) load_four(p)
#define LOAD_B(p) _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(p)))
#define DOT(sum, a, b) ((vi)_mm256_add_epi32((__m256i)(sum), _mm256_madd_epi16(a, b)))
#define EVEN_LANES(x, y) __builtin_shufflevector(x, y, 0, 2, 4, 6, 8, 10, 12, 14)
#define ODD_LANES(x, y) __builtin_shufflevector(x, y, 1, 3, 5, 7, 9, 11, 13, 15)
#define MULTIPLY_ADD(sum, x, w) ((sum) + (vi)_mm256_madd_epi16((__m256i)(x), (__m256i)(w)))
#define FUSED(a, b, c) ((vf)_mm256_fmadd_ps(a, b, c))

/// Four vectors of numbers within ±2³⁰, rounded, plus `zero`, as bytes: instructions narrow by half and saturate.
static inline __attribute__((always_inline)) void round_four(
    const void *x, int zero, int is_signed, void *codes) {
  const __m256 *from = x;
  const __m256i shift = _mm256_set1_epi16((int16_t)zero);
  __m256i half[2];
  for (int i = 0; i < 2; i++) {
    half[i] = _mm256_adds_epi16(
        _mm256_packs_epi32(_mm256_cvtps_epi32(from[2 * i]), _mm256_cvtps_epi32(from[2 * i + 1])), shift);
  }
  const __m256i both =
      is_signed ? _mm256_packs_epi16(half[0], half[1]) : _mm256_packus_epi16(half[0], half[1]);
  // Each lane of 128 bits holds a part of all four.
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  _mm256_storeu_si256(codes, _mm256_permutevar8x32_epi32(both, order));
}
#define ROUND_FOUR(x, zero, is_signed, codes) round_four(x, zero, is_signed, codes)
#include "qgemm_kernels.inc"
#pragma clang attribute pop
#endif
