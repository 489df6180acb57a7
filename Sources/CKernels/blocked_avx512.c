// Kernels over channel blocks for AVX-512: 14 pixels × 32 channels, 28 sums, 2 + 1 operands in 32 registers.
#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma"))), apply_to = function)
#define ISA avx512
#define VL 16
#define PIXELS 14
#define BLOCKS 2
#define FMA(a, b, c) __builtin_elementwise_fma(a, b, c)
#define HAS_FMA 1
#include "blocked_kernels.inc"
#pragma clang attribute pop
#endif
