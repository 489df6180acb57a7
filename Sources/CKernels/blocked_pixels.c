// Pooling, scaling and resizing of channel blocks: rows or blocks are handed to threads.
#include "blocked.h"
#include "zoo_threads.h"

enum { MIN_FLOATS_PER_THREAD = 1 << 13, LANES = ZOO_CHANNEL_BLOCK };

static int64_t greater(int64_t a, int64_t b) { return a > b ? a : b; }

/// Taps along an axis that count for an average: those inside, or inside the padding, too.
static int64_t counted(const zoo_blocked_pool *pool, int axis, int64_t place) {
  const zoo_conv_shape *s = &pool->shape;
  const int64_t low = pool->counts_padding ? -s->pad[axis] : 0;
  const int64_t high = s->input[axis] + (pool->counts_padding ? pool->pad_end[axis] : 0);
  int64_t taps = 0;
  for (int64_t k = 0; k < s->kernel[axis]; k++) {
    const int64_t at = place * s->stride[axis] - s->pad[axis] + k * s->dilation[axis];
    taps += at >= low && at < high;
  }
  return greater(taps, 1);
}

// MARK: Windows

typedef struct {
  const zoo_blocked_kernels *kernels;
  const zoo_blocked_pool *pool;
  const float *input;
  float *output, *divisors;
  int64_t first, rows;  // of the output: divisors differ near the borders
} pool_job;

static void run_pool_row(const pool_job *j, int64_t plane, int64_t y) {
  const zoo_conv_shape *s = &j->pool->shape;
  const int64_t top = y * s->stride[1] - s->pad[1], step = s->dilation[1];
  int64_t first = 0, last = s->kernel[1];
  while (first < last && top + first * step < 0) first++;
  while (last > first && top + (last - 1) * step >= s->input[1]) last--;
  zoo_blocked_line line = {
      .in = j->input + (plane * s->input[1] + top + first * step) * s->input[2] * LANES,
      .row = step * s->input[2] * LANES, .rows = (int)(last - first),
      .columns = (int)s->kernel[2], .width = s->input[2], .out_width = s->output[2],
      .stride = s->stride[2], .dilation = s->dilation[2], .pad = s->pad[2]};
  j->kernels->pool(
      &line, j->pool->is_max ? NULL : j->divisors,
      j->output + (plane * s->output[1] + y) * s->output[2] * LANES);
}

static void run_pool_rows(void *context, int64_t begin, int64_t end) {
  const pool_job *j = context;
  for (int64_t item = begin; item < end; item++) {
    run_pool_row(j, item / j->rows, j->first + item % j->rows);
  }
}

void zoo_blocked_pool_run(
    zoo_isa isa, const zoo_blocked_pool *pool, const float *input, float *output,
    float *divisors, int max_threads) {
  const zoo_conv_shape *s = &pool->shape;
  pool_job j = {zoo_blocked_table(isa), pool, input, output, divisors, 0, 0};
  const int64_t planes = s->batch * blocks_of(s->in_channels);
  const int64_t row = greater(1, s->output[2] * s->kernel[1] * s->kernel[2] * LANES);
  for (j.first = 0; j.first < s->output[1]; j.first += j.rows) {
    j.rows = s->output[1] - j.first;
    if (!pool->is_max) {
      const int64_t taps = counted(pool, 1, j.first);
      j.rows = 1;
      while (j.first + j.rows < s->output[1] && counted(pool, 1, j.first + j.rows) == taps) j.rows++;
      for (int64_t x = 0; x < s->output[2]; x++) {
        divisors[x] = (float)(taps * counted(pool, 2, x));
      }
    }
    zoo_parallel_for(
        planes * j.rows, greater(1, MIN_FLOATS_PER_THREAD / row), max_threads, run_pool_rows, &j);
  }
}

// MARK: Whole planes

typedef struct {
  const zoo_blocked_kernels *kernels;
  int64_t pixels, period;
  int is_max;
  const float *input, *scale, *shift;
  float *output;
  zoo_activation activation;
  const zoo_blocked_resize *resize;
} plane_job;

static void run_means(void *context, int64_t begin, int64_t end) {
  const plane_job *j = context;
  j->kernels->pool_all(
      end - begin, j->pixels, j->is_max ? ZOO_POOL_MAX : ZOO_POOL_MEAN, j->input + begin * j->pixels * LANES,
      j->output + begin * LANES);
}

void zoo_blocked_pool_all(
    zoo_isa isa, int64_t blocks, int64_t pixels, int is_max, const float *input, float *output,
    int max_threads) {
  plane_job j = {
      .kernels = zoo_blocked_table(isa), .pixels = pixels, .is_max = is_max, .input = input,
      .output = output};
  zoo_parallel_for(
      blocks, greater(4, MIN_FLOATS_PER_THREAD / greater(1, pixels * LANES)), max_threads,
      run_means, &j);
}

static void run_affine(void *context, int64_t begin, int64_t end) {
  const plane_job *j = context;
  for (int64_t i = begin; i < end; i++) {
    const int64_t at = i * j->pixels * LANES, row = i % j->period * LANES;
    j->kernels->affine(
        j->pixels, j->input + at, j->scale ? j->scale + row : NULL,
        j->shift ? j->shift + row : NULL, &j->activation, j->output + at);
  }
}

void zoo_blocked_affine_run(
    zoo_isa isa, int64_t blocks, int64_t pixels, int64_t period, const float *input,
    const float *scale, const float *shift, zoo_activation activation, float *output,
    int max_threads) {
  plane_job j = {
      .kernels = zoo_blocked_table(isa), .pixels = pixels, .period = greater(period, 1),
      .input = input, .scale = scale, .shift = shift, .output = output, .activation = activation};
  zoo_parallel_for(
      blocks, greater(1, MIN_FLOATS_PER_THREAD / greater(1, pixels * LANES)), max_threads,
      run_affine, &j);
}

static void run_resize(void *context, int64_t begin, int64_t end) {
  const plane_job *j = context;
  const zoo_blocked_resize *r = j->resize;
  for (int64_t i = begin; i < end; i++) {
    const int64_t plane = i / r->out_height, y = i % r->out_height;
    j->kernels->resize_row(
        r, y, j->input + plane * r->height * r->width * LANES,
        j->output + i * r->out_width * LANES);
  }
}

void zoo_blocked_resize_run(
    zoo_isa isa, int64_t blocks, const zoo_blocked_resize *resize, const float *input,
    float *output, int max_threads) {
  plane_job j = {
      .kernels = zoo_blocked_table(isa), .input = input, .output = output, .resize = resize};
  zoo_parallel_for(
      blocks * resize->out_height,
      greater(1, MIN_FLOATS_PER_THREAD / greater(1, resize->out_width * LANES)), max_threads,
      run_resize, &j);
}
