// f32 matrix kernels for AVX-512: 12 × 32 tiles, 24 sums, 2 + 1 operands in 32 registers.
#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma"))), apply_to = function)
#define ISA avx512
#define VL 16
#define ROWS 12
#define VECTORS 2
#define FMA(a, b, c) __builtin_elementwise_fma(a, b, c)
#define HAS_FMA 1
#include "gemm_f32_kernels.inc"
#pragma clang attribute pop
#endif
