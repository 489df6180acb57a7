// Kernels over channel blocks for every CPU: 2 pixels × 16 channels in 128-bit vectors, which all targets of Clang can
// lower.
#pragma STDC FP_CONTRACT OFF
#define ISA portable
#define VL 4
#define PIXELS 2
#define BLOCKS 1
#define FMA(a, b, c) ((a) * (b) + (c))
#define HAS_FMA 0
#include "blocked_kernels.inc"
