// Kernels over channel blocks for AVX2 + FMA: 6 pixels × 16 channels, 12 sums, 2 + 1 operands in 16 registers.
#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define ISA avx2
#define VL 8
#define PIXELS 6
#define BLOCKS 1
#define FMA(a, b, c) __builtin_elementwise_fma(a, b, c)
#define HAS_FMA 1
#include "blocked_kernels.inc"
#pragma clang attribute pop
#endif
