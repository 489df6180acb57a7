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
#include "qgemm_kernels.inc"
#pragma clang attribute pop
#endif
