// Vector kernels in plain C: four lanes, which every 64-bit CPU has, and no fused multiply-add.
#include "vector/prelude.h"

#define ISA portable
#define LANES 4
#define HAS_FMA 0
#include "vector/families.h"
