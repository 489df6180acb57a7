// 8-bit convolution where each output channel reads the input channel of its own number, channels last: neighbouring
// channels are neighbouring lanes.
#include <string.h>

#include "conv_f32.h"
#include "qgemm.h"
#include "thread_scratch.h"
#include "zoo_threads.h"

enum { MAX_TAPS = 128, MAX_CHANNELS = 1 << 14, MIN_STEPS_PER_THREAD = 1 << 18 };

int zoo_qconv_is_depthwise(const zoo_conv_shape *shape) {
  return shape->groups > 1 && shape->in_channels == shape->groups &&
         shape->out_channels == shape->groups && shape->groups <= MAX_CHANNELS &&
         conv_volume(shape->kernel) <= MAX_TAPS;
}

/// sums[channels], then weights[taps][channels].
size_t zoo_qconv_depthwise_packed_bytes(const zoo_conv_shape *shape) {
  return (size_t)(shape->out_channels * (1 + conv_volume(shape->kernel))) * 4;
}

void zoo_qconv_depthwise_pack(
    const zoo_conv_shape *shape, const void *weights, int is_signed, void *packed) {
  const int64_t taps = conv_volume(shape->kernel), channels = shape->out_channels;
  int32_t *sums = packed, *to = sums + channels;
  for (int64_t c = 0; c < channels; c++) {
    sums[c] = 0;
    for (int64_t t = 0; t < taps; t++) {
      const uint8_t byte = ((const uint8_t *)weights)[c * taps + t] ^ (is_signed ? 0 : 0x80);
      to[t * channels + c] = (int8_t)byte;
      sums[c] += (int8_t)byte;
    }
  }
}

typedef struct {
  const zoo_qproduct *product;
  const zoo_conv_shape *shape;
  zoo_qtarget target;
} job;

/// What all elements share: what becomes of the sums, and weights without their zero points.
typedef struct {
  zoo_qcolumns columns;
  const int32_t *weights;
} shared;

static shared prepare(const job *j) {
  const zoo_qproduct *p = j->product;
  const int64_t taps = conv_volume(j->shape->kernel), channels = p->n;
  const int64_t padded = (channels + 15) / 16 * 16;
  int32_t *at = zoo_thread_scratch((size_t)(padded * 5 + taps * channels) * 4);
  shared s = {.columns = {at, at + padded, (float *)(at + 2 * padded), (float *)(at + 3 * padded)},
              .weights = p->packed + channels};
  int32_t *column_sums = at + 4 * padded, *weights = at + 5 * padded;
  memcpy(column_sums, p->packed, (size_t)channels * 4);
  zoo_qcolumns_set(p, &j->target, 0, channels, column_sums, &s.columns);
  int has_zeros = 0;
  for (int64_t c = 0; c < channels; c++) has_zeros |= s.columns.zeros[c] != 0;
  if (!has_zeros) return s;
  for (int64_t c = 0; c < channels; c++) {
    for (int64_t t = 0; t < taps; t++) {
      weights[t * channels + c] = s.weights[t * channels + c] - s.columns.zeros[c];
    }
    column_sums[c] -= (int32_t)taps * s.columns.zeros[c];
  }
  zoo_qcolumns_set(p, &j->target, 0, channels, column_sums, &s.columns);
  s.weights = weights;
  return s;
}

static void run_rows(const job *j, const shared *s, int64_t first, int rows) {
  const zoo_qproduct *p = j->product;
  const zoo_qgemm_kernels *kernels = p->kernels;
  const int64_t size = j->target.kind <= ZOO_QOUT_F32 ? 4 : 1;
  const void *pointers[MAX_TAPS * ZOO_QGEMM_MAX_ROWS];
  int32_t tile[ZOO_QGEMM_MAX_ROWS * ZOO_QGEMM_MAX_COLUMNS] __attribute__((aligned(64)));
  p->point(p->source, first, rows, kernels->max_rows, pointers);
  for (int64_t c = 0; c < p->n; c += kernels->columns) {
    const int channels = (int)(p->n - c < kernels->columns ? p->n - c : kernels->columns);
    kernels->depthwise(
        (int)p->segments, rows, pointers, c, channels, s->weights + c, p->n, tile);
    const int64_t at = first * p->ldc + c;
    zoo_qtile_target target = {
        .target = &j->target, .offsets = s->columns.offsets + c,
        .column_scales = s->columns.scales + c, .c = (char *)p->c + at * size, .ldc = p->ldc};
    if (j->target.epilogue.bias) target.bias = s->columns.bias + c;
    if (j->target.residual) {
      target.residual_bytes = (const uint8_t *)j->target.residual + at;
    } else if (j->target.epilogue.residual) {
      target.residual = j->target.epilogue.residual + at;
    }
    kernels->finish(tile, rows, channels, &target);
  }
}

static void run_elements(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  const shared s = prepare(j);
  const int max_rows = j->product->kernels->max_rows;
  for (int64_t i = begin; i < end; i += max_rows) {
    run_rows(j, &s, i, (int)(end - i < max_rows ? end - i : max_rows));
  }
}

void zoo_qconv_depthwise_run(
    const zoo_qproduct *product, const zoo_conv_shape *shape, int max_threads) {
  job j = {.product = product, .shape = shape, .target = zoo_qtarget_bounded(product->target)};
  const int64_t steps = product->n * product->segments;
  const int64_t grain = MIN_STEPS_PER_THREAD / (steps > 0 ? steps : 1);
  zoo_parallel_for(product->m, grain > 1 ? grain : 1, max_threads, run_elements, &j);
}
