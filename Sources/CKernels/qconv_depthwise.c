// 8-bit convolution where each output channel reads the input channel of its own number, channels last: neighbouring
// channels are neighbouring lanes.
#include <string.h>

#include "conv_f32.h"
#include "qgemm.h"
#include "thread_scratch.h"
#include "zoo_threads.h"

enum { MAX_TAPS = 128, MAX_CHANNELS = 1 << 14, MIN_STEPS_PER_THREAD = 1 << 18 };
enum { BLOCK = ZOO_QDEPTHWISE_BLOCK };

int zoo_qconv_is_depthwise(const zoo_conv_shape *shape) {
  return shape->groups > 1 && shape->in_channels == shape->groups &&
         shape->out_channels == shape->groups && shape->groups <= MAX_CHANNELS &&
         conv_volume(shape->kernel) <= MAX_TAPS;
}

static int64_t blocks_of(const zoo_conv_shape *shape) {
  return (shape->out_channels + BLOCK - 1) / BLOCK;
}

/// sums[channels], then weights: those of `zoo_qdepthwise` if there is a kernel for them, else [taps][channels] in 32
/// bits.
size_t zoo_qconv_depthwise_packed_bytes(
    const zoo_qgemm_kernels *kernels, const zoo_conv_shape *shape) {
  const int64_t taps = conv_volume(shape->kernel), channels = shape->out_channels;
  const int64_t weights = kernels->depthwise_lines ? blocks_of(shape) * taps * BLOCK : channels * taps;
  return (size_t)(channels + weights) * 4;
}

/// Where place `place` of all blocks is in `zoo_qdepthwise.weights`.
static int64_t weight_at(int64_t taps, int64_t tap, int64_t place) {
  const int64_t line = place / BLOCK * taps + tap;
  return (line * 4 + place % 4) * BLOCK + place % BLOCK;
}

/// The channel at place `place` of all blocks; not below `channels` if there is none.
static int64_t channel_at(int64_t channels, int64_t place) {
  const int64_t first = place / BLOCK * BLOCK;
  return first + place % BLOCK % zoo_qdepthwise_width(channels - first);
}

void zoo_qconv_depthwise_pack(
    const zoo_qgemm_kernels *kernels, const zoo_conv_shape *shape, const void *weights,
    int is_signed, void *packed) {
  const int64_t taps = conv_volume(shape->kernel), channels = shape->out_channels;
  memset(packed, 0, zoo_qconv_depthwise_packed_bytes(kernels, shape));
  int32_t *sums = packed, *to = sums + channels;
  const uint8_t flip = is_signed ? 0 : 0x80, *from = weights;
  for (int64_t c = 0; c < channels; c++) {
    for (int64_t t = 0; t < taps; t++) {
      const int8_t weight = (int8_t)(from[c * taps + t] ^ flip);
      if (!kernels->depthwise_lines) to[t * channels + c] = weight;
      sums[c] += weight;
    }
  }
  for (int64_t i = 0; kernels->depthwise_lines && i < blocks_of(shape) * BLOCK; i++) {
    const int64_t c = channel_at(channels, i);
    for (int64_t t = 0; c < channels && t < taps; t++) {
      ((int8_t *)to)[weight_at(taps, t, i)] = (int8_t)(from[c * taps + t] ^ flip);
    }
  }
}

typedef struct {
  const zoo_qproduct *product;
  const zoo_conv_shape *shape;
  zoo_qtarget target;
} job;

/// What all elements share: what becomes of the sums, and weights without their zero points, [taps][channels]; or, if
/// `lines.weights` is not NULL, the same for kernels of lines.
typedef struct {
  zoo_qcolumns columns;
  const int32_t *weights;
  zoo_qdepthwise lines;
} shared;

/// Memory for `shared`, in this order; what is given per channel is as long as whole blocks.
typedef struct {
  int32_t *offsets, *zeros;
  float *scales, *bias;
  int32_t *sums, *line_offsets;
  float *line_scales, *line_bias;
  int32_t *weights;
} memory;

