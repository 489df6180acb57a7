// Vector kernels for arm64, whose base instruction set has four lanes and fused multiply-add.
#include "vector/prelude.h"

#if defined(__aarch64__)
#define ISA neon
#define LANES 4
#define HAS_FMA 1
#include "vector/families.h"
#endif
