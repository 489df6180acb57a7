#pragma once
#include <float.h>
#include <math.h>
#include <stddef.h>

/// Makes 0 of subnormal weights, which training leaves in channels that it has given up. A multiplication by one costs
/// a hundred others, and adds less than any result can show.
static inline void flush_subnormals(float *weights, size_t count) {
  for (size_t i = 0; i < count; i++) weights[i] = fabsf(weights[i]) < FLT_MIN ? 0 : weights[i];
}
