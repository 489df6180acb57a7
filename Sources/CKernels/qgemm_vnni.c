// 8-bit matrix kernels for AVX-512 VNNI: four products and their sum in one instruction.
#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma"))), \
    apply_to = function)
#define ISA vnni
#define VL 16
#define ROWS 12
#define VECTORS 2
#define WIDE 0
#define QA __m512i
#define QB __m512i
typedef int8_t bytes __attribute__((ext_vector_type(16)));
static inline __attribute__((always_inline)) __m512i load_four(const char *p) {
  int32_t word;
  memcpy(&word, p, sizeof word);
  return _mm512_set1_epi32(word);
}
#define LOAD_A(p) load_four(p)
#define LOAD_B(p) _mm512_loadu_si512(p)
#define DOT(sum, a, b) ((vi)_mm512_dpbusd_epi32((__m512i)(sum), a, b))
#define MULTIPLY_ADD(sum, x, w) \
  ((vi)_mm512_dpwssd_epi32((__m512i)(sum), (__m512i)(x), (__m512i)(w)))
#define DOT_OF_BYTES 1
#include "qgemm_avx512.h"
#include "qgemm_kernels.inc"
#pragma clang attribute pop
#endif
