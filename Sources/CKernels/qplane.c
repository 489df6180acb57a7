// What stands between 8-bit products, with channels last: neighbouring channels are neighbouring lanes.
// The same to the bit on every processor: nothing becomes a fused multiply-add that is not written as one.
#pragma STDC FP_CONTRACT OFF

#include "zoo_qplane.h"

#include <string.h>

#include "conv_f32.h"
#include "extents.h"
#include "qgemm.h"
#include "thread_scratch.h"
#include "zoo_threads.h"

enum { GRAIN = 1 << 16, TAPS = 64, COPIES = 1 << 11 };

// MARK: Joining

typedef struct {
  const zoo_qgemm_kernels *kernels;
  const zoo_qjoin *join;
  const uint8_t *a, *b;
  uint8_t *c;
} join_job;

static void join_elements(void *context, int64_t begin, int64_t end) {
  const join_job *j = context;
  j->kernels->join(
      j->join, end - begin, j->a + begin, NULL, j->b + begin, NULL, j->c + begin);
}

/// Lines that one line of an operand is joined with, `count` of them: what its codes stand for, computed once and copied so
/// often that they make long lines.
static void join_repeated(const join_job *j, int64_t first, int64_t count) {
  const zoo_qjoin_lines *lines = &j->join->lines;
  const int64_t inner = lines->inner, once = first / lines->repeats * inner;
  const uint8_t *line = lines->a_repeats ? j->a + once : j->b + once;
  const zoo_qform *form = lines->a_repeats ? &j->join->a : &j->join->b;
  float copies[COPIES];
  int64_t part = lesser(inner, COPIES), together = 1;
  if (inner > 0 && inner <= COPIES / 2) together = lesser(count, COPIES / inner);
  for (int64_t at = 0; at < inner; at += part) {
    part = lesser(part, inner - at);
    j->kernels->reals(form, part, line + at, copies);
    for (int64_t i = 1; i < together; i++) {
      memcpy(copies + i * inner, copies, (size_t)inner * sizeof(float));
    }
    for (int64_t i = first, end = first + count; i < end; i += together) {
      const int64_t place = i * inner + at;
      const int64_t elements = together > 1 ? lesser(together, end - i) * inner : part;
      if (lines->a_repeats) {
        j->kernels->join(j->join, elements, NULL, copies, j->b + place, NULL, j->c + place);
      } else {
        j->kernels->join(j->join, elements, j->a + place, NULL, NULL, copies, j->c + place);
      }
    }
  }
}

static void join_lines(void *context, int64_t begin, int64_t end) {
  const join_job *j = context;
  const int64_t repeats = j->join->lines.repeats;
  for (int64_t i = begin; i < end;) {
    const int64_t count = lesser(repeats - i % repeats, end - i);
    join_repeated(j, i, count);
    i += count;
  }
}

void zoo_qjoin_run(
    zoo_isa isa, const zoo_qjoin *join, const void *a, const void *b, void *c, int max_threads) {
  join_job job = {zoo_qgemm_table(isa), join, a, b, c};
  const zoo_qjoin_lines *lines = &join->lines;
  const int64_t rows = lines->outer * lines->repeats;
  if (!lines->a_repeats && !lines->b_repeats) {
    zoo_parallel_for(rows * lines->inner, GRAIN, max_threads, join_elements, &job);
  } else {
    const int64_t grain = GRAIN / greater(lines->inner, 1);
    zoo_parallel_for(rows, greater(grain, 1), max_threads, join_lines, &job);
  }
}

// MARK: Pooling

typedef struct {
  const zoo_qgemm_kernels *kernels;
  const zoo_conv_shape *shape;
  const uint8_t *x;
  void *y;
  uint8_t flip;
  zoo_qform from;
  const zoo_qform *to;
  int counts_padding;
} pool_job;

typedef void (*take_rows)(void *context, int taps, const uint8_t *const *rows);

/// Hands the input elements of a window to `take`, a few at a time; returns how many there are.
static int64_t walk(const pool_job *j, int64_t element, take_rows take, void *context) {
  const zoo_conv_shape *shape = j->shape;
  const zoo_qplace at = zoo_qplace_of(shape, element);
  const int64_t origin[3] = {at.z, at.y, at.x};
  int64_t first[3], end[3];
  for (int axis = 0; axis < 3; axis++) {
    const int64_t step = shape->dilation[axis];
    first[axis] = origin[axis] >= 0 ? 0 : (-origin[axis] + step - 1) / step;
    end[axis] = lesser(
        shape->kernel[axis],
        greater(0, (shape->input[axis] - origin[axis] + step - 1) / step));
  }
  const uint8_t *rows[TAPS];
  int taps = 0;
  int64_t count = 0;
  for (int64_t z = first[0]; z < end[0]; z++) {
    for (int64_t y = first[1]; y < end[1]; y++) {
      for (int64_t x = first[2]; x < end[2]; x++) {
        const int64_t line = (at.image * shape->input[0] + at.z + z * shape->dilation[0]) *
                                 shape->input[1] + at.y + y * shape->dilation[1];
        const int64_t place = line * shape->input[2] + at.x + x * shape->dilation[2];
        rows[taps++] = j->x + place * shape->in_channels;
        count++;
        if (taps < TAPS) continue;
        take(context, taps, rows);
        taps = 0;
      }
    }
  }
  if (taps > 0) take(context, taps, rows);
  return count;
}

