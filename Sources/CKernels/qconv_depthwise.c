// 8-bit convolution where each output channel reads the input channel of its own number, channels last: neighbouring
// channels are neighbouring lanes.
#include <string.h>

#include "conv_f32.h"
#include "extents.h"
#include "qgemm.h"
#include "thread_scratch.h"
#include "zoo_threads.h"

enum { MAX_TAPS = 128, MAX_CHANNELS = 1 << 14, MIN_STEPS_PER_THREAD = 1 << 18 };

int zoo_qconv_is_depthwise(const zoo_conv_shape *shape) {
  return shape->groups > 1 && shape->in_channels == shape->groups &&
         shape->out_channels == shape->groups && shape->groups <= MAX_CHANNELS &&
         conv_volume(shape->kernel) <= MAX_TAPS;
}

/// sums[channels], then weights: [taps][channels] in 32 bits, or as the interleaved form has them.
size_t zoo_qconv_depthwise_packed_bytes(
    const zoo_qgemm_kernels *kernels, const zoo_conv_shape *shape) {
  const int64_t taps = conv_volume(shape->kernel), channels = shape->out_channels;
  const size_t sums = whole_lines((size_t)channels * 4);
  if (!zoo_qconv_is_interleaved(kernels, shape)) return sums + (size_t)(channels * taps) * 4;
  return sums + zoo_qconv_interleaved_bytes(kernels, shape);
}

/// The weights behind the sums.
static const int32_t *weights_of(const void *packed, int64_t channels) {
  return (const int32_t *)((const char *)packed + whole_lines((size_t)channels * 4));
}

void zoo_qconv_depthwise_pack(
    const zoo_qgemm_kernels *kernels, const zoo_conv_shape *shape, const void *weights,
    int is_signed, void *packed) {
  const int64_t taps = conv_volume(shape->kernel), channels = shape->out_channels;
  const int is_interleaved = zoo_qconv_is_interleaved(kernels, shape);
  memset(packed, 0, zoo_qconv_depthwise_packed_bytes(kernels, shape));
  int32_t *sums = packed, *to = (int32_t *)weights_of(packed, channels);
  const uint8_t flip = is_signed ? 0 : 0x80, *from = weights;
  for (int64_t c = 0; c < channels; c++) {
    for (int64_t t = 0; t < taps; t++) {
      const int8_t weight = (int8_t)(from[c * taps + t] ^ flip);
      if (is_interleaved) {
        zoo_qconv_interleaved_set(kernels, shape, to, c, t, weight);
      } else {
        to[t * channels + c] = weight;
      }
      sums[c] += weight;
    }
  }
}

typedef struct {
  const zoo_qproduct *product;
  const zoo_conv_shape *shape;
  zoo_qtarget target;
} job;

/// What all elements share: what becomes of the sums, and weights without their zero points, [taps][channels].
typedef struct {
  zoo_qcolumns columns;
  const int32_t *weights;
} shared;

/// Memory for `shared`, in this order; what is given per channel is as long as whole tiles.
typedef struct {
  int32_t *offsets, *zeros;
  float *scales, *bias;
  int32_t *sums, *weights;
} memory;

static memory memory_for(const job *j) {
  const int64_t columns = j->product->kernels->columns;
  const int64_t channels = divide_up(j->product->n, columns) * columns;
  const int64_t weights = conv_volume(j->shape->kernel) * j->product->n;
  int32_t *at = zoo_thread_scratch((size_t)(channels * 5 + weights) * 4);
  return (memory){at, at + channels, (float *)(at + 2 * channels), (float *)(at + 3 * channels),
                  at + 4 * channels, at + 5 * channels};
}

/// Weights without the zero points of their channels, whose sums are corrected.
static void set_weights(const job *j, const int32_t *zeros, const memory *m) {
  const zoo_qproduct *p = j->product;
  const int64_t taps = conv_volume(j->shape->kernel), channels = p->n;
  const int32_t *packed = weights_of(p->packed, channels);
  const int is_interleaved = zoo_qconv_is_interleaved(p->kernels, j->shape);
  for (int64_t c = 0; c < channels; c++) {
    for (int64_t t = 0; t < taps; t++) {
      const int32_t weight =
          is_interleaved ? zoo_qconv_interleaved_weight(p->kernels, j->shape, packed, c, t)
                         : packed[t * channels + c];
      m->weights[t * channels + c] = weight - zeros[c];
    }
    m->sums[c] -= (int32_t)taps * zeros[c];
  }
}

/// Whether some channel's weights have a zero point other than 0.
static int has_zeros(const zoo_qproduct *p) {
  const int32_t none = p->b_side.is_signed ? 0 : 0x80;
  const int64_t count = p->b_side.zero ? p->b_side.zero_per_line ? p->n : 1 : 0;
  int differs = p->b_side.zero == NULL && none != 0;
  for (int64_t i = 0; i < count; i++) differs |= ((const uint8_t *)p->b_side.zero)[i] != none;
  return differs;
}

static shared prepare(const job *j) {
  const zoo_qproduct *p = j->product;
  const int64_t channels = p->n;
  const memory m = memory_for(j);
  shared s = {{m.offsets, m.zeros, m.scales, m.bias, 0}, weights_of(p->packed, channels)};
  memcpy(m.sums, p->packed, (size_t)channels * 4);
  zoo_qcolumns_set(p, &j->target, 0, channels, m.sums, &s.columns);
  if (!has_zeros(p) && !zoo_qconv_is_interleaved(p->kernels, j->shape)) return s;
  set_weights(j, m.zeros, &m);
  zoo_qcolumns_set(p, &j->target, 0, channels, m.sums, &s.columns);
  s.weights = m.weights;
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
        (int)p->segments, rows, pointers, c, channels, s->weights + c, p->n,
        s->columns.offsets + c, tile);
    const int64_t at = first * p->ldc + c;
    zoo_qtile_target target = {
        .target = &j->target, .is_moderate = s->columns.is_moderate,
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
    const zoo_qproduct *product, const zoo_conv_shape *shape, const uint8_t *input, uint8_t zero,
    int max_threads) {
  if (zoo_qconv_is_interleaved(product->kernels, shape) && !has_zeros(product)) {
    zoo_qconv_interleaved_run(
        product, shape, product->packed, (const int8_t *)weights_of(product->packed, product->n),
        input, zero, max_threads);
    return;
  }
  job j = {.product = product, .shape = shape, .target = zoo_qtarget_completed(product->target)};
  const int64_t steps = product->n * product->segments;
  const int64_t grain = MIN_STEPS_PER_THREAD / (steps > 0 ? steps : 1);
  zoo_parallel_for(product->m, grain > 1 ? grain : 1, max_threads, run_elements, &j);
}
