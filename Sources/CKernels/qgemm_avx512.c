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
#define GROUP 2
#define QB __m512i
typedef int8_t bytes __attribute__((ext_vector_type(16)));
#define LOAD_B(p) _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(p)))
#define DOT(sum, word, b) \
  ((vi)_mm512_add_epi32((__m512i)(sum), _mm512_madd_epi16(_mm512_set1_epi32(word), b)))
#include "qgemm_kernels.inc"
#pragma clang attribute pop
#endif
