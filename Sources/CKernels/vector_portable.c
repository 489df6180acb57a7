// Vector kernels in plain C: four lanes, which every 64-bit CPU has, and no fused multiply-add.
// The same to the bit on every processor: nothing becomes a fused multiply-add that is not written as one.
#pragma STDC FP_CONTRACT OFF

#include "vector/prelude.h"

#define ISA portable
#define LANES 4
#define HAS_FMA 0
#include "vector/families.h"
