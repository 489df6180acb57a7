// 8-bit matrix kernels for 64-bit Arm.
#if defined(__aarch64__)
#define ISA neon
#define VL 4
#define ROWS 6
#define VECTORS 2
#define WIDE 1
#include "qgemm_generic.h"
#include "qgemm_kernels.inc"
#endif
