// Channel by channel convolution of blocks: a vector holds the channels of a pixel, so every tap is one multiply-add,
// and nothing is copied.
#include "blocked.h"
#include "zoo_threads.h"

enum { MIN_STEPS_PER_THREAD = 1 << 13, LANES = ZOO_CHANNEL_BLOCK };

static int64_t greater(int64_t a, int64_t b) { return a > b ? a : b; }

static void run_lines(void *context, int64_t begin, int64_t end) {
  const zoo_blocked_conv *conv = context;
  const zoo_conv_shape *shape = conv->shape;
  const int64_t blocks = blocks_of(shape->out_channels), height = shape->output[1];
  zoo_blocked_line line = {
      .row = shape->dilation[1] * shape->input[2] * LANES, .columns = (int)shape->kernel[2],
      .width = shape->input[2], .out_width = shape->output[2], .stride = shape->stride[2],
      .dilation = shape->dilation[2], .pad = shape->pad[2]};
  int64_t y = begin % height, plane = begin / height;
  for (int64_t i = begin; i < end; i++, y++) {
    if (y == height) {
      y = 0;
      plane++;
    }
    const int64_t block = plane % blocks;
    const int64_t top = y * shape->stride[1] - shape->pad[1], step = shape->dilation[1];
    int64_t first = 0, last = shape->kernel[1];
    while (first < last && top + first * step < 0) first++;
    while (last > first && top + (last - 1) * step >= shape->input[1]) last--;
    line.rows = (int)(last - first);
    line.in = conv->input +
              (plane * shape->input[1] + top + first * step) * shape->input[2] * LANES;
    line.weights = conv->weights +
                   (block * shape->kernel[1] + first) * shape->kernel[2] * LANES;
    const zoo_blocked_target target =
        zoo_blocked_target_at(conv, i * shape->output[2] * LANES, block, 0);
    conv->kernels->line(&line, &target);
  }
}

void zoo_blocked_depthwise_run(const zoo_blocked_conv *conv, int max_threads) {
  const zoo_conv_shape *shape = conv->shape;
  const int64_t steps = shape->output[2] * conv_volume(shape->kernel);
  zoo_parallel_for(
      shape->batch * blocks_of(shape->out_channels) * shape->output[1],
      greater(1, MIN_STEPS_PER_THREAD / greater(steps, 1)), max_threads, run_lines, (void *)conv);
}
