// Vector kernels for AVX2 with FMA and F16C.
#include "vector/prelude.h"

#if defined(__x86_64__)
#define ISA avx2
#define LANES 8
#define HAS_FMA 1
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#include "vector/families.h"
#pragma clang attribute pop
#endif
