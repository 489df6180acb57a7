// Channel by channel convolution of blocks: a vector holds the channels of a pixel, so every tap is one multiply-add,
// and nothing is copied.
#include "blocked.h"
#include "zoo_threads.h"

enum { MIN_STEPS_PER_THREAD = 1 << 13, LANES = ZOO_CHANNEL_BLOCK };

static int64_t greater(int64_t a, int64_t b) { return a > b ? a : b; }

/// What is the same for all rows.
static zoo_blocked_line line_of(const zoo_conv_shape *shape) {
  return (zoo_blocked_line){
      .row = shape->dilation[1] * shape->input[2] * LANES, .columns = (int)shape->kernel[2],
      .width = shape->input[2], .out_width = shape->output[2], .stride = shape->stride[2],
      .dilation = shape->dilation[2], .pad = shape->pad[2]};
}

/// Whether two rows of outputs can be computed at once.
static int takes_pairs(const zoo_blocked_conv *conv) {
  const zoo_conv_shape *shape = conv->shape;
  const int columns = (int)shape->kernel[2];
  return conv->kernels->two_lines && (columns == 3 || columns == 5) && shape->stride[1] == 1 &&
         shape->stride[2] == 1 && shape->dilation[1] == 1 && shape->dilation[2] == 1;
}

/// Rows begin ..< begin + count (1 or 2) of image `plane` of the output.
static void run_rows(
    const zoo_blocked_conv *conv, zoo_blocked_line line, int64_t plane, int64_t begin, int count) {
  const zoo_conv_shape *shape = conv->shape;
  const int64_t block = plane % blocks_of(shape->out_channels), step = shape->dilation[1];
  const int64_t top = begin * shape->stride[1] - shape->pad[1];
  // Two rows read one row more than one.
  int64_t first = 0, last = shape->kernel[1] + count - 1;
  while (first < last && top + first * step < 0) first++;
  while (last > first && top + (last - 1) * step >= shape->input[1]) last--;
  line.rows = (int)(last - first);
  line.in = conv->input + (plane * shape->input[1] + top + first * step) * shape->input[2] * LANES;
  line.weights = conv->weights + block * shape->kernel[1] * shape->kernel[2] * LANES;
  const int64_t at = (plane * shape->output[1] + begin) * shape->output[2] * LANES;
  const zoo_blocked_target target = zoo_blocked_target_at(conv, at, block, 0);
  if (count == 2) {
    const zoo_blocked_two_lines lines = {
        .line = line, .first = (int)first, .taps = (int)shape->kernel[1]};
    conv->kernels->two_lines(&lines, &target);
  } else {
    line.weights += first * shape->kernel[2] * LANES;
    conv->kernels->line(&line, &target);
  }
}

/// Pairs of rows; the last of an image may be a row alone.
static void run_pairs(void *context, int64_t begin, int64_t end) {
  const zoo_blocked_conv *conv = context;
  const int64_t height = conv->shape->output[1], pairs = (height + 1) / 2;
  const zoo_blocked_line line = line_of(conv->shape);
  const int takes = takes_pairs(conv);
  for (int64_t i = begin; i < end; i++) {
    const int64_t plane = i / pairs, row = i % pairs * 2;
    const int count = row + 1 < height ? 2 : 1;
    if (count == 2 && takes) {
      run_rows(conv, line, plane, row, 2);
    } else {
      for (int64_t y = row; y < row + count; y++) run_rows(conv, line, plane, y, 1);
    }
  }
}

void zoo_blocked_depthwise_run(const zoo_blocked_conv *conv, int max_threads) {
  const zoo_conv_shape *shape = conv->shape;
  const int64_t steps = 2 * shape->output[2] * conv_volume(shape->kernel);
  zoo_parallel_for(
      shape->batch * blocks_of(shape->out_channels) * ((shape->output[1] + 1) / 2),
      greater(1, MIN_STEPS_PER_THREAD / greater(steps, 1)), max_threads, run_pairs, (void *)conv);
}
