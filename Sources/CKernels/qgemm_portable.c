// 8-bit matrix kernels for every CPU.
#if !defined(__clang__)
#error "the kernels are written in Clang's vector extensions"
#endif
#define ISA portable
#define VL 4
#define ROWS 4
#define VECTORS 2
#define WIDE 1
#include "qgemm_generic.h"
#include "qgemm_kernels.inc"
