// Quantizes f32 rows as DynamicQuantizeLinear does.
#include "qgemm.h"
#include "zoo_threads.h"

#pragma STDC FP_CONTRACT OFF

typedef struct {
  const zoo_qgemm_kernels *kernels;
  int64_t columns;
  const float *x;
  uint8_t *y;
  float *scales;
  uint8_t *zeros;
} job;

/// Ties to even: adding 1.5 · 2²³ leaves the nearest integer in the low bits.
static float nearest(float x) { return x + 12582912.0f - 12582912.0f; }

static void run_rows(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  for (int64_t row = begin; row < end; row++) {
    const float *x = j->x + row * j->columns;
    float low, high;
    j->kernels->range(j->columns, x, &low, &high);
    float scale = (high - low) / 255;
    if (!(scale > 0)) scale = 1;  // nothing but zeros: any scale serves
    const float exact = -low / scale;
    const float zero = nearest(exact > 255 ? 255 : exact);
    j->kernels->quantize(j->columns, x, scale, zero, j->y + row * j->columns);
    j->scales[row] = scale;
    j->zeros[row] = (uint8_t)(int32_t)zero;
  }
}

void zoo_quantize_dynamic(
    zoo_isa isa, int64_t rows, int64_t columns, const float *x, uint8_t *y, float *scales,
    uint8_t *zeros, int max_threads) {
  job j = {zoo_qgemm_table(isa), columns, x, y, scales, zeros};
  const int64_t grain = columns > 0 && columns < 65536 ? 65536 / columns : 1;
  zoo_parallel_for(rows, grain, max_threads, run_rows, &j);
}
