// Transposed convolution of channel blocks whose kernel is as large as its stride: every input pixel becomes a rectangle
// of output pixels of its own, so each tap is a product of matrices, whose results are spread over the output.
#include <string.h>

#include "blocked.h"
#include "zoo_threads.h"

enum { LANES = ZOO_CHANNEL_BLOCK, MIN_STEPS_PER_THREAD = 1 << 17, TILE_FLOATS = 16 * 2 * LANES };

static int64_t taps_of(const zoo_conv_shape *shape) { return conv_volume(shape->kernel); }

int zoo_blocked_spread_takes(const zoo_conv_shape *shape, int to_planes) {
  if (shape->groups != 1 || shape->kernel[0] != 1 || shape->input[0] != 1) return 0;
  for (int axis = 1; axis < 3; axis++) {
    if (shape->kernel[axis] != shape->stride[axis] || shape->pad[axis] != 0) return 0;
    if (shape->kernel[axis] > 16 || shape->dilation[axis] != 1) return 0;
  }
  return to_planes ? shape->out_channels * taps_of(shape) <= LANES : 1;
}

/// Units of output channels of one tap; to planes, all taps' channels are the lanes of one block.
static int64_t units_of(
    const zoo_blocked_kernels *kernels, const zoo_conv_shape *shape, int to_planes) {
  const int64_t blocks = to_planes ? 1 : blocks_of(shape->out_channels);
  return (blocks + kernels->max_blocks - 1) / kernels->max_blocks;
}

static int64_t bias_floats(const zoo_conv_shape *shape, int to_planes) {
  return (to_planes ? 1 : blocks_of(shape->out_channels)) * LANES;
}

static int64_t unit_floats(const zoo_blocked_kernels *kernels, const zoo_conv_shape *shape) {
  return shape->in_channels * kernels->max_blocks * LANES;
}

size_t zoo_blocked_spread_packed_bytes(
    zoo_isa isa, const zoo_conv_shape *shape, int to_planes) {
  const zoo_blocked_kernels *kernels = zoo_blocked_table(isa);
  const int64_t products = (to_planes ? 1 : taps_of(shape)) * units_of(kernels, shape, to_planes);
  return (size_t)(bias_floats(shape, to_planes) + products * unit_floats(kernels, shape)) *
         sizeof(float);
}

void zoo_blocked_spread_pack(
    zoo_isa isa, const zoo_conv_shape *shape, int to_planes, const float *weights,
    const float *bias, void *packed) {
  const zoo_blocked_kernels *kernels = zoo_blocked_table(isa);
  const int64_t taps = taps_of(shape), units = units_of(kernels, shape, to_planes);
  const int64_t blocks = to_planes ? 1 : blocks_of(shape->out_channels);
  memset(packed, 0, zoo_blocked_spread_packed_bytes(isa, shape, to_planes));
  float *biases = packed, *to = biases + bias_floats(shape, to_planes);
  for (int64_t m = 0; m < shape->out_channels; m++) {
    for (int64_t t = 0; t < taps; t++) {
      const int64_t lane = to_planes ? t * shape->out_channels + m : m;
      const int64_t unit = lane / (kernels->max_blocks * LANES);
      const int64_t left = blocks - unit * kernels->max_blocks;
      const int64_t width = (left < kernels->max_blocks ? left : kernels->max_blocks) * LANES;
      float *own = to + ((to_planes ? 0 : t * units) + unit) * unit_floats(kernels, shape);
      if (bias) biases[lane] = bias[m];
      for (int64_t c = 0; c < shape->in_channels; c++) {
        own[c * width + lane % (kernels->max_blocks * LANES)] =
            weights[(c * shape->out_channels + m) * taps + t];
      }
    }
  }
}

typedef struct {
  const zoo_blocked_kernels *kernels;
  const zoo_conv_shape *shape;
  int to_planes;
  const float *input, *bias, *weights;
  float *output;
  zoo_activation activation;
} job;

