// f64 convolution. In C for the same reason as all loops over taps: bounds are proved once per row, not per element.
// The same to the bit on every processor: nothing becomes a fused multiply-add that is not written as one.
#pragma STDC FP_CONTRACT OFF

#include "conv_f32.h"
#include "zoo_conv_any.h"
#include "zoo_threads.h"

typedef struct {
  const zoo_conv_shape *shape;
  const double *input, *weights, *bias;
  double *output;
} job;

/// Adds one tap of one channel to row (z, y) of the output.
static void add_tap(
    const zoo_conv_shape *shape, const double *plane, double weight, const int64_t tap[3],
    int64_t z, int64_t y, double *row) {
  const int64_t in_z = z * shape->stride[0] + tap[0] * shape->dilation[0] - shape->pad[0];
  const int64_t in_y = y * shape->stride[1] + tap[1] * shape->dilation[1] - shape->pad[1];
  if (in_z < 0 || in_z >= shape->input[0] || in_y < 0 || in_y >= shape->input[1]) return;
  const double *line = plane + (in_z * shape->input[1] + in_y) * shape->input[2];
  for (int64_t x = 0; x < shape->output[2]; x++) {
    const int64_t in_x = x * shape->stride[2] + tap[2] * shape->dilation[2] - shape->pad[2];
    if (in_x >= 0 && in_x < shape->input[2]) row[x] += weight * line[in_x];
  }
}

static void run_channels(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  const zoo_conv_shape *s = j->shape;
  const int64_t taps = conv_volume(s->kernel), channels = s->in_channels / s->groups;
  for (int64_t i = begin; i < end; i++) {
    const int64_t image = i / s->out_channels, channel = i % s->out_channels;
    const int64_t group = channel / (s->out_channels / s->groups);
    const double *in =
        j->input + (image * s->in_channels + group * channels) * conv_volume(s->input);
    double *row = j->output + i * conv_volume(s->output);
    for (int64_t line = 0; line < s->output[0] * s->output[1]; line++, row += s->output[2]) {
      for (int64_t x = 0; x < s->output[2]; x++) row[x] = j->bias ? j->bias[channel] : 0;
      for (int64_t k = 0; k < channels * taps; k++) {
        const int64_t t = k % taps;
        const int64_t tap[3] = {
            t / s->kernel[2] / s->kernel[1], t / s->kernel[2] % s->kernel[1], t % s->kernel[2]};
        add_tap(
            s, in + k / taps * conv_volume(s->input), j->weights[channel * channels * taps + k],
            tap, line / s->output[1], line % s->output[1], row);
      }
    }
  }
}

void zoo_conv_f64_run(
    const zoo_conv_shape *shape, const double *input, const double *weights, const double *bias,
    double *output, int max_threads) {
  job j = {shape, input, weights, bias, output};
  zoo_parallel_for(shape->batch * shape->out_channels, 1, max_threads, run_channels, &j);
}
