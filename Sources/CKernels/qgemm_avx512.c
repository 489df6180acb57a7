// 8-bit matrix kernels for AVX-512 without VNNI: pairs of 16-bit products.
#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma"))), apply_to = function)
#define ISA avx512
#define VL 16
#define ROWS 12
#define VECTORS 2
#define WIDE 1
#define QA __m512i
#define QB __m512i
typedef int8_t bytes __attribute__((ext_vector_type(16)));
static inline __attribute__((always_inline)) __m512i load_four(const char *p) {
  int64_t words;
  memcpy(&words, p, sizeof words);
  return _mm512_set1_epi64(words);
}
#define LOAD_A(p) load_four(p)
#define LOAD_B(p) _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(p)))
#define DOT(sum, a, b) ((vi)_mm512_add_epi32((__m512i)(sum), _mm512_madd_epi16(a, b)))
#define EVEN_LANES(x, y) \
  __builtin_shufflevector(x, y, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30)
#define ODD_LANES(x, y) \
  __builtin_shufflevector(x, y, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31)
#define MULTIPLY_ADD(sum, x, w) ((sum) + (vi)_mm512_madd_epi16((__m512i)(x), (__m512i)(w)))
#include "qgemm_avx512.h"
#include "qgemm_kernels.inc"
#pragma clang attribute pop
#endif