/// Pixels of one tap and some blocks go to every kernel[2]-th pixel of an output row.
static void spread_blocks(
    const job *j, int64_t image, int64_t block, int blocks, int64_t tap, int64_t y, int64_t x,
    int pixels, const float *tile) {
  const zoo_conv_shape *s = j->shape;
  const int64_t height = s->output[1], width = s->output[2];
  const int64_t row = y * s->kernel[1] + tap / s->kernel[2];
  for (int b = 0; b < blocks; b++, tile += 16 * LANES) {
    const int64_t plane = image * blocks_of(s->out_channels) + block + b;
    const int64_t column = x * s->kernel[2] + tap % s->kernel[2];
    float *to = j->output + ((plane * height + row) * width + column) * LANES;
    for (int i = 0; i < pixels; i++) {
      memcpy(to + i * s->kernel[2] * LANES, tile + i * LANES, LANES * sizeof(float));
    }
  }
}

/// The lanes of pixels go to the planes and taps that they belong to.
static void spread_planes(
    const job *j, int64_t image, int64_t y, int64_t x, int pixels, const float *tile) {
  const zoo_conv_shape *s = j->shape;
  const int64_t height = s->output[1], width = s->output[2];
  const int64_t high = s->kernel[1], wide = s->kernel[2];
  for (int64_t m = 0; m < s->out_channels; m++) {
    for (int64_t v = 0; v < high; v++) {
      const int64_t row = (image * s->out_channels + m) * height + y * high + v;
      float *to = j->output + row * width + x * wide;
      for (int i = 0; i < pixels; i++) {
        for (int64_t u = 0; u < wide; u++) {
          to[i * wide + u] = tile[i * LANES + (v * wide + u) * s->out_channels + m];
        }
      }
    }
  }
}

static void run_rows(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  const zoo_conv_shape *s = j->shape;
  const zoo_blocked_kernels *kernels = j->kernels;
  const int64_t height = s->input[1], width = s->input[2], zero = 0;
  const int64_t blocks = j->to_planes ? 1 : blocks_of(s->out_channels);
  const int64_t units = units_of(kernels, s, j->to_planes);
  const int64_t tiles = (width + kernels->max_pixels - 1) / kernels->max_pixels;
  float tile[TILE_FLOATS] __attribute__((aligned(64)));
  zoo_blocked_source source = {
      .block = height * width * LANES, .columns = &zero, .rows = 1, .column_count = 1,
      .channels = s->in_channels};
  for (int64_t i = begin; i < end; i++) {
    const int64_t image = i / height, y = i % height;
    const float *line =
        j->input + (image * blocks_of(s->in_channels) * height + y) * width * LANES;
    for (int64_t product = 0; product < (j->to_planes ? 1 : taps_of(s)) * units; product++) {
      const int64_t tap = product / units, block = product % units * kernels->max_blocks;
      const int64_t left = blocks - block;
      const int count = left < kernels->max_blocks ? (int)left : kernels->max_blocks;
      const zoo_blocked_target target = {
          .out = tile, .block = 16 * LANES, .bias = j->bias + block * LANES,
          .activation = j->activation};
      source.weights = j->weights + product * unit_floats(kernels, s);
      for (int64_t t = 0, x = 0; t < tiles; t++) {
        const int pixels = (int)(width / tiles + (t < width % tiles));
        source.in = line + x * LANES;
        kernels->tile(pixels, count, 0, &source, &target);
        if (j->to_planes) {
          spread_planes(j, image, y, x, pixels, tile);
        } else {
          spread_blocks(j, image, block, count, tap, y, x, pixels, tile);
        }
        x += pixels;
      }
    }
  }
}

void zoo_blocked_spread_run(
    zoo_isa isa, const zoo_conv_shape *shape, int to_planes, const float *input,
    const void *packed, zoo_activation activation, float *output, int max_threads) {
  if (shape->input[2] <= 0) return;
  const float *bias = packed;
  job j = {
      .kernels = zoo_blocked_table(isa), .shape = shape, .to_planes = to_planes, .input = input,
      .bias = bias, .weights = bias + bias_floats(shape, to_planes), .output = output,
      .activation = activation};
  const int64_t steps = shape->input[2] * shape->in_channels * LANES + 1;
  const int64_t grain = MIN_STEPS_PER_THREAD / steps;
  zoo_parallel_for(
      shape->batch * shape->input[1], grain < 1 ? 1 : grain, max_threads, run_rows, &j);
}
