// f32 matrix kernels for AVX2 + FMA: 6 × 16 tiles, 12 sums, 2 + 1 operands in 16 registers.
#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define ISA avx2
#define VL 8
#define ROWS 6
#define VECTORS 2
#define FMA(a, b, c) __builtin_elementwise_fma(a, b, c)
#define HAS_FMA 1
#include "gemm_f32_kernels.inc"
#pragma clang attribute pop
#endif
