#include "zoo_pool.h"

// Chains of additions that do not wait for each other: as many as hide the latency of one.
enum { CHAINS = 8 };

static void average(const float *x, float *y, size_t chains, size_t extent) {
  float sums[CHAINS] = {0};
  if (chains == CHAINS) {
    for (size_t i = 0; i < extent; i++) {
      for (size_t c = 0; c < CHAINS; c++) sums[c] += x[c * extent + i];
    }
  } else {
    for (size_t c = 0; c < chains; c++) {
      for (size_t i = 0; i < extent; i++) sums[c] += x[c * extent + i];
    }
  }
  for (size_t c = 0; c < chains; c++) y[c] = sums[c] / (float)extent;
}

void zoo_global_average_f32(const float *x, float *y, size_t planes, size_t extent) {
  for (size_t first = 0; first < planes; first += CHAINS) {
    const size_t left = planes - first;
    average(x + first * extent, y + first, left < CHAINS ? left : CHAINS, extent);
  }
}
