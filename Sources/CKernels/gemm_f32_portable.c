// f32 matrix kernels for every CPU: 4 × 8 tiles in 128-bit vectors, which all targets of Clang can lower.
#pragma STDC FP_CONTRACT OFF
#define ISA portable
#define VL 4
#define ROWS 4
#define VECTORS 2
#define FMA(a, b, c) ((a) * (b) + (c))
#define HAS_FMA 0
#include "gemm_f32_kernels.inc"
