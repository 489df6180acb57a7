// Kernels over channel blocks for 64-bit Arm: 6 pixels × 16 channels, 24 sums, 4 + 1 operands in 32 registers.
#if defined(__aarch64__)
#define ISA neon
#define VL 4
#define PIXELS 6
#define BLOCKS 1
#define FMA(a, b, c) __builtin_elementwise_fma(a, b, c)
#define HAS_FMA 1
#include "blocked_kernels.inc"
#endif