typedef struct {
  const pool_job *job;
  uint8_t *most;
} max_window;

static void take_most(void *context, int taps, const uint8_t *const *rows) {
  const max_window *w = context;
  w->job->kernels->greatest(taps, w->job->shape->in_channels, rows, w->job->flip, w->most);
}

static void pool_max(void *context, int64_t begin, int64_t end) {
  const pool_job *j = context;
  const int64_t channels = j->shape->in_channels;
  for (int64_t element = begin; element < end; element++) {
    uint8_t *most = (uint8_t *)j->y + element * channels;
    memset(most, 0, (size_t)channels);
    max_window window = {j, most};
    walk(j, element, take_most, &window);
    if (!j->flip) continue;
    for (int64_t c = 0; c < channels; c++) most[c] ^= j->flip;
  }
}

static int64_t elements_of(const zoo_conv_shape *shape) {
  return shape->batch * conv_volume(shape->output);
}

static int64_t grain_of(const zoo_conv_shape *shape) {
  const int64_t steps = shape->in_channels * conv_volume(shape->kernel);
  return greater(1, GRAIN / greater(1, steps));
}

void zoo_qpool_max(
    zoo_isa isa, const zoo_conv_shape *shape, int is_signed, const void *x, void *y,
    int max_threads) {
  pool_job job = {
      .kernels = zoo_qgemm_table(isa), .shape = shape, .x = x, .y = y,
      .flip = is_signed ? 0x80 : 0};
  zoo_parallel_for(elements_of(shape), grain_of(shape), max_threads, pool_max, &job);
}

typedef struct {
  const pool_job *job;
  int32_t *sums;
} sum_window;

static void take_sums(void *context, int taps, const uint8_t *const *rows) {
  const sum_window *w = context;
  w->job->kernels->accumulate(taps, w->job->shape->in_channels, rows, w->job->flip, w->sums);
}

static void pool_average(void *context, int64_t begin, int64_t end) {
  const pool_job *j = context;
  const zoo_conv_shape *shape = j->shape;
  const int64_t channels = shape->in_channels, padded = (channels + 15) / 16 * 16;
  int32_t *sums = zoo_thread_scratch((size_t)padded * 8);
  float *scales = (float *)(sums + padded);
  zoo_qtarget result = {.kind = ZOO_QOUT_F32};
  if (j->to) {
    result.kind = j->to->is_signed ? ZOO_QOUT_S8 : ZOO_QOUT_U8;
    result.scale = j->to->scale;
    result.zero = j->to->zero;
  }
  result = zoo_qtarget_completed(&result);
  int64_t known = -1;
  for (int64_t element = begin; element < end; element++) {
    sum_window window = {j, sums};
    memset(sums, 0, (size_t)channels * 4);
    const int64_t inside = walk(j, element, take_sums, &window);
    const int32_t offset = (int32_t)(-inside * (j->from.zero + j->flip));
    for (int64_t c = 0; c < channels; c++) sums[c] += offset;
    const int64_t count = j->counts_padding ? conv_volume(shape->kernel) : greater(1, inside);
    if (inside != known) {
      float scale = j->from.scale / (float)count;
      if (j->to) scale /= j->to->scale;
      for (int64_t c = 0; c < channels; c++) scales[c] = scale;
      known = inside;
    }
    const zoo_qtile_target target = {
        .target = &result, .is_moderate = scales[0] <= 0.25f, .column_scales = scales,
        .c = (char *)j->y + element * channels * (j->to ? 1 : 4), .ldc = channels};
    j->kernels->finish(sums, 1, (int)channels, &target);
  }
}

void zoo_qpool_average(
    zoo_isa isa, const zoo_conv_shape *shape, zoo_qform from, const zoo_qform *to,
    int counts_padding, const void *x, void *y, int max_threads) {
  pool_job job = {
      .kernels = zoo_qgemm_table(isa), .shape = shape, .x = x, .y = y,
      .flip = from.is_signed ? 0x80 : 0, .from = from, .to = to, .counts_padding = counts_padding};
  zoo_parallel_for(elements_of(shape), grain_of(shape), max_threads, pool_average, &job);
}
