// Transposed convolution: one matrix product gives what each input element adds to each of its output elements; then the
// contributions are added up.
#include "conv_f32.h"
#include "zoo_threads.h"

typedef struct {
  const zoo_conv_shape *shape;
  const float *columns, *bias;
  float *output;
} job;

static void add_tap(
    const zoo_conv_shape *s, const float *from, const int64_t tap[3], float *plane) {
  int64_t at[3], first = 0;
  const int64_t shift = tap[2] * s->dilation[2] - s->pad[2], stride = s->stride[2];
  if (shift < 0) first = (-shift + stride - 1) / stride;
  int64_t end = s->output[2] <= shift ? 0 : (s->output[2] - shift + stride - 1) / stride;
  if (end > s->input[2]) end = s->input[2];
  for (at[0] = 0; at[0] < s->input[0]; at[0]++) {
    const int64_t z = at[0] * s->stride[0] + tap[0] * s->dilation[0] - s->pad[0];
    for (at[1] = 0; at[1] < s->input[1]; at[1]++, from += s->input[2]) {
      const int64_t y = at[1] * s->stride[1] + tap[1] * s->dilation[1] - s->pad[1];
      if (z < 0 || z >= s->output[0] || y < 0 || y >= s->output[1]) continue;
      float *row = plane + (z * s->output[1] + y) * s->output[2] + shift;
      for (int64_t x = first; x < end; x++) row[x * stride] += from[x];
    }
  }
}

static void add_channels(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  const zoo_conv_shape *s = j->shape;
  const int64_t taps = conv_volume(s->kernel), inputs = conv_volume(s->input);
  const int64_t outputs = conv_volume(s->output);
  for (int64_t channel = begin; channel < end; channel++) {
    float *plane = j->output + channel * outputs;
    for (int64_t i = 0; i < outputs; i++) plane[i] = j->bias ? j->bias[channel] : 0;
    for (int64_t t = 0; t < taps; t++) {
      const int64_t tap[3] = {
          t / s->kernel[2] / s->kernel[1], t / s->kernel[2] % s->kernel[1], t % s->kernel[2]};
      add_tap(s, j->columns + (channel * taps + t) * inputs, tap, plane);
    }
  }
}

size_t zoo_conv_transpose_f32_scratch_bytes(const zoo_conv_shape *shape) {
  return (size_t)(shape->out_channels / shape->groups * conv_volume(shape->kernel) *
                  conv_volume(shape->input)) * sizeof(float);
}

void zoo_conv_transpose_f32_run(
    zoo_isa isa, const zoo_conv_shape *shape, const float *input, const float *weights,
    const float *bias, float *output, void *scratch, int max_threads) {
  const int64_t rows = shape->out_channels / shape->groups * conv_volume(shape->kernel);
  const int64_t n = conv_volume(shape->input), k = shape->in_channels / shape->groups;
  const int64_t channels = shape->out_channels / shape->groups;
  for (int64_t i = 0; i < shape->batch * shape->groups; i++) {
    const int64_t group = i % shape->groups, none = 0;
    const zoo_gemm_f32_batch product = {
        .batch = 1, .m = rows, .n = n, .k = k, .lda = rows, .ldb = n, .ldc = n,
        .a_transposed = 1, .a_offsets = &none, .b_offsets = &none, .c_offsets = &none, .alpha = 1};
    zoo_gemm_f32_run_batch(
        isa, &product, weights + group * k * rows, input + i * k * n, scratch, NULL, max_threads);
    job j = {
        shape, scratch, bias ? bias + group * channels : NULL,
        output + i * channels * conv_volume(shape->output)};
    zoo_parallel_for(channels, 1, max_threads, add_channels, &j);
  }
}
