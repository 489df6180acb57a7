// f32 matrix kernels for 64-bit Arm: 6 × 16 tiles, 24 sums, 4 + 1 operands in 32 registers.
#if defined(__aarch64__)
#define ISA neon
#define VL 4
#define ROWS 6
#define VECTORS 4
#define FMA(a, b, c) __builtin_elementwise_fma(a, b, c)
#define HAS_FMA 1
#include "gemm_f32_kernels.inc"
#endif