static memory memory_for(const job *j) {
  const int64_t channels = blocks_of(j->shape) * BLOCK;
  const int64_t weights = conv_volume(j->shape->kernel) * j->product->n;
  int32_t *at = zoo_thread_scratch((size_t)(channels * 8 + weights) * 4);
  return (memory){
      at, at + channels, (float *)(at + 2 * channels), (float *)(at + 3 * channels),
      at + 4 * channels, at + 5 * channels, (float *)(at + 6 * channels),
      (float *)(at + 7 * channels), at + 8 * channels};
}

/// Weights without the zero points of their channels, whose sums are corrected.
static void set_weights(const job *j, const int32_t *zeros, const memory *m) {
  const zoo_qproduct *p = j->product;
  const int64_t taps = conv_volume(j->shape->kernel), channels = p->n;
  const int32_t *packed = p->packed + channels;
  for (int64_t c = 0; c < channels; c++) {
    for (int64_t t = 0; t < taps; t++) {
      const int32_t weight = p->kernels->depthwise_lines
                                 ? ((const int8_t *)packed)[weight_at(taps, t, c)]
                                 : packed[t * channels + c];
      m->weights[t * channels + c] = weight - zeros[c];
    }
    m->sums[c] -= (int32_t)taps * zeros[c];
  }
}

/// Brings what is given per channel into the order of the kernel of lines.
static void set_lines(const job *j, const memory *m, shared *s) {
  const int64_t count = blocks_of(j->shape) * BLOCK;
  const int has_bias = j->target.epilogue.bias != NULL;
  for (int64_t i = 0; i < count; i++) {
    const int64_t to = i / BLOCK * BLOCK + i % BLOCK / 4 + i % 4 * (BLOCK / 4);
    const int64_t c = channel_at(j->product->n, i);
    const int is_known = c < j->product->n;
    m->line_offsets[to] = is_known ? m->offsets[c] : 0;
    m->line_scales[to] = is_known ? m->scales[c] : 0;
    m->line_bias[to] = is_known && has_bias ? m->bias[c] : 0;
  }
  s->lines = (zoo_qdepthwise){
      .taps = (int)j->product->segments, .channels = j->product->n,
      .weights = (const int8_t *)(j->product->packed + j->product->n), .offsets = m->line_offsets,
      .scales = m->line_scales, .bias = has_bias ? m->line_bias : NULL, .target = &j->target};
}

static int has_lines(const job *j, const zoo_qcolumns *columns) {
  const zoo_qtarget *target = &j->target;
  return j->product->kernels->depthwise_lines && target->kind > ZOO_QOUT_F32 &&
         columns->is_moderate && zoo_qtarget_is_moderate(target) && !target->residual;
}

static shared prepare(const job *j) {
  const zoo_qproduct *p = j->product;
  const int64_t channels = p->n;
  const memory m = memory_for(j);
  shared s = {.columns = {m.offsets, m.zeros, m.scales, m.bias, 0}, .weights = p->packed + channels};
  memcpy(m.sums, p->packed, (size_t)channels * 4);
  zoo_qcolumns_set(p, &j->target, 0, channels, m.sums, &s.columns);
  int has_zeros = 0;
  for (int64_t c = 0; c < channels; c++) has_zeros |= s.columns.zeros[c] != 0;
  if (!has_zeros && has_lines(j, &s.columns)) {
    set_lines(j, &m, &s);
    return s;
  }
  if (!has_zeros && !p->kernels->depthwise_lines) return s;
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
  if (s->lines.weights) {
    kernels->depthwise_lines(&s->lines, rows, pointers, (char *)p->c + first * p->ldc, p->ldc);
    return;
  }
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
    const zoo_qproduct *product, const zoo_conv_shape *shape, int max_threads) {
  job j = {.product = product, .shape = shape, .target = zoo_qtarget_bounded(product->target)};
  const int64_t steps = product->n * product->segments;
  const int64_t grain = MIN_STEPS_PER_THREAD / (steps > 0 ? steps : 1);
  zoo_parallel_for(product->m, grain > 1 ? grain : 1, max_threads, run_elements, &j);
}
