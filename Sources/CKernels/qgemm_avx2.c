// 8-bit matrix kernels for AVX2: pairs of 16-bit products, because the 8-bit instruction (vpmaddubsw) saturates.
#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define ISA avx2
#define VL 8
#define ROWS 6
#define VECTORS 2
#define GROUP 2
#define QB __m256i
typedef int8_t bytes __attribute__((ext_vector_type(8)));
#define LOAD_B(p) _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(p)))
#define DOT(sum, word, b) \
  ((vi)_mm256_add_epi32((__m256i)(sum), _mm256_madd_epi16(_mm256_set1_epi32(word), b)))
#include "qgemm_kernels.inc"
#pragma clang attribute pop
#endif
