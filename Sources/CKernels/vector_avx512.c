// Vector kernels for AVX-512 F, BW, VL and DQ.
#include "vector/prelude.h"

#if defined(__x86_64__)
#define ISA avx512
#define LANES 16
#define HAS_FMA 1
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))), apply_to = function)
#include "vector/families.h"
#pragma clang attribute pop
#endif
