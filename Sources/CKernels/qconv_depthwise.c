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
  int32_t *sums;           // of the taps of one element
  const int32_t *weights;
} shared;

static shared prepare(const job *j) {
  const zoo_qproduct *p = j->product;
  const int64_t taps = conv_volume(j->shape->kernel), channels = p->n;
  const int64_t padded = (channels + 15) / 16 * 16;
  int32_t *at = zoo_thread_scratch((size_t)(padded * 6 + taps * channels) * 4);
  shared s = {.columns = {at, at + padded, (float *)(at + 2 * padded), (float *)(at + 3 * padded)},
              .sums = at + 4 * padded, .weights = p->packed + channels};
  int32_t *column_sums = at + 5 * padded, *weights = at + 6 * padded;
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

static void run_elements(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  const zoo_qproduct *p = j->product;
  const zoo_conv_shape *shape = j->shape;
  const shared s = prepare(j);
  const int64_t size = j->target.kind <= ZOO_QOUT_F32 ? 4 : 1;
  const uint8_t *rows[MAX_TAPS];
  for (int64_t element = begin; element < end; element++) {
    const void *pointers[MAX_TAPS];
    p->point(p->source, element, 1, 1, pointers);
    for (int t = 0; t < (int)p->segments; t++) rows[t] = pointers[t];
    p->kernels->depthwise((int)p->segments, p->n, rows, s.weights, s.sums);
    const int64_t at = element * shape->out_channels;
    zoo_qtile_target target = {
        .target = &j->target, .offsets = s.columns.offsets, .column_scales = s.columns.scales,
        .c = (char *)p->c + at * size, .ldc = p->ldc};
    if (j->target.epilogue.bias) target.bias = s.columns.bias;
    if (j->target.residual) {
      target.residual_bytes = (const uint8_t *)j->target.residual + at;
    } else if (j->target.epilogue.residual) {
      target.residual = j->target.epilogue.residual + at;
    }
    p->kernels->finish(s.sums, 1, (int)p->n, &target);
  }
}

void zoo_qconv_depthwise_run(
    const zoo_qproduct *product, const zoo_conv_shape *shape, int max_threads) {
  job j = {.product = product, .shape = shape, .target = zoo_qtarget_bounded(product->target)};
  const int64_t steps = product->n * product->segments;
  const int64_t grain = MIN_STEPS_PER_THREAD / (steps > 0 ? steps : 1);
  zoo_parallel_for(product->m, grain > 1 ? grain : 1, max_threads, run_elements, &j);
}
